"""The worst case of each tenant fits into its quota."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from infra.checks.old_first import OLD_FIRST, pods_old_first
from infra.checks.report import error
from infra.finding import Finding
from infra.plan import Amounts, Demand, Plan, largest_replicas, shown
from infra.settings import Settings
from infra.settings.base import CpuMemory
from infra.settings.platform import QuotaSettings
from infra.settings.standin import Location

_Resource = Literal["cpu", "memory", "gpu", "pods"]


@dataclass(frozen=True)
class _Bound:
    """One line of a quota."""

    kind: Literal["requests", "limits"]
    resource: _Resource
    amount: Decimal

    @property
    def keys(self) -> tuple[str, ...]:
        """Where it stands, below `quota`."""
        return (self.resource,) if self.resource == "pods" else (self.kind, self.resource)

    def of(self, demand: Demand) -> Decimal:
        """How much of it a job or model may take."""
        return _amount(demand.requests if self.kind == "requests" else demand.limits, self.resource)

    def shown(self, amount: Decimal) -> str:
        return str(shown(amount, self.resource))


def quota_covers_worst_case(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """Everything a tenant may run at once fits into its quota; a pod beyond it would never be created."""
    for tenant, demands in plan.demands.items():
        for bound in _bounds(settings.tenants[tenant].quota):
            total = sum((bound.of(demand) for demand in demands), Decimal(0))
            if total > bound.amount:
                yield _over_quota(settings, tenant, demands, bound, total)


def limits_cover_requests(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """No container may request more than its limit; the API server refuses such pods."""
    for location, requests, limits in _containers(settings):
        for resource in ("cpu", "memory"):
            request, limit = getattr(requests, resource), getattr(limits, resource)
            if limit < request:
                yield error(
                    "limits",
                    (*location, resource),
                    f"limit {limit} < request {request}",
                    f"raise the limit to {request}, or lower the request",
                )


def _bounds(quota: QuotaSettings) -> Iterator[_Bound]:
    yield _Bound("requests", "cpu", quota.requests.cpu.amount)
    yield _Bound("requests", "memory", quota.requests.memory.amount)
    yield _Bound("requests", "gpu", Decimal(quota.requests.gpu))
    yield _Bound("limits", "cpu", quota.limits.cpu.amount)
    yield _Bound("limits", "memory", quota.limits.memory.amount)
    if quota.pods is not None:
        yield _Bound("requests", "pods", Decimal(quota.pods))


def _over_quota(settings: Settings, tenant: str, demands: tuple[Demand, ...], bound: _Bound, total: Decimal) -> Finding:
    users = [demand for demand in demands if bound.of(demand)]
    parts = [f"{demand.path} ({demand.reason}) x {_each(demand, bound)}" for demand in users]
    parts = [f"{part} = {bound.shown(bound.of(demand))}" for part, demand in zip(parts, users, strict=True)]
    sum_of = f" + {' + '.join(bound.shown(bound.of(demand)) for demand in users)}".removeprefix(" + ")
    ways = [f"raise the quota to {bound.shown(total)}"]
    for demand in users:
        room = bound.amount - total + bound.of(demand)
        fitting = _fitting(settings, demand, bound, room)
        if fitting is not None:
            ways.append(f"lower {demand.path}.autoscaling.maxReplicas to {fitting}")
        fewer = pods_old_first(settings, demand) if bound.resource == "gpu" else None
        if fewer is not None and fewer * bound.of(demand) / demand.pods <= room:
            ways.append(f"set {demand.path}.rollout to {OLD_FIRST}, which takes old pods first")
    return error(
        "quota",
        ("tenants", tenant, "quota", *bound.keys),
        f"worst case {sum_of + ' = ' if len(users) > 1 else ''}{bound.shown(total)} > quota "
        f"{bound.shown(bound.amount)}: {'; '.join(parts)}",
        ", or ".join(ways),
    )


def _each(demand: Demand, bound: _Bound) -> str:
    return bound.shown(bound.of(demand) / demand.requests.pods)


def _fitting(settings: Settings, demand: Demand, bound: _Bound, room: Decimal) -> int | None:
    """The most replicas of a model that fit into the room the others leave; None for a job, or where none fit."""
    section, name = demand.path.split(".", 1)
    if section != "models":
        return None
    pods = int(room // (bound.of(demand) / demand.requests.pods))
    replicas = largest_replicas(settings.models[name], pods)
    return replicas if replicas >= settings.models[name].autoscaling.min_replicas else None


def _amount(amounts: Amounts, resource: _Resource) -> Decimal:
    return Decimal(getattr(amounts, resource))


def _containers(settings: Settings) -> Iterator[tuple[Location, CpuMemory, CpuMemory]]:
    for tenant, owner in settings.tenants.items():
        defaults = owner.container_defaults
        yield ("tenants", tenant, "containerDefaults", "limits"), defaults.requests, defaults.limits
        if owner.tensorboard is not None and owner.tensorboard.resources.limits is not None:
            asked = owner.tensorboard.resources
            yield ("tenants", tenant, "tensorboard", "resources", "limits"), asked, owner.tensorboard.resources.limits
    if settings.monitoring is not None and settings.monitoring.resources.limits is not None:
        asked = settings.monitoring.resources
        yield ("monitoring", "resources", "limits"), asked, settings.monitoring.resources.limits
    for name, job in settings.training_jobs.items():
        if job.resources.limits is not None:
            yield ("trainingJobs", name, "resources", "limits"), job.resources, job.resources.limits
    for name, sweep in settings.sweeps.items():
        if sweep.resources.limits is not None:
            yield ("sweeps", name, "resources", "limits"), sweep.resources, sweep.resources.limits
    for name, model in settings.models.items():
        if model.resources.limits is not None:
            yield ("models", name, "resources", "limits"), model.resources, model.resources.limits
