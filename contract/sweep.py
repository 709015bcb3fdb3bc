"""The environment of a sweep's trials: one table, written by the program and read by the training image.

A sweep trains the same run again and again with other arguments, looks at the validation part only, and publishes no
version. Its pods are the indices of one Indexed Job: the pod of index i runs the trial of slot i, and slot 0 runs the
arguments as they are declared.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Final

from contract.run import (
    GPU_MODES,
    MEMORY_FRACTION,
    NAME,
    RunDefinition,
    RunError,
    memory_fraction,
    problems_of_fraction,
)
from contract.sweep_space import Parameter, space_of

SAMPLERS: Final = ("grid", "random", "tpe")
PRUNERS: Final = ("none", "median")

METRICS: Final = {"validationAccuracy": "maximize", "validationLoss": "minimize"}
"""What a sweep can look for, and which way is better."""

MOST_TRIALS: Final = 10_000
"""Every trial reads the journal of all others."""

VARIABLES: Final = {
    "TFK8S_SWEEP": "the sweep's name",
    "TFK8S_MODEL": "the model's name in the store",
    "TFK8S_STORE": "directory where the store is mounted",
    "TFK8S_DEFINITION": "the definition, as JSON, that every trial begins with",
    "TFK8S_SWEEP_SPACE": "what is varied, as JSON: argument to type, low, high, log, step or choices",
    "TFK8S_TRIALS": "how many trials the sweep has, the one of the declared arguments included",
    "TFK8S_SAMPLER": "how arguments are chosen: grid, random or tpe",
    "TFK8S_PRUNER": "which trials are ended early: none or median",
    "TFK8S_METRIC": "what is compared: validationAccuracy or validationLoss",
    "TFK8S_IMAGE": "reference of the image that runs",
    "TFK8S_GPUS": "GPUs of the pod",
    "TFK8S_GPU_MODE": "how the pod gets its GPUs",
    "JOB_COMPLETION_INDEX": "which slot this pod runs, from 0; Kubernetes sets it in an Indexed Job",
}
"""Every variable of a trial and what it says."""

_ARGUMENT: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}")
_DIGITS: Final = re.compile(r"[0-9]{1,9}")


def sweep_dir(root: Path, model: str, sweep: str) -> Path:
    """Where a sweep keeps its journal and its result."""
    return root / model / ".sweeps" / sweep


@dataclass(frozen=True, kw_only=True)
class SweepDefinition:
    """What makes a sweep this sweep: its pods and its resumption must have the same.

    Raises:
        RunError: With every problem at once, by the variable's name.
    """

    base: RunDefinition
    """What every trial begins with."""

    space: Mapping[str, Parameter]
    """What is varied, by the argument's name."""

    trials: int
    """With the one of the declared arguments."""

    sampler: str = "tpe"
    pruner: str = "none"
    metric: str = "validationAccuracy"

    def __post_init__(self) -> None:
        problems: list[str] = []
        if self.base.workers != 1:
            problems.append(f"TFK8S_DEFINITION: workers is {self.base.workers}: a trial is one pod")
        if not self.space:
            problems.append("TFK8S_SWEEP_SPACE is empty: must vary at least one argument")
        problems += [
            f"TFK8S_SWEEP_SPACE: {name!r} must be an argument's name" for name in self.space if not _is_argument(name)
        ]
        if not 1 < self.trials <= MOST_TRIALS:
            problems.append(f"TFK8S_TRIALS is {self.trials}: must be a whole number from 2 to {MOST_TRIALS}")
        named = (
            ("TFK8S_SAMPLER", self.sampler, SAMPLERS),
            ("TFK8S_PRUNER", self.pruner, PRUNERS),
            ("TFK8S_METRIC", self.metric, METRICS),
        )
        problems += [
            f"{variable} is {value!r}: must be one of {', '.join(known)}"
            for variable, value, known in named
            if value not in known
        ]
        if self.sampler == "grid":
            problems += self._problems_of_grid()
        if problems:
            raise RunError(problems)

    @property
    def direction(self) -> str:
        """`maximize` or `minimize`."""
        return METRICS[self.metric]

    def _problems_of_grid(self) -> list[str]:
        counts = {name: values.count() for name, values in self.space.items()}
        if endless := sorted(name for name, count in counts.items() if count is None):
            return [f"TFK8S_SWEEP_SPACE: {name} has no step, which a grid needs" for name in endless]
        points = prod(count for count in counts.values() if count is not None)
        if self.trials - 1 > points:
            most = f"at most {points + 1}, its {points} points and the declared arguments"
            return [f"TFK8S_TRIALS is {self.trials}: the grid makes {most}"]
        return []

    def words(self) -> dict[str, object]:
        """The definition as plain values."""
        return {
            "base": self.base.words(),
            "space": {name: self.space[name].words() for name in sorted(self.space)},
            "trials": self.trials,
            "sampler": self.sampler,
            "pruner": self.pruner,
            "metric": self.metric,
        }

    def canonical(self) -> str:
        """The one JSON text of this definition."""
        return json.dumps(self.words(), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


@dataclass(frozen=True, kw_only=True)
class SweepEnvironment:
    """Everything the container of a trial is told.

    Raises:
        RunError: With every problem at once, by the variable's name.
    """

    name: str
    model: str
    definition: SweepDefinition
    gpu_mode: str
    gpu_memory_fraction: float = 1.0
    """As in `RunEnvironment`."""

    image: str = ""
    """As in `RunEnvironment`: left empty by the program, which adds TFK8S_IMAGE itself."""

    store: str = "/store"
    slot: int = 0
    """Kubernetes tells it, not the program."""

    @property
    def directory(self) -> Path:
        """Where the sweep keeps its journal and its result."""
        return sweep_dir(Path(self.store), self.model, self.name)

    def __post_init__(self) -> None:
        problems = [
            f"{variable} is {value!r}: must be a name of a-z, 0-9 and -, at most 63 long"
            for variable, value in (("TFK8S_SWEEP", self.name), ("TFK8S_MODEL", self.model))
            if not NAME.fullmatch(value)
        ]
        if not self.store.startswith("/"):
            problems.append(f"TFK8S_STORE is {self.store!r}: must be an absolute path")
        if self.gpu_mode not in GPU_MODES:
            problems.append(f"TFK8S_GPU_MODE is {self.gpu_mode!r}: must be one of {', '.join(GPU_MODES)}")
        problems += problems_of_fraction(self.gpu_memory_fraction)
        if not 0 <= self.slot < self.definition.trials:
            last = self.definition.trials - 1
            problems.append(f"JOB_COMPLETION_INDEX is {self.slot}: must be a whole number from 0 to {last}")
        if problems:
            raise RunError(problems)

    def to_env(self) -> dict[str, str]:
        """The container's variables, for the program.

        TFK8S_IMAGE is not among them while the image is not known, nor JOB_COMPLETION_INDEX, which Kubernetes adds.
        """
        definition = self.definition
        space = {name: definition.space[name].words() for name in sorted(definition.space)}
        variables = {
            "TFK8S_SWEEP": self.name,
            "TFK8S_MODEL": self.model,
            "TFK8S_STORE": self.store,
            "TFK8S_DEFINITION": definition.base.canonical(),
            "TFK8S_SWEEP_SPACE": json.dumps(space, separators=(",", ":"), ensure_ascii=False, allow_nan=False),
            "TFK8S_TRIALS": str(definition.trials),
            "TFK8S_SAMPLER": definition.sampler,
            "TFK8S_PRUNER": definition.pruner,
            "TFK8S_METRIC": definition.metric,
            "TFK8S_GPUS": str(definition.base.gpus),
            "TFK8S_GPU_MODE": self.gpu_mode,
        }
        if self.gpu_memory_fraction < 1:
            variables[MEMORY_FRACTION] = f"{self.gpu_memory_fraction:g}"
        return {**variables, "TFK8S_IMAGE": self.image} if self.image else variables

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "SweepEnvironment":
        """Read the variables, in the image.

        Raises:
            RunError: With every problem at once, by the variable's name.
        """
        problems = [f"{name} is missing ({what})" for name, what in VARIABLES.items() if name not in env]
        # Stand-ins for what is missing or wrong keep the other checks going; the problem itself is noted.
        trials, slot = _count(env, "TFK8S_TRIALS", 2, problems), _count(env, "JOB_COMPLETION_INDEX", 0, problems)
        base = _base(env, problems)
        space = _space(env, problems)
        if env.get("TFK8S_IMAGE") == "":
            problems.append("TFK8S_IMAGE is empty: must be the reference of the image that runs")
        definition = SweepDefinition(base=RunDefinition(), space={"missing": Parameter(type="int")}, trials=2)
        try:
            definition = SweepDefinition(
                base=base,
                space=space or definition.space,
                trials=trials,
                sampler=env.get("TFK8S_SAMPLER", "tpe"),
                pruner=env.get("TFK8S_PRUNER", "none"),
                metric=env.get("TFK8S_METRIC", "validationAccuracy"),
            )
        except RunError as error:
            problems += error.problems
            slot = 0
        try:
            sweep = cls(
                name=env.get("TFK8S_SWEEP", "missing"),
                model=env.get("TFK8S_MODEL", "missing"),
                store=env.get("TFK8S_STORE", "/missing"),
                definition=definition,
                image=env.get("TFK8S_IMAGE", ""),
                gpu_mode=env.get("TFK8S_GPU_MODE", GPU_MODES[0]),
                gpu_memory_fraction=memory_fraction(env, problems),
                slot=slot,
            )
        except RunError as error:
            raise RunError(problems + list(error.problems)) from None
        if problems:
            raise RunError(problems)
        return sweep


def _is_argument(name: str) -> bool:
    return _ARGUMENT.fullmatch(name) is not None


def _count(env: Mapping[str, str], name: str, stand_in: int, problems: list[str]) -> int:
    text = env.get(name, str(stand_in))
    if _DIGITS.fullmatch(text):
        return int(text)
    problems.append(f"{name} is {text!r}: must be a whole number")
    return stand_in


def _base(env: Mapping[str, str], problems: list[str]) -> RunDefinition:
    try:
        base = RunDefinition.parse(env["TFK8S_DEFINITION"])
    except KeyError:
        return RunDefinition()
    except RunError as error:
        problems += [f"TFK8S_DEFINITION: {problem}" for problem in error.problems]
        return RunDefinition()
    if "TFK8S_GPUS" in env and env["TFK8S_GPUS"] != str(base.gpus):
        problems.append(f"TFK8S_GPUS is {env['TFK8S_GPUS']!r}: the definition says {base.gpus}")
    return base


def _space(env: Mapping[str, str], problems: list[str]) -> dict[str, Parameter]:
    if "TFK8S_SWEEP_SPACE" not in env:
        return {}
    try:
        return space_of(json.loads(env["TFK8S_SWEEP_SPACE"]))
    except RunError as error:
        problems += [f"TFK8S_SWEEP_SPACE: {problem}" for problem in error.problems]
    except ValueError as error:
        problems.append(f"TFK8S_SWEEP_SPACE: not JSON: {error}")
    return {}
