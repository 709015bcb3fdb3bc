"""A sweep of 24 trials on digits, killed halfway and resumed: what it finds, and that no trial runs twice.

Takes about five minutes. `tests/e2e/test_9_sweep.py` has four trials, and kills one pod of a Job that stays.
"""

import re
import statistics
import threading
import time
from collections import Counter

from contract.sweep_result import RESULT, SweepResult
from local.cluster import credentials
from local.cluster.api import connect
from tests.e2e.platform import Done, Platform, first_process, signal_one, until
from tests.e2e.sweeps import PARALLELISM, ClusterSweep
from training.sweep_journal import slot_of

TRIALS = 24
EPOCHS = 12
SWEEP = ClusterSweep(
    "bench",
    TRIALS,
    EPOCHS,
    sampler="tpe",
    space={
        "learningRate": {"type": "float", "low": 0.0005, "high": 0.02, "log": True},
        "batchSize": {"type": "categorical", "choices": [16, 32, 64, 128]},
    },
)
PODS = f"{SWEEP.name}-sweep-"
JOB = f"/apis/batch/v1/namespaces/ml/jobs/{SWEEP.name}-sweep"


def running() -> list[int]:
    """Slots whose trials are a quarter through their epochs."""
    begun = (trial for trial in SWEEP.attempts() if not trial.state.is_finished())
    return [slot_of(trial) for trial in begun if len(trial.intermediate_values) >= EPOCHS // 4]


def done() -> dict[int, int]:
    """Slots of the trials that are done, by their numbers."""
    return {trial.number: slot_of(trial) for trial in SWEEP.attempts() if trial.state.is_finished()}


def kill_all(platform: Platform) -> None:
    """Every trial that runs, and the Job before it can start them again."""
    for slot in running():
        if process := first_process(f"TFK8S_SWEEP={SWEEP.name}", f"JOB_COMPLETION_INDEX={slot}"):
            signal_one(process)
    with connect(credentials.ADMIN) as client:
        client.delete(JOB, params={"propagationPolicy": "Background"}).raise_for_status()
    until("its pods are gone", 60, lambda: not any(pod.startswith(PODS) for pod in platform.pods()))


def test_a_sweep_of_24_trials_killed_halfway_and_resumed(platform: Platform) -> None:
    ended: list[Done] = []
    up = threading.Thread(target=lambda: ended.append(platform.up(SWEEP.config())))
    started = time.monotonic()
    up.start()
    try:
        until("half of the sweep", 600, lambda: len(done()) >= TRIALS // 2 and len(running()) > 0)
        kill_all(platform)
    finally:
        up.join()
    assert ended[0].status != 0
    before = done()
    cut = [trial for trial in SWEEP.attempts() if trial.number not in before]
    resumed = platform.up(SWEEP.config(attempt=2))
    assert resumed.status == 0, resumed.text
    seconds = time.monotonic() - started

    complete = [trial for trial in SWEEP.attempts() if trial.state.name == "COMPLETE"]
    assert Counter(map(slot_of, complete)) == dict.fromkeys(range(TRIALS), 1)
    assert len(SWEEP.attempts()) == TRIALS + len(cut)
    said = "".join(platform.log_of(pod) for pod in platform.pods() if pod.startswith(PODS))
    trained_again = set(map(int, re.findall(r"trial (\d+), epoch \d+", said)))
    assert len(trained_again) == TRIALS - len(before)
    assert not trained_again & before.keys()
    assert said.count("is done already") == len(before)

    result = SweepResult.parse((SWEEP.directory / RESULT).read_bytes())
    assert result.declared is not None
    assert result.best is not None
    values = [trial.value or 0.0 for trial in complete]
    print(
        f"\n{TRIALS} trials of {EPOCHS} epochs, {PARALLELISM} at a time, in {seconds:.0f} s with all that was killed;"
    )
    print(f"killed with {len(before)} trials done and {len(cut)} in their epochs; resumed: no done trial ran again")
    print(f"declared arguments: validation accuracy {result.declared.value:.4f}; of all trials: ", end="")
    print(f"median {statistics.median(values):.4f}, worst {min(values):.4f}, best {max(values):.4f}")
    best = ", ".join(f"{name} {value}" for name, value in result.best.parameters.items())
    print(f"beats the declared arguments: {'yes, with ' + best if result.beats_declared else 'no'}")
