"""A failing run of each kind: `up` ends with the right reasons on one screen, soon after Kubernetes knows them, always.

Several runs fail in one `up`, each in its own way, and no model is served beside them.
"""

import re
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from contract.store import versions
from infra.failure import ANNOTATION
from local import paths
from tests.e2e.platform import Done, Platform, idle_container, words

DEADLINE_SECONDS = 25
LATEST_SECONDS = 30
"""How long after the last reason `up` may end; and how long after its deadline a run may take to fail."""

SCREEN_LINES = 60
"""Seven runs that fail in seven ways fit on a screen that is scrolled once."""

MEMORY = {"cpu": "100m", "memory": "64Mi"}
ENDLESS = {"epochs": 1000, "batchSize": 8}


def run(version: int, **words: Any) -> dict[str, Any]:
    resources = MEMORY | {"limits": {"cpu": 1, "memory": "700Mi"}}
    job = {"tenant": "ml", "version": version, "resources": resources, "deadline": f"{DEADLINE_SECONDS}s"}
    return job | {"backoffLimit": 0, "args": ENDLESS} | words


RUNS: dict[str, dict[str, Any]] = {
    "code": run(10, deadline="2m", args={"epochs": -1}),
    "memory": run(11, deadline="2m", resources=MEMORY | {"limits": {"cpu": 1, "memory": "150Mi"}}),
    "deadline": run(12),
    "gang": run(13, deadline="2m", workers=2, backoffLimit=1, args={"epochs": -2}),
    "nowhere": run(14, nodeSelector={"disk": "tape"}),
    "toolarge": run(15, resources={"cpu": 3, "memory": "64Mi"}),
    "quota": run(16, gpus=1),
}
SAID: dict[str, tuple[str, ...]] = {
    "code": ("[BackoffLimitExceeded]", "args.epochs is -1"),
    "memory": ("[BackoffLimitExceeded]", "OOMKilled"),
    "deadline": ("[DeadlineExceeded]",),
    "gang": ("[BackoffLimitExceeded]", "args.epochs is -2"),
    "nowhere": ("[DeadlineExceeded]", "didn't match Pod's node affinity/selector"),
    "toolarge": ("[DeadlineExceeded]", "Insufficient cpu"),
    "quota": ("[DeadlineExceeded]", "exceeded quota"),
    "image": ("[DeadlineExceeded]", "train:missing"),
}
"""What the screen must say of each, whichever provider waits for it."""


def stack(runs: Mapping[str, Any]) -> Any:
    config = words()
    config["tfk8s:trainingJobs"], config["tfk8s:models"] = dict(runs), {}
    return config


def without_image() -> Any:
    """One run, of an image that nobody pushed."""
    config = stack({"image": run(17)})
    config["tfk8s:images"]["training"] = {"ref": "127.0.0.1:15000/tfk8s/train:missing"}
    return config


@dataclass(frozen=True)
class Screen:
    """An `up` that failed, and when."""

    done: Done
    ended: float
    """Seconds since the epoch."""

    @property
    def lines(self) -> list[str]:
        """The errors, without the progress of what went well."""
        return re.split(r"^error: ", self.done.text, maxsplit=1, flags=re.MULTILINE)[1].splitlines()

    def of(self, name: str) -> str:
        """What it says of one run: each of its paragraphs begins with the run's name."""
        paragraphs = re.split(r"^(?=\S)", "\n".join(self.lines), flags=re.MULTILINE)
        return "".join(one for one in paragraphs if one.startswith(f"{name}-v"))


def failing(platform: Platform, config: Any) -> Screen:
    done = platform.up(config)
    assert done.status != 0
    assert "Traceback" not in done.text
    return Screen(done, time.time())


@pytest.fixture(scope="module")
def gpus_taken(platform: Platform) -> Generator[None]:
    """Somebody else's pod takes every GPU of the quota, which the sums of the stack file cannot know."""
    assert platform.up(stack({})).status == 0
    amounts = {"cpu": "10m", "memory": "16Mi", "nvidia.com/gpu": "8"}
    container = idle_container("hog", amounts)
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "hog"}, "spec": {"containers": [container]}}
    assert platform.post("/api/v1/namespaces/ml/pods", pod).status_code == 201
    yield
    platform.delete("/api/v1/namespaces/ml/pods/hog")


@pytest.fixture(scope="module")
def screens(platform: Platform, gpus_taken: None) -> list[Screen]:
    """The same `up` twice."""
    return [failing(platform, stack(RUNS)) for _ in range(2)]


@pytest.fixture(scope="module")
def screens_without_image(platform: Platform, screens: list[Screen]) -> list[Screen]:
    """The same `up` twice, after the others."""
    return [failing(platform, without_image()) for _ in range(2)]


def failed_at(platform: Platform, name: str) -> float:
    """When the API server was told that a run had failed; prints how that lay to the run's deadline."""
    version = (RUNS | {"image": run(17)})[name]["version"]
    job = platform.get(f"/apis/batch/v1/namespaces/ml/jobs/{name}-v{version}")
    [failed] = [one for one in job["status"]["conditions"] if one["type"] == "Failed"]
    begun, at = (
        datetime.fromisoformat(text).timestamp() for text in (job["status"]["startTime"], failed["lastTransitionTime"])
    )
    deadline = job["spec"]["activeDeadlineSeconds"]
    print(f"{name}: [{failed['reason']}] {at - begun:.0f} s after its start, deadline {deadline} s")
    assert at <= begun + deadline + LATEST_SECONDS
    assert len(SAID[name]) == 1 or SAID[name][1] in job["metadata"]["annotations"][ANNOTATION]
    return at


def require_in_time(platform: Platform, screen: Screen, names: list[str]) -> None:
    waited = screen.ended - max(failed_at(platform, name) for name in names)
    print(f"`up` ended {waited:.0f} s after the last reason was there")
    assert waited <= LATEST_SECONDS


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("again", [False, True], ids=["at first", "again"])
def test_every_up_says_why(screens: list[Screen], name: str, *, again: bool) -> None:
    said = screens[again].of(name)
    for text in SAID[name]:
        assert text in said
    assert f"say attempt: 2 under tfk8s:trainingJobs.{name}" in said


def test_all_of_it_is_one_screen_soon_after_the_last_reason(platform: Platform, screens: list[Screen]) -> None:
    assert max(len(screen.lines) for screen in screens) <= SCREEN_LINES
    require_in_time(platform, screens[0], list(RUNS))
    assert screens[1].done.seconds <= LATEST_SECONDS


def test_an_image_that_is_not_there_is_named_each_time(platform: Platform, screens_without_image: list[Screen]) -> None:
    for screen in screens_without_image:
        for text in SAID["image"]:
            assert text in screen.of("image")
    require_in_time(platform, screens_without_image[0], ["image"])
    assert screens_without_image[1].done.seconds <= LATEST_SECONDS


def test_nothing_was_published(screens_without_image: list[Screen]) -> None:
    assert screens_without_image
    assert [name for name in SAID if versions(paths.STORE, name)] == []
