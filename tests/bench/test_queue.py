"""The program's own runs in a queue of real Kueue: one waits while the other has the share, and both are published."""

import re
import threading
import time
from collections.abc import Generator
from typing import Any

import pytest

from contract import progress, store
from local import paths
from local.cluster import credentials
from local.cluster.api import connect
from tests.bench import admission
from tests.e2e.platform import Done, Platform, idle_container, make, until, words

VERSION = 90
RUN, SECOND, THIRD = f"digits-v{VERSION}", "second-v1", "third-v1"
GPUS = 2
"""Of each run: the one that its tenant owns and the one that it borrows, all that the pool has."""
EVERY = 50
"""Steps between two checkpoints."""


@pytest.fixture(scope="module")
def platform(cluster: None, tmp_path_factory: pytest.TempPathFactory) -> Generator[Platform]:
    """The embedded platform with Kueue beside it."""
    with (
        connect(credentials.ADMIN) as client,
        admission.kueue(client, tmp_path_factory.mktemp("kueue")),
    ):
        yield Platform(tmp_path_factory.mktemp("overrides"))


def config(*others: str) -> Any:
    """Version 90 and other runs of a tenant that owns one GPU of a pool and may borrow that of another one."""
    changed = words()
    room = {"cpu": 1, "memory": "1Gi"}
    changed["tfk8s:tenants"]["ml"]["queue"] = "gpus"
    changed["tfk8s:tenants"]["owner"] = {"queue": "gpus", "quota": {"requests": {**room, "gpu": 1}, "limits": room}}
    changed["tfk8s:gpuPool"] = {"tenants": {"ml": {"gpu": 1}, "owner": {"gpu": 1}}}
    run = changed["tfk8s:trainingJobs"]["digits"]
    run |= {"version": VERSION, "gpus": GPUS, "args": {"epochs": 30, "checkpointSteps": EVERY}}
    changed["tfk8s:models"]["digits"]["tracks"]["stable"]["version"] = VERSION
    changed["tfk8s:trainingJobs"] |= {name: {**run, "version": 1} for name in others}
    return changed


def job(platform: Platform, name: str) -> Any:
    return platform.get(f"/apis/batch/v1/namespaces/ml/jobs/{name}")


def is_running(platform: Platform, name: str, namespace: str = "ml") -> bool:
    """Whether a pod of the Job is ready; False also while there is no such Job."""
    jobs = platform.get(f"/apis/batch/v1/namespaces/{namespace}/jobs", fieldSelector=f"metadata.name={name}")["items"]
    return any(one["status"].get("ready", 0) for one in jobs)


def test_a_run_waits_while_the_share_is_used_says_so_and_is_published_like_the_first(platform: Platform) -> None:
    done: list[Done] = []
    up = threading.Thread(target=lambda: done.append(platform.up(config("second"))))
    up.start()
    try:
        until("one of the runs runs", 240, lambda: is_running(platform, RUN) or is_running(platform, SECOND))
        first, later = (RUN, SECOND) if is_running(platform, RUN) else (SECOND, RUN)
        assert job(platform, later)["spec"]["suspend"] is True
        status = " ".join(make("status").text.split())
        assert f"{later} is queued: " in status
        assert "insufficient unused quota" in status
        until("the first one ends", 240, lambda: job(platform, first)["status"].get("succeeded") == 1)
        assert "completionTime" not in job(platform, later)["status"]
    finally:
        up.join()
    [ended] = done
    assert ended.status == 0, ended.text
    assert "waiting to be admitted" in ended.text
    for model, version in (("digits", VERSION), ("second", 1)):
        published = store.verify(store.version_dir(paths.STORE, model, version), model=model, version=version)
        assert published.metrics["testAccuracy"] >= 0.95


def test_a_run_gives_borrowed_devices_back_and_goes_on_from_its_checkpoint(platform: Platform) -> None:
    done: list[Done] = []
    up = threading.Thread(target=lambda: done.append(platform.up(config("third"))))
    up.start()
    try:
        until("a checkpoint", 120, lambda: step("third") > 2 * EVERY or not up.is_alive())
        answer = platform.post("/apis/batch/v1/namespaces/owner/jobs", owners_job())
        assert answer.status_code == 201, answer.text
        asked = time.monotonic()
        until("the owner's Job runs", 60, lambda: is_running(platform, "owners", "owner"))
        print(f"the owner has its devices {time.monotonic() - asked:.1f} s after it asked")
        stopped_at = step("third")
        assert job(platform, THIRD)["spec"]["suspend"] is True
        platform.delete("/apis/batch/v1/namespaces/owner/jobs/owners")
    finally:
        up.join()
    [ended] = done
    assert ended.status == 0, ended.text
    assert job(platform, THIRD)["status"].get("failed", 0) == 0
    [resumed] = re.findall(r"resumed at step (\d+) of", platform.log(THIRD))
    print(f"stopped after step {stopped_at} or soon after it, resumed at step {resumed}")
    assert int(resumed) >= max(1, stopped_at - 2 * EVERY)
    store.verify(store.version_dir(paths.STORE, "third", 1), model="third", version=1)


def step(model: str) -> int:
    """How far its run is, by what it tells."""
    told = progress.read(progress.progress_path(paths.STORE, model, 1))
    return told.step if told is not None else -1


def owners_job() -> Any:
    """A Job within its tenant's own share, that never ends by itself."""
    asked = {"cpu": "100m", "memory": "32Mi", "nvidia.com/gpu": "1"}
    container = idle_container("pause", asked)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "owners", "labels": {"kueue.x-k8s.io/queue-name": "gpus"}},
        "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [container]}}},
    }
