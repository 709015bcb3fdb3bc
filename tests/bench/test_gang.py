"""Two workers that lose one, both, or their node, in every way: each time from the disturbance to the next step.

Prints every recovery with the log lines between; takes about 12 minutes with caches, 5 of them for the ten kills.
"""

import os
import random
import signal
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from local import paths
from local.cluster import credentials
from local.cluster.api import connect
from tests.e2e.gang import polled
from tests.e2e.gang_on_cluster import ClusterGang, Recovery
from tests.e2e.platform import Platform, signal_one, until

EVERY = 50
"""Steps between two checkpoints."""

ARGS = {"epochs": 60, "checkpointSteps": EVERY}
KILL_SECONDS = 20
"""Longest time from a kill or an eviction to the gang's next step."""

STOP_SECONDS = 35
"""The same from a SIGSTOP, which nobody reports."""

KILLS = 10
SAME_ACCURACY = 0.01
"""Largest difference that counts as the same accuracy: two of 263 digits."""

PACKAGES = "io.containerd.snapshotter.v1.overlayfs/snapshots/*/fs/usr/local/lib/python3*/dist-packages"


@pytest.fixture(scope="module")
def undisturbed(platform: Platform) -> float:
    """Accuracy of two workers whom nobody disturbs; their image is read from disk."""
    for directory in paths.CONTAINERD_CACHE.glob(PACKAGES):
        forget_files(directory)
    with ClusterGang(platform, 40, ARGS) as gang:
        print_start(gang, "cold")
        return gang.wait_for_end().metrics["testAccuracy"]


@pytest.fixture
def disturbed(platform: Platform, undisturbed: float, request: pytest.FixtureRequest) -> Generator[ClusterGang]:
    """A gang to be disturbed, which ends by itself with the accuracy of one that is not."""
    with ClusterGang(platform, request.param, ARGS) as gang:
        print_start(gang, "warm")
        yield gang
        accuracy = gang.wait_for_end().metrics["testAccuracy"]
        print(gang.tail())  # whether all ended at once
    print(f"accuracy {accuracy:.4f}, undisturbed {undisturbed:.4f}")
    assert accuracy >= 0.95
    assert accuracy == pytest.approx(undisturbed, abs=SAME_ACCURACY)


def test_two_workers_learn_what_one_does(platform: Platform, undisturbed: float) -> None:
    with ClusterGang(platform, 41, ARGS, workers=1) as alone:
        accuracy = alone.wait_for_end(180).metrics["testAccuracy"]
    print(f"accuracy of one worker {accuracy:.4f}, of two {undisturbed:.4f}")
    assert undisturbed >= 0.95
    assert accuracy == pytest.approx(undisturbed, abs=SAME_ACCURACY)


@pytest.mark.parametrize("disturbed", [42], indirect=True)
def test_a_gang_steps_again_after_a_stop(disturbed: ClusterGang) -> None:
    gang = disturbed
    for what, processes in (
        ("the training of worker 1 stopped", lambda: [gang.training(1)]),
        ("worker 1's container stopped", lambda: [gang.first_process(1), gang.training(1)]),
        ("the chief's container stopped", lambda: [gang.first_process(0), gang.training(0)]),
    ):
        require(disturb(gang, what, signal_all(signal.SIGSTOP, processes)), STOP_SECONDS)


@pytest.mark.parametrize("disturbed", [43], indirect=True)
def test_a_gang_steps_again_after_the_loss_of_both_and_after_a_drain(
    platform: Platform, disturbed: ClusterGang
) -> None:
    gang = disturbed
    both = signal_all(signal.SIGKILL, lambda: [gang.first_process(0), gang.first_process(1)])
    require(disturb(gang, "both containers killed", both), KILL_SECONDS)
    require(disturb(gang, "worker 1 evicted by a drain", lambda: drain(platform, gang, 1)), KILL_SECONDS)


