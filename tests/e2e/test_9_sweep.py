"""A sweep on the cluster: trials that share a journal, one of them killed, and a result that becomes an output.

The program reads that result from the status of pods, which only a kubelet fills in; processes cannot show it.
"""

import re
import threading
from collections import Counter

import pytest

from contract.sweep_result import RESULT, SweepResult
from infra.reader import read_outputs
from local import paths
from tests.e2e.platform import Done, Platform, first_process, signal_one, until
from tests.e2e.sweeps import ClusterSweep
from training.sweep_journal import parameters_of, slot_of

SLOTS = 4
SWEEP = ClusterSweep(
    "e2e",
    SLOTS,
    epochs=30,
    sampler="random",
    space={
        "learningRate": {"type": "float", "low": 0.001, "high": 0.01, "log": True},
        "batchSize": {"type": "categorical", "choices": [32, 64]},
    },
)


@pytest.fixture(autouse=True)
def running(platform: Platform) -> None:
    if not paths.OUTPUTS.exists():
        assert platform.up().status == 0


def halfway() -> int | None:
    """A slot whose trial is in the midst of its epochs."""
    begun = (trial for trial in SWEEP.attempts() if not trial.state.is_finished())
    return next((slot_of(trial) for trial in begun if len(trial.intermediate_values) > 10), None)


def test_a_sweep_whose_pod_is_killed_ends_by_itself_and_its_best_arguments_are_an_output(platform: Platform) -> None:
    done: list[Done] = []
    up = threading.Thread(target=lambda: done.append(platform.up(SWEEP.config())))
    up.start()
    try:
        until("a trial is halfway", 90, lambda: halfway() is not None or not up.is_alive())
        killed = halfway()
        assert killed is not None, "the sweep ended before it could be disturbed"
        signal_one(first_process(f"TFK8S_SWEEP={SWEEP.name}", f"JOB_COMPLETION_INDEX={killed}"))
    finally:
        up.join()
    [ended] = done
    assert ended.status == 0, ended.text

    by_slot = Counter(map(slot_of, SWEEP.attempts()))
    assert by_slot == {slot: 2 if slot == killed else 1 for slot in range(SLOTS)}
    complete = {slot_of(trial): trial for trial in SWEEP.attempts() if trial.state.name == "COMPLETE"}
    assert sorted(complete) == list(range(SLOTS))
    cut, again = (parameters_of(trial) for trial in SWEEP.attempts() if slot_of(trial) == killed)
    assert cut == again

    logs = "".join(platform.log_of(pod) for pod in platform.pods() if pod.startswith(f"{SWEEP.name}-sweep-"))
    finished = Counter(map(int, re.findall(r"trial (\d+), epoch 30/30", logs)))
    assert finished == {trial.number: 1 for trial in complete.values()}, logs

    found = read_outputs(paths.OUTPUTS.read_text()).sweeps[SWEEP.name]
    result = SweepResult.parse((paths.STORE / found.best).read_bytes())
    assert (SWEEP.directory / RESULT).samefile(paths.STORE / found.best)
    assert result.best is not None
    assert result.lost == 1
    assert found.result is not None
    assert (found.result.parameters, found.result.value) == (result.best.parameters, result.best.value)
    assert found.result.value == max(trial.value or 0 for trial in complete.values())

    again_up = platform.up(SWEEP.config())
    assert set(again_up.stack_changes()) == {"unchanged"}
    assert read_outputs(paths.OUTPUTS.read_text()).sweeps[SWEEP.name] == found


def test_the_result_stays_an_output_when_its_pods_are_gone(platform: Platform) -> None:
    found = read_outputs(paths.OUTPUTS.read_text()).sweeps[SWEEP.name]
    for pod in platform.pods():
        if pod.startswith(f"{SWEEP.name}-sweep-"):
            platform.delete(f"/api/v1/namespaces/ml/pods/{pod}")
    done = platform.up(SWEEP.config())
    assert set(done.stack_changes()) == {"unchanged"}
    assert found.result is not None
    assert read_outputs(paths.OUTPUTS.read_text()).sweeps[SWEEP.name] == found
