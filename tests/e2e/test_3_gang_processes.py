"""Training that survives, as processes of this machine: no cluster is touched, a kubelet of a few lines stands in.

What Kubernetes adds (names, Services, back-off) is tested on the embedded default; here is what the image itself does.
"""

import signal
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from contract import checkpoints, store
from tests.e2e.gang import Gang, signal_child


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
