"""What every section of a stack file has in common."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from infra.settings.units import Quantity


class Section(BaseModel):
    """A part of the stack file: frozen, strict, camelCase words, unknown keys refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, alias_generator=to_camel, arbitrary_types_allowed=True
    )


class OneOf(Section):
    """A union in the stack file: exactly one key is given, and the key says which kind it is."""

    @model_validator(mode="after")
    def _exactly_one(self) -> "OneOf":
        if len(self.model_fields_set) != 1:
            given = ", ".join(sorted(self.model_fields_set)) or "none"
            names = ", ".join(field.alias or name for name, field in type(self).model_fields.items())
            msg = f"give exactly one of {names} (given: {given})"
            raise ValueError(msg)
        return self


Name = Annotated[str, Field(pattern=r"^[a-z]([-a-z0-9]*[a-z0-9])?$", max_length=40)]
"""A Kubernetes name (RFC 1123), with room for the suffixes that versions, Jobs and pods add to reach 63."""

LabelValue = Annotated[str, Field(pattern=r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$", max_length=63)]
Labels = Mapping[str, LabelValue]

Version = Annotated[int, Field(ge=1)]
"""A version of a model: a number, trained once, never rewritten."""

ImageReference = Annotated[str, Field(pattern=r"^[a-z0-9][a-zA-Z0-9._/:-]*(@sha256:[0-9a-f]{64})?$")]
"""`repository:tag`, `repository@sha256:…` or both. Which of them is good enough, a check decides."""


class CpuMemory(Section):
    """Cores and bytes."""

    cpu: Quantity
    memory: Quantity


class ContainerResources(CpuMemory):
    """What one pod asks for. Requests are given; limits are the same unless said."""

    gpu: Annotated[int, Field(ge=0)] = 0
    """Whole devices of the cluster's GPU resource. Extended resources take no overcommit: request equals limit."""

    limits: CpuMemory | None = None

    @property
    def limit(self) -> CpuMemory:
        """CPU and memory the container may not exceed."""
        return self.limits or CpuMemory(cpu=self.cpu, memory=self.memory)
