"""One trial: train, and report the validation part after each epoch. Never the test part."""

import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from contract.exits import Exit, Failure
from contract.progress import EpochProgress
from contract.run import RunDefinition, Scalar
from contract.sweep import SweepEnvironment
from training.arguments import parse
from training.source import load, require_one_batch

Report = Callable[[int, int, float], None]
"""Told the epoch from 1, the number of epochs, and the metric on the validation part; may raise to end the trial."""

Objective = Callable[[SweepEnvironment, RunDefinition, Report], None]


def declared(sweep: SweepEnvironment) -> dict[str, Scalar]:
    """The values of the varied arguments as declared, or as this training code has them.

    Raises:
        Failure: The declared definition, or an end of a range on its own, is not what this training code takes; with
            every problem at once.
    """
    base = sweep.definition.base
    arguments = parse(base)
    problems: list[str] = []
    for name, values in sorted(sweep.definition.space.items()):
        for value in values.ends():
            try:
                parse(replace(base, args={**base.args, name: value}))
            except Failure as error:
                problems.append(f"with {name} = {value!r} {error}")
    if problems:
        raise Failure(Exit.BAD_INPUT, f"the sweep's space is wrong: {'; '.join(dict.fromkeys(problems))}")
    return {
        name: base.args.get(name, getattr(arguments, re.sub("([A-Z])", r"_\1", name).lower()))
        for name in sorted(sweep.definition.space)
    }


def train_once(sweep: SweepEnvironment, definition: RunDefinition, report: Report) -> None:
    """Train once.

    Raises:
        Failure: BAD_INPUT for what this trial's values are to blame for; anything else is the environment.
    """
    arguments = parse(definition)
    source = load(arguments.data, Path(sweep.store), definition.data_version)
    require_one_batch(source, arguments)
    # Takes seconds and a few hundred megabytes, so only a slot that is not done pays for it.
    from training.loop import Training  # noqa: PLC0415 - imports TensorFlow
    from training.state import State  # noqa: PLC0415 - imports TensorFlow
    from training.strategy import make_strategy  # noqa: PLC0415 - imports TensorFlow
    from training.untyped import tf  # noqa: PLC0415 - imports TensorFlow

    def judge(epoch: EpochProgress) -> None:
        if sweep.definition.metric == "validationAccuracy":
            report(epoch.epoch, arguments.epochs, round(epoch.validation_accuracy, 6))
        elif math.isfinite(epoch.validation_loss):  # else the loop fails the trial next
            report(epoch.epoch, arguments.epochs, round(epoch.validation_loss, 6))

    strategy = make_strategy(
        definition.gpus,
        sweep.gpu_mode,
        memory_fraction=sweep.gpu_memory_fraction,
        deterministic=arguments.deterministic,
    )
    try:
        # A trial keeps no checkpoints: cut off, it begins anew. But who saves is also who judges.
        Training(source, arguments, strategy, definition.seed).run(State(), lambda _: None, judge)
    except tf.errors.ResourceExhaustedError as error:
        raise Failure(Exit.BAD_INPUT, f"out of memory: {error.message.splitlines()[0]}") from error