@pytest.mark.parametrize("disturbed", [44], indirect=True)
def test_a_gang_steps_again_after_its_chief_was_drained(platform: Platform, disturbed: ClusterGang) -> None:
    gang = disturbed
    require(disturb(gang, "the chief evicted by a drain", lambda: drain(platform, gang, 0)), KILL_SECONDS)


def test_ten_kills_at_random_moments_end_a_run_as_if_there_had_been_none(platform: Platform) -> None:
    chosen = random.Random(9)
    args = ARGS | {"epochs": 150}
    recoveries: list[Recovery] = []
    with polled(paths.STORE, 45) as problems, ClusterGang(platform, 45, args, backoffLimit=10, deadline="1h") as gang:
        gang.wait_for_step(1, 90)
        for _ in range(KILLS):
            gang.wait_for_step(gang.step + chosen.randrange(1, 3 * EVERY))
            index = chosen.randrange(2)
            name, process = chosen.choice((("container", gang.first_process), ("training", gang.training)))
            kill = signal_all(signal.SIGKILL, lambda process=process, index=index: [process(index)])
            recoveries.append(gang.disturb(f"worker {index}'s {name} killed", kill, 400))
        gang.wait_for_phase("publishing", 120)
        signal_one(gang.first_process(0))
        version = gang.wait_for_end(400)
    for recovery in recoveries:
        print(recovery)
        assert recovery.repeated <= EVERY, recovery
    print(f"accuracy {version.metrics['testAccuracy']:.4f}")
    assert problems == []
    assert version.metrics["testAccuracy"] >= 0.95


def disturb(gang: ClusterGang, what: str, action: Callable[[], object]) -> Recovery:
    """Disturb a gang that has made a checkpoint since it was disturbed before, in the middle of an interval."""
    gang.wait_for_step((gang.step // EVERY + 1) * EVERY + EVERY // 2)
    return gang.disturb(what, action, 120)


def require(recovery: Recovery, seconds: float) -> None:
    assert recovery.repeated <= EVERY, recovery
    assert recovery.seconds <= seconds, recovery


def signal_all(number: signal.Signals, processes: Callable[[], list[int]]) -> Callable[[], None]:
    """Signal processes one after the other; found just before the signal."""

    def action() -> None:
        for process in processes():
            os.kill(process, number)

    return action


def drain(platform: Platform, gang: ClusterGang, index: int) -> None:
    """Do as `kubectl drain` does, to one pod; the only node of this cluster comes back as soon as the worker left it.

    Elsewhere the pod that follows would go to another node at once. It comes 10 s after the eviction, which is the Job
    controller's first back-off.
    """
    name = gang.pod(index)
    cordon(unschedulable=True)
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": "ml"}}
    begun = time.monotonic()
    platform.post(f"/api/v1/namespaces/ml/pods/{name}/eviction", eviction).raise_for_status()
    until("the worker left", 40, lambda: not gang.first_process(index))
    print(f"{name} left {time.monotonic() - begun:.0f} s after its eviction")
    cordon(unschedulable=False)


def cordon(*, unschedulable: bool) -> None:
    with connect(credentials.ADMIN) as client:
        client.patch(
            f"/api/v1/nodes/{paths.NODE}",
            headers={"Content-Type": "application/merge-patch+json"},
            json={"spec": {"unschedulable": unschedulable}},
        ).raise_for_status()


def forget_files(directory: Path) -> None:
    """Have the kernel read a directory's files from disk again."""
    for parent, _, names in os.walk(directory):
        for name in names:
            file = Path(parent, name)
            if file.is_file() and not file.is_symlink():
                descriptor = os.open(file, os.O_RDONLY)
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
                os.close(descriptor)


def print_start(gang: ClusterGang, kind: str) -> None:
    """Print the time from the start of the later container to the first step."""
    gang.wait_for_step(1, 120)
    started: list[Any] = [gang.started(index) for index in range(2)]
    print(f"\n{kind} start of {gang.run}: first step {gang.first_step() - max(started):.1f} s after its last container")
    for when, line in gang.log():
        print(f"    {when - max(started):6.2f} s  {line}")
