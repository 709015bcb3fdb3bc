"""What every section of a stack file has in common."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from contract.run import LARGEST_SEED
from infra.settings.units import Duration, Quantity


class Section(BaseModel):
    """A part of the stack file: frozen, strict, camelCase words, unknown keys refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, alias_generator=to_camel, use_attribute_docstrings=True
    )


class OneOf(Section):
    """A union in the stack file: exactly one key is given, and the key says which kind it is."""

    @model_validator(mode="after")
    def _exactly_one(self) -> "OneOf":
        names = {name: field.alias or name for name, field in type(self).model_fields.items()}
        given = [alias for name, alias in names.items() if getattr(self, name) is not None]
        if len(given) != 1:
            msg = f"give exactly one of {', '.join(names.values())} (given: {', '.join(given) or 'none'})"
            raise ValueError(msg)
        return self


@dataclass(frozen=True)
class Words:
    """Refuses a string that the whole pattern does not match, saying what is expected instead of the pattern."""

    pattern: str
    expected: str

    def __call__(self, value: str) -> str:
        """The value itself.

        Raises:
            ValueError: It does not match.
        """
        if re.fullmatch(self.pattern, value) is None:
            msg = f"expected {self.expected}, got {value!r}"
            raise ValueError(msg)
        return value


def matching(pattern: str, expected: str) -> AfterValidator:
    """For strings of one form."""
    return AfterValidator(Words(pattern, expected))


Name = Annotated[
    str,
    matching(
        r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?",
        "a name of at most 40 lower-case letters, digits and dashes that starts with a letter and ends with no dash",
    ),
]
"""A Kubernetes name (RFC 1123), with room for the suffixes that versions, Jobs and pods add to reach 63."""

LabelValue = Annotated[
    str,
    matching(
        r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?",
        "a label value of at most 63 letters, digits, `-`, `_` and `.`, with a letter or digit at both ends",
    ),
]
Labels = Mapping[str, LabelValue]

Seed = Annotated[int, Field(ge=0, le=LARGEST_SEED)]
DataVersion = Annotated[str, Field(min_length=1)]
Version = Annotated[int, Field(ge=1)]
"""A version of a model: a number, trained once, never rewritten."""

_HOST = r"[A-Za-z0-9][-A-Za-z0-9.]*(:[0-9]+)?"
_COMPONENT = r"[a-z0-9]+((\.|_{1,2}|-+)[a-z0-9]+)*"
_REPOSITORY = rf"({_HOST}/)?{_COMPONENT}(/{_COMPONENT})*"

Repository = Annotated[
    str, matching(_REPOSITORY, "a registry and path without a tag, such as registry.example.org/ml/train")
]

ImageReference = Annotated[
    str,
    matching(
        rf"{_REPOSITORY}(:[A-Za-z0-9_][-A-Za-z0-9_.]{{0,127}})?(@sha256:[0-9a-f]{{64}})?",
        "an image reference such as tensorflow/serving:2.20.0, with or without @sha256: and 64 hexadecimal digits",
    ),
]
"""`repository:tag`, `repository@sha256:…` or both. Which of them is good enough, a check decides."""


def _more_than_nothing(duration: Duration) -> Duration:
    if duration.seconds <= 0:
        msg = f"expected more than 0s, got {duration}"
        raise ValueError(msg)
    return duration


PositiveDuration = Annotated[Duration, AfterValidator(_more_than_nothing)]


class CpuMemory(Section):
    """Cores and bytes."""

    cpu: Quantity
    """Cores."""

    memory: Quantity
    """Bytes."""


class ContainerResources(CpuMemory):
    """What one pod asks for. Requests are given; limits are the same unless said."""

    gpu: Annotated[int, Field(ge=0)] = 0
    """Whole devices of the cluster's GPU resource. Extended resources take no overcommit: request equals limit."""

    limits: CpuMemory | None = None
    """What a container may not exceed; the requests where not given."""

    @property
    def limit(self) -> CpuMemory:
        """CPU and memory the container may not exceed."""
        return self.limits or CpuMemory(cpu=self.cpu, memory=self.memory)


class PodResources(CpuMemory):
    """What a pod asks for; devices, where it has any, are said elsewhere."""

    limits: CpuMemory | None = None
    """What the pod may not exceed; the requests where not given."""

    def container(self, gpu: int = 0) -> ContainerResources:
        """The same, with that many devices."""
        return ContainerResources(cpu=self.cpu, memory=self.memory, gpu=gpu, limits=self.limits)
