"""Training that survives, as processes of this machine: no cluster is touched, a kubelet of a few lines stands in.

What Kubernetes adds (names, Services, back-off) is tested on the embedded default; here is what the image itself does.
"""

import signal
import time
from collections.abc import Generator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from contract import checkpoints, progress, store
from tests.e2e.gang import Gang, kill_container, polled, signal_child, terminate_container

EVERY = 25
"""Steps between two checkpoints."""


def weights(gang: Gang) -> list[NDArray[np.float32]]:
    tf: Any = import_module("training.untyped").tf
    return [each.numpy() for each in tf.saved_model.load(str(gang.store / "digits" / "1")).variables]


def accuracy(gang: Gang) -> float:
    return store.verify(gang.store / "digits" / "1", model="digits", version=1).metrics["testAccuracy"]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Gang:
    """One worker, never disturbed, deterministic."""
    with Gang(tmp_path_factory.mktemp("alone"), 1, {"epochs": 1, "deterministic": True}) as gang:
        gang.wait_for_end()
    return gang


def test_two_workers_learn_what_one_does(tmp_path: Path, alone: Gang) -> None:
    with Gang(tmp_path, 2, {"epochs": 1, "deterministic": True}) as gang:
        gang.wait_for_end()
    for one, two in zip(weights(alone), weights(gang), strict=True):
        # After 19 steps. The sums differ in their last bits; where a gradient is almost 0, Adam makes whole steps of
        # that (learning rate 0.002), so a few weights differ by some of them, and all others hardly.
        np.testing.assert_allclose(one, two, rtol=0, atol=0.01)
        assert np.abs(one - two).mean() < 1e-4
    assert accuracy(gang) == pytest.approx(accuracy(alone), abs=0.01)


def test_a_run_cut_off_in_the_middle_of_an_epoch_ends_bit_for_bit_as_if_it_had_not_been(
    tmp_path: Path, alone: Gang
) -> None:
    # Three checkpoints, of which the last one is damaged before the run goes on.
    args = {"epochs": 1, "deterministic": True, "checkpointSteps": 6}
    place = checkpoints.checkpoints_dir(tmp_path / "store", "digits", 1)
    with Gang(tmp_path, 1, args) as gang:
        (worker,) = gang.workers
        while len(checkpoints.steps(place)) < 2:
            time.sleep(0.005)
        signal_child(worker, signal.SIGSTOP)
        newest = checkpoints.steps(place)[-1]
        (place / str(newest) / "variables.npz").write_bytes(b"damage")
        gang.wait_for_end()
    assert worker.said(f"checkpoint of step {newest} is passed over: variables.npz has 6 bytes instead of")
    assert worker.said(f"resumed at step {newest - 6} of 19")
    assert worker.said("the training was stopped by a signal")
    for one, other in zip(weights(alone), weights(gang), strict=True):
        np.testing.assert_array_equal(one, other)


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
    assert accuracy(gang) >= 0.95
    told = progress.read(progress.progress_path(gang.store, "digits", 1))
    assert told is not None
    assert (told.phase, told.restarts) == ("published", len(disturbances))
    assert not checkpoints.checkpoints_dir(gang.store, "digits", 1).exists()
