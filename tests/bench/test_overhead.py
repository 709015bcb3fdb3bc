"""What a training pays for being a run of this project: against the bare script, and within its own steps.

Everything runs in the same image, on the same node, with the same resources, one after the other: the Job that the
program makes, Keras' own `fit`, and a loop of one `tf.function` (tests/bench/bare.py), in turns.
"""

import copy
import json
import re
import statistics
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from contract import store
from local import paths
from tests.e2e.platform import Platform, first_process, make, until

EPOCHS, STEPS_OF_EPOCH = 60, 19
ROUNDS = 3
FIRST_VERSION = 62
ALLOWED = 1.1
"""Times of the Job over those of the bare script, at most."""
ALLOWED_SHARE = 0.01
JOBS = "/apis/batch/v1/namespaces/ml/jobs"
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Took:
    training: float
    """Seconds of the training proper, by its own clock."""

    container: float
    """Seconds of the whole container, by the kubelet's clock, which has whole ones."""

    accuracy: float
    log: str


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Generator[Platform]:
    assert make("down").status == 0
    platform = Platform(tmp_path_factory.mktemp("overrides"))
    assert platform.up().status == 0
    yield platform
    assert make("down").status == 0


def job(platform: Platform, name: str, version: int, command: list[str] | None) -> dict[str, Any]:
    """The Job that the program made for version 1, for another version, or with another command and no probes."""
    made: dict[str, Any] = copy.deepcopy(platform.get(f"{JOBS}/digits-v1"))
    spec, labels = made["spec"], {"app.kubernetes.io/component": "bench"}
    template = spec["template"]["spec"]
    [container] = template["containers"]
    for variable in container["env"]:
        if variable["name"] == "TFK8S_VERSION":
            variable["value"] = str(version)
        elif variable["name"] == "TFK8S_DEFINITION":
            definition = json.loads(variable["value"])
            variable["value"] = json.dumps({**definition, "args": {"epochs": EPOCHS}})
    if command is not None:
        container["command"] = command
        del container["startupProbe"], container["livenessProbe"]
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": "ml", "labels": labels},
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": spec["activeDeadlineSeconds"],
            "template": {"metadata": {"labels": labels}, "spec": template},
        },
    }


def run(platform: Platform, body: Mapping[str, Any]) -> tuple[float, str]:
    """Run a Job to its end: seconds of its container, and its log."""
    name = body["metadata"]["name"]
    platform.post(JOBS, body).raise_for_status()

    def ends() -> set[str]:
        conditions = platform.get(f"{JOBS}/{name}")["status"].get("conditions", [])
        return {one["type"] for one in conditions} & {"Complete", "Failed"}

    until(f"the end of {name}", 180, ends)
    log = platform.log(name)
    assert ends() == {"Complete"}, log
    pods = platform.get("/api/v1/namespaces/ml/pods", labelSelector=f"batch.kubernetes.io/job-name={name}")["items"]
    ended = pods[0]["status"]["containerStatuses"][0]["state"]["terminated"]
    started, finished = (datetime.fromisoformat(ended[when]) for when in ("startedAt", "finishedAt"))
    return (finished - started).total_seconds(), log


def of_job(platform: Platform, number: int) -> Took:
    version = FIRST_VERSION + number
    container, log = run(platform, job(platform, f"bench-job-{number}", version, None))
    manifest = store.verify(store.version_dir(paths.STORE, "digits", version), model="digits", version=version)
    return Took(manifest.metrics["seconds"], container, manifest.metrics["testAccuracy"], log)


def of_script(platform: Platform, way: str, number: int) -> Took:
    # From a file, since TensorFlow translates loops by their source.
    start = 'printf %s "$0" >/tmp/bare.py && exec python3 /tmp/bare.py "$@"'
    command = ["sh", "-c", start, (HERE / "bare.py").read_text(), way, str(EPOCHS), "/tmp/bare"]
    container, log = run(platform, job(platform, f"bench-{way}-{number}", FIRST_VERSION, command))
    found = re.search(r"trained in ([\d.]+) s, test accuracy ([\d.]+)", log)
    assert found, log
    return Took(float(found[1]), container, float(found[2]), log)


def test_a_job_takes_no_longer_than_the_bare_script(platform: Platform) -> None:
    took: dict[str, list[Took]] = {"job": [], "fit": [], "loop": []}
    for number in range(ROUNDS):
        took["job"].append(of_job(platform, number))
        for way in ("fit", "loop"):
            took[way].append(of_script(platform, way, number))
    training = {who: statistics.median(one.training for one in times) for who, times in took.items()}
    container = {who: statistics.median(one.container for one in times) for who, times in took.items()}
    print(f"\n{EPOCHS} epochs of digits, {EPOCHS * STEPS_OF_EPOCH} steps, medians of {ROUNDS}, in turns")
    for who, times in took.items():
        each = " ".join(f"{one.training:.1f}" for one in times)
        print(
            f"{who:4}  training {training[who]:5.1f} s ({each})  container {container[who]:3.0f} s  "
            f"test accuracy {statistics.median(one.accuracy for one in times):.3f}"
        )
    for way in ("fit", "loop"):
        ratios = training["job"] / training[way], container["job"] / container[way]
        print(f"job / {way}: training {ratios[0]:.2f}, container {ratios[1]:.2f}")
        assert max(ratios) <= ALLOWED
    assert all(one.accuracy >= 0.95 for times in took.values() for one in times)


def watcher_seconds(process: int) -> float:
    """Processor time of one process, without its children."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def test_the_wrapper_takes_less_than_a_hundredth_of_a_step(platform: Platform) -> None:
    version = FIRST_VERSION + ROUNDS
    command = ["python3", "-c", (HERE / "share.py").read_text()]
    _, log = run(platform, job(platform, "bench-share", version, command))
    took: dict[str, dict[str, float]] = json.loads(log.splitlines()[-1])
    manifest = store.verify(store.version_dir(paths.STORE, "digits", version), model="digits", version=version)
    seconds, steps = manifest.metrics["seconds"], EPOCHS * STEPS_OF_EPOCH
    print(f"\n{steps} steps of {seconds / steps * 1e6:.0f} us")
    for kind, parts in took.items():
        each = ", ".join(f"{name} {part / steps * 1e6:.1f}" for name, part in sorted(parts.items()))
        print(f"{kind}: {sum(parts.values()) / steps * 1e6:.1f} us a step ({each})")
    waits, beside = (sum(took[kind].values()) / seconds for kind in ("waited", "beside"))
    print(f"the loop waits {waits:.2%} of its time; threads beside it take {beside:.2%} of a processor")
    assert waits < ALLOWED_SHARE


def test_the_watcher_costs_next_to_nothing(platform: Platform) -> None:
    version = FIRST_VERSION + ROUNDS + 1
    platform.post(JOBS, job(platform, "bench-watcher", version, None)).raise_for_status()
    until("the container", 30, lambda: first_process(f"TFK8S_VERSION={version}"))
    watcher = first_process(f"TFK8S_VERSION={version}")
    time.sleep(2)  # Python's own start
    before, begun = watcher_seconds(watcher), time.monotonic()
    time.sleep(8)
    share = (watcher_seconds(watcher) - before) / (time.monotonic() - begun)
    print(f"\nthe watcher takes {share:.2%} of a processor")
    assert share < ALLOWED_SHARE
