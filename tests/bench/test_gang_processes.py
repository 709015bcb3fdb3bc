"""Two workers as processes of this machine that lose either of them in every way, under a reader that polls the store.

No cluster is touched; test_gang.py does the same on one.
"""

import signal
from collections.abc import Generator
from pathlib import Path

import pytest

from contract import checkpoints, progress, store
from tests.e2e.gang import Gang, kill_container, polled, signal_child, terminate_container

EVERY = 25
"""Steps between two checkpoints."""


@pytest.fixture
def watched(tmp_path: Path) -> Generator[tuple[Gang, list[str]]]:
    """Two workers, with a reader that polls the store all the while."""
    with (
        Gang(tmp_path, 2, {"epochs": 20, "checkpointSteps": EVERY}) as gang,
        polled(gang.store, 1) as problems,
    ):
        yield gang, problems


def test_a_gang_outlives_the_loss_of_either_worker_and_of_its_chief(watched: tuple[Gang, list[str]]) -> None:
    gang, problems = watched
    chief, other = gang.workers
    disturbances = [
        lambda: signal_child(other, signal.SIGKILL),
        lambda: kill_container(chief),
        lambda: signal_child(other, signal.SIGSTOP),
        lambda: terminate_container(other),
    ]
    gang.wait_for_step(EVERY + 5)
    for disturb in disturbances:
        disturb()
        seconds, resumed = gang.wait_for_new_step()
        print(f"next step, after {resumed}, {seconds:.1f} s later")
        gang.wait_for_step(resumed + EVERY + 5)
    gang.wait_for_end()

    lost = [int(line.partition("after step ")[2].partition(":")[0]) for line in chief.said("another worker was lost")]
    resumed = [int(line.split()[3]) for line in chief.said("resumed at step")]
    assert len(resumed) == len(disturbances)
    assert all(0 <= at - again <= EVERY for at, again in zip(lost, [resumed[0], *resumed[2:]], strict=True))
    assert problems == []
    assert store.verify(gang.store / "digits" / "1", model="digits", version=1).metrics["testAccuracy"] >= 0.95
    told = progress.read(progress.progress_path(gang.store, "digits", 1))
    assert told is not None
    assert (told.phase, told.restarts) == ("published", len(disturbances))
    assert not checkpoints.checkpoints_dir(gang.store, "digits", 1).exists()
