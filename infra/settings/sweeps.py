"""Sections that describe sweeps: the same training again and again with other arguments."""

import math
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, PlainValidator

from contract.sweep import MOST_TRIALS
from infra.settings.base import (
    ContainerResources,
    DataVersion,
    Labels,
    Name,
    PodResources,
    PositiveDuration,
    Section,
    Seed,
)
from infra.settings.units import Duration
from infra.settings.workloads import ArgumentValue


def _number(raw: object) -> float:
    """A number as it is written: what is whole stays whole."""
    if isinstance(raw, bool) or not isinstance(raw, int | float) or not math.isfinite(raw):
        msg = f"expected a finite number, got {raw!r}"
        raise ValueError(msg)
    return raw


Number = Annotated[float, PlainValidator(_number)]


class SpaceParameter(Section):
    """Values that one argument may take."""

    type: Literal["float", "int", "categorical"]
    """What its values are: numbers from `low` to `high`, or one of `choices`."""

    low: Number | None = None
    """Smallest number; of `float` and `int`."""

    high: Number | None = None
    """Largest number, included; of `float` and `int`."""

    log: bool = False
    """Whether each power of ten is as likely as the next; not together with `step`."""

    step: Number | None = None
    """Distance of neighbouring numbers; where not given, any `float` and every whole `int`."""

    choices: tuple[ArgumentValue, ...] = Field(default=(), strict=False)
    """Strings, numbers or truth values; of `categorical`."""

    def words(self) -> dict[str, object]:
        """What is given, as `contract.sweep_space.space_of` reads it."""
        given = {key: getattr(self, key) for key in type(self).model_fields if key in self.model_fields_set}
        return {key: list(self.choices) if key == "choices" else value for key, value in given.items()}


class SweepSettings(Section):
    """A search for better arguments of a model's training: the Indexed Job `<sweep>-sweep`. It publishes no version."""

    tenant: Name
    """Where it runs: a name under `tenants`."""

    model: Name
    """Name of the model in the store. Arguments, seed and data are those of its training job where not given here."""

    attempt: Annotated[int, Field(ge=1)] = 1
    """Raise it to go on with a sweep that failed: trials that are done are not run again."""

    trials: Annotated[int, Field(ge=2, le=MOST_TRIALS)]
    """How many, the first of them with the arguments as declared."""

    parallelism: Annotated[int, Field(ge=1)] = 1
    """How many trials run at the same time, one pod each."""

    sampler: Literal["grid", "random", "tpe"] = "tpe"
    """How arguments are chosen: every combination, at random, or by what earlier trials have shown (Optuna's)."""

    pruner: Literal["none", "median"] = "none"
    """Which trials end early: none, or those behind the median of the others at the same epoch."""

    metric: Literal["validationAccuracy", "validationLoss"] = "validationAccuracy"
    """What is compared, after the last epoch on the validation part; the test part is not looked at."""

    space: Mapping[str, SpaceParameter]
    """What is varied, by the argument's name."""

    args: Mapping[str, ArgumentValue] | None = None
    """Arguments of every trial, beside the varied ones; those of the model's training job where not given."""

    seed: Seed | None = None
    """Of all random numbers of every trial; the training job's where not given."""

    data_version: DataVersion | None = None
    """Which data to train on; the training job's choice where not given."""

    data_set: Name | None = None
    """A name under `dataSets`, mounted read-only at `/data`; the training job's where not given."""

    gpus: Annotated[int, Field(ge=0)] = 0
    """Devices of each trial."""

    resources: PodResources
    """What each trial asks for."""

    deadline: PositiveDuration = Duration.parse("6h")
    """activeDeadlineSeconds of the whole sweep: after it the sweep fails, and `attempt` goes on with it."""

    backoff_limit: Annotated[int, Field(ge=0)] | None = None
    """How many failed pods are tried again, over all trials; where not given, three for each pod at a time."""

    node_selector: Labels = {}
    """Labels of the nodes its trials may run on, beside those of GPU nodes."""

    @property
    def container(self) -> ContainerResources:
        """One trial's resources with its GPUs."""
        return self.resources.container(self.gpus)
