"""A sweep can be run: its space, its trials and what it begins with."""

from collections.abc import Iterator
from datetime import date
from typing import Final

from contract.run import RunError
from contract.sweep_space import space_of
from infra.checks.report import error
from infra.finding import Finding
from infra.plan import Plan, sweep_definition
from infra.settings import Settings

_KEYS: Final = {"TFK8S_SWEEP_SPACE": "space", "TFK8S_TRIALS": "trials"}
"""Keys of the stack file that become these variables of the image, by which the contract names its problems."""


def sweeps_can_be_run(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """A sweep's ranges can be sampled, its grid has as many points as trials, and no pod would be without a trial."""
    for name, sweep in settings.sweeps.items():
        wrong = tuple(_space(settings, name))
        yield from wrong or _definition(settings, name)
        if sweep.parallelism > sweep.trials:
            yield error(
                "sweep",
                ("sweeps", name, "parallelism"),
                f"parallelism {sweep.parallelism} > trials {sweep.trials}: a pod without a trial has nothing to do",
                f"lower parallelism to {sweep.trials}",
            )


def sweeps_have_declared_arguments(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """A sweep's first trial has the declared arguments: those of its model's training job, or its own."""
    for name, sweep in settings.sweeps.items():
        if sweep.args is None and sweep.model not in settings.training_jobs:
            declared = ", ".join(sorted(settings.training_jobs)) or "none"
            yield error(
                "sweep-model",
                ("sweeps", name, "model"),
                f"no training job is called {sweep.model!r} (tfk8s:trainingJobs declares {declared}), and the "
                "sweep has no args of its own",
                "name one that is declared, or give args, {} for the training code's defaults",
            )


def _space(settings: Settings, name: str) -> Iterator[Finding]:
    for argument, parameter in settings.sweeps[name].space.items():
        try:
            space_of({argument: parameter.words()})
        except RunError as refused:
            for problem in refused.problems:
                yield error("sweep", ("sweeps", name, "space", argument), problem, "correct the range or the choices")


def _definition(settings: Settings, name: str) -> Iterator[Finding]:
    try:
        sweep_definition(settings, name)
    except RunError as refused:
        for problem in refused.problems:
            variable = problem.partition(" ")[0].removesuffix(":")
            key = _KEYS[variable]
            message = problem.removeprefix(f"{variable}: ").replace(variable, key)
            fix = "give it what it misses" if key == "space" else "lower trials, or widen the space"
            yield error("sweep", ("sweeps", name, key), message, fix)
