"""What the wrapper takes of a training: `python3 -c` with this text, in the place of `python3 -m training.train`.

The training is the real one. Whatever its loop calls that is not training passes through a clock, and the threads
beside it tell how much processor time they took. The last line is JSON, in seconds.
"""

import json
import os
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from contract import checkpoints, store
from contract.run import RunEnvironment
from training import heart, loop
from training.beat import Beat
from training.child import run_once

Function = Callable[..., Any]

waited: defaultdict[str, float] = defaultdict(float)
"""Of the loop, by what it called."""

beside: defaultdict[str, float] = defaultdict(float)
"""Processor time of other threads."""


def counted(clock: Callable[[], float], sums: defaultdict[str, float], name: str, function: Function) -> Function:
    def call(*arguments: object) -> Any:
        begun = clock()
        try:
            return function(*arguments)
        finally:
            sums[name] += clock() - begun

    return call


train = loop.Training.run


def run(self: Any, state: Any, save: Function, report: Function, settle: Function) -> None:
    named = (("save", save), ("report", report), ("settle", settle))
    train(self, state, *(counted(time.perf_counter, waited, name, function) for name, function in named))


replaced: tuple[tuple[Any, str, Function], ...] = (
    (loop.Training, "run", run),
    (heart.Heart, "run", counted(time.thread_time, beside, "heart", heart.Heart.run)),
    (checkpoints, "save", counted(time.thread_time, beside, "saver", checkpoints.save)),
)
for owner, name, function in replaced:
    setattr(owner, name, function)

environment = RunEnvironment.from_env(os.environ)
staging = store.staging_path(Path(environment.store), environment.model, environment.version)
print(run_once(environment, staging, Beat(Path(os.environ["TMPDIR"]) / "beat")))
print(json.dumps({"waited": waited, "beside": beside}))
