"""Sums of what pods take."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce

from infra.settings import Quantity
from infra.settings.base import ContainerResources, CpuMemory


@dataclass(frozen=True, kw_only=True)
class Amounts:
    """A sum of what pods take."""

    cpu: Decimal = Decimal(0)
    """Cores."""

    memory: Decimal = Decimal(0)
    """Bytes."""

    gpu: int = 0
    pods: int = 0

    def __add__(self, other: "Amounts") -> "Amounts":
        return Amounts(
            cpu=self.cpu + other.cpu,
            memory=self.memory + other.memory,
            gpu=self.gpu + other.gpu,
            pods=self.pods + other.pods,
        )

    def __mul__(self, count: int) -> "Amounts":
        return Amounts(cpu=self.cpu * count, memory=self.memory * count, gpu=self.gpu * count, pods=self.pods * count)


@dataclass(frozen=True, kw_only=True)
class Demand:
    """What one job or model may ask of its tenant at worst: a number of equal pods."""

    path: str
    """Its key in the stack file, such as `models.digits`."""

    reason: str
    """How many pods, and why so many."""

    requests: Amounts
    limits: Amounts

    @property
    def pods(self) -> int:
        """How many pods."""
        return self.requests.pods


def total(amounts: Iterable[Amounts]) -> Amounts:
    """Their sum."""
    return reduce(lambda left, right: left + right, amounts, Amounts())


def demand(path: str, resources: ContainerResources, pods: int, reason: str) -> Demand:
    """What that many pods with these resources ask for."""
    return Demand(
        path=path,
        reason=reason,
        requests=_amounts(resources, resources.gpu) * pods,
        limits=_amounts(resources.limit, resources.gpu) * pods,
    )


def shown(amount: Decimal, resource: str) -> Quantity:
    """A sum as Kubernetes writes it: cores or bytes."""
    return Quantity.size(amount) if resource == "memory" else Quantity.cores(amount)


def _amounts(resources: CpuMemory, gpu: int) -> Amounts:
    return Amounts(cpu=resources.cpu.amount, memory=resources.memory.amount, gpu=gpu, pods=1)
