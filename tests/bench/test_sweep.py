"""A sweep of 24 trials on digits, killed halfway and resumed: what it finds, and that no trial runs twice.

Its trials are processes of this machine that are told what a pod is told, two at a time, as a Job does it.
`tests/e2e/test_9_sweep.py` has four of them on the cluster.
"""

import os
import re
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import optuna
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial

from contract.run import RunDefinition
from contract.sweep import SweepDefinition, SweepEnvironment
from contract.sweep_result import RESULT, SweepResult
from contract.sweep_space import space_of
from training.sweep_journal import JOURNAL, slot_of

ROOT = Path(__file__).parents[2]
TRIALS = 24
PARALLELISM = 2
EPOCHS = 12
SPACE = {
    "learningRate": {"type": "float", "low": 0.0005, "high": 0.02, "log": True},
    "batchSize": {"type": "categorical", "choices": [16, 32, 64, 128]},
}


@dataclass
class Job:
    """The trials of a sweep as processes, and the log of each that was ever started."""

    sweep: SweepEnvironment
    logs: list[Path] = field(default_factory=list[Path])
    codes: Counter[int] = field(default_factory=Counter[int])

    def run(self, *, until: Callable[[], bool] = lambda: False) -> None:
        """Every slot once, in order; everything is killed as soon as the condition holds."""
        slots, running = list(range(TRIALS)), list[subprocess.Popen[bytes]]()
        while slots or running:
            for process in running:
                if process.poll() is not None:
                    self.codes[process.returncode] += 1
            running = [process for process in running if process.returncode is None]
            while slots and len(running) < PARALLELISM:
                running.append(self._start(slots.pop(0)))
            if until():
                for process in running:
                    process.send_signal(signal.SIGKILL)
                    process.wait()
                return
            time.sleep(0.2)

    def _start(self, slot: int) -> "subprocess.Popen[bytes]":
        self.logs.append(Path(self.sweep.store) / f"{len(self.logs)}.txt")
        told = {**replace(self.sweep, slot=slot).to_env(), "JOB_COMPLETION_INDEX": str(slot)}
        with self.logs[-1].open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "training.sweep"],
                cwd=ROOT,
                env={"PATH": os.environ["PATH"], **told},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def trials(self) -> list[FrozenTrial]:
        """Every attempt, as the journal has them."""
        path = self.sweep.directory / JOURNAL
        if not path.exists():
            return []
        storage = optuna.storages.JournalStorage(JournalFileBackend(str(path)))
        return optuna.load_study(study_name=self.sweep.name, storage=storage).trials

    def halfway(self) -> bool:
        """Whether half of the trials are done, and others are in the midst of their epochs."""
        midst = [len(trial.intermediate_values) for trial in self.trials() if not trial.state.is_finished()]
        done = sum(trial.state.is_finished() for trial in self.trials())
        return done >= TRIALS // 2 and len(midst) == PARALLELISM and all(epochs >= EPOCHS // 4 for epochs in midst)


def test_a_sweep_of_24_trials_killed_halfway_and_resumed(tmp_path: Path) -> None:
    definition = SweepDefinition(
        base=RunDefinition(args={"epochs": EPOCHS}), space=space_of(SPACE), trials=TRIALS, sampler="tpe"
    )
    job = Job(
        SweepEnvironment(
            name="bench", model="digits", definition=definition, gpu_mode="pretend", image="bench", store=str(tmp_path)
        )
    )
    started = time.monotonic()
    job.run(until=job.halfway)
    before = {trial.number: trial for trial in job.trials() if trial.state.is_finished()}
    cut = [trial for trial in job.trials() if not trial.state.is_finished()]
    first = len(job.logs)
    job.run()
    seconds = time.monotonic() - started

    by_slot = Counter(slot_of(trial) for trial in job.trials() if trial.state.name == "COMPLETE")
    assert by_slot == dict.fromkeys(range(TRIALS), 1)
    assert len(job.trials()) == TRIALS + len(cut)
    said = "".join(log.read_text() for log in job.logs[first:])
    trained_again = set(map(int, re.findall(r"trial (\d+), epoch \d+", said)))
    assert not trained_again & before.keys()
    assert said.count("is done already") == len(before)
    assert job.codes == {0: len(before) + TRIALS}

    result = SweepResult.parse((job.sweep.directory / RESULT).read_bytes())
    assert result.declared is not None
    assert result.best is not None
    values = [trial.value or 0.0 for trial in job.trials() if trial.state.name == "COMPLETE"]
    print(
        f"\n{TRIALS} trials of {EPOCHS} epochs, {PARALLELISM} at a time, in {seconds:.0f} s with all that was killed;"
    )
    print(f"killed with {len(before)} trials done and {len(cut)} in their epochs; resumed: no done trial ran again,")
    print(f"the {len(cut)} began anew with the same values")
    print(f"declared arguments: validation accuracy {result.declared.value:.4f}; of all trials: ", end="")
    print(f"median {statistics.median(values):.4f}, worst {min(values):.4f}, best {max(values):.4f}")
    best = ", ".join(f"{name} {value}" for name, value in result.best.parameters.items())
    print(f"beats the declared arguments: {'yes, with ' + best if result.beats_declared else 'no'}")
