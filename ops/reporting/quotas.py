"""Bars: what a tenant may take at worst, part by part, against its quota."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain, cycle
from typing import Final, Literal, get_args

from infra.plan import Amounts, Demand, ModelPlan, Plan, shown
from infra.settings import Settings
from infra.settings.monitoring import NAMESPACE
from infra.settings.platform import QuotaSettings
from ops.reporting.amounts import count, share

Kind = Literal["requests", "limits"]
Resource = Literal["cpu", "memory", "gpu", "pods"]
PartKind = Literal["job", "replicas", "surge", "leaving", "incoming"]

_NAMES: Final[Mapping[tuple[Kind, Resource], str]] = {
    ("requests", "cpu"): "CPU requests",
    ("requests", "memory"): "Memory requests",
    ("requests", "gpu"): "GPUs",
    ("limits", "cpu"): "CPU limits",
    ("limits", "memory"): "Memory limits",
    ("requests", "pods"): "Pods",
}


@dataclass(frozen=True, kw_only=True)
class Part:
    """What one job, or some pods of one model, take of a resource."""

    kind: PartKind
    label: str
    """Such as `digits: 20 replicas at most`."""

    amount: str
    width: float
    """Percent of the picture."""


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One resource: what is taken, part by part, against what there is."""

    name: str
    parts: tuple[Part, ...]
    taken: str
    there: str
    percent: float
    """Taken of what there is."""

    end: float
    """Where what there is ends, in percent of the picture; below 100 only where more is taken."""

    @property
    def over(self) -> bool:
        """Whether more is taken than there is."""
        return self.end < 100  # noqa: PLR2004 - the whole picture

    @property
    def said(self) -> str:
        """The bar in words, for those who do not see it."""
        parts = "; ".join(f"{part.label} {part.amount}" for part in self.parts) or "nothing"
        return f"{self.name}: {self.taken} of {self.there}, {self.percent:g} %: {parts}"


def quota_bars(settings: Settings, plan: Plan, tenant: str) -> tuple[Bar, ...]:
    """A bar for each line of the tenant's quota that anything is said about."""
    pieces = tuple(chain.from_iterable(_pieces(demand, plan) for demand in plan.demands[tenant]))
    lines = _lines(settings.tenants[tenant].quota)
    return tuple(_bar(key, there, pieces) for key, there in lines if there or any(p.of(key) for p in pieces))


def node_bars(settings: Settings, plan: Plan) -> tuple[Bar, ...]:
    """What everything together may request at worst, against the sum of all nodes; none where none are named."""
    pools = settings.cluster.node_pools.values()
    if not pools:
        return ()
    kinds = cycle(get_args(PartKind))
    worst = {name: plan.worst(name)[0] for name in plan.demands}
    if plan.monitoring is not None:
        worst[NAMESPACE] = plan.monitoring.demand.requests
    pieces = tuple(
        _Piece(kind, name, requests, Amounts()) for kind, (name, requests) in zip(kinds, worst.items(), strict=False)
    )
    sums: Mapping[Resource, Decimal] = {
        "cpu": sum((pool.cpu.amount * pool.count for pool in pools), Decimal(0)),
        "memory": sum((pool.memory.amount * pool.count for pool in pools), Decimal(0)),
        "gpu": Decimal(sum(pool.gpu * pool.count for pool in pools)),
        "pods": Decimal(sum(pool.pods * pool.count for pool in pools)),
    }
    return tuple(_bar(("requests", resource), there, pieces) for resource, there in sums.items() if there)


@dataclass(frozen=True)
class _Piece:
    """Equal pods with one reason to be there."""

    kind: PartKind
    label: str
    requests: Amounts
    limits: Amounts

    def of(self, key: tuple[Kind, Resource]) -> Decimal:
        return Decimal(getattr(self.requests if key[0] == "requests" else self.limits, key[1]))


def _lines(quota: QuotaSettings) -> Iterator[tuple[tuple[Kind, Resource], Decimal]]:
    yield ("requests", "cpu"), quota.requests.cpu.amount
    yield ("requests", "memory"), quota.requests.memory.amount
    yield ("requests", "gpu"), Decimal(quota.requests.gpu)
    yield ("limits", "cpu"), quota.limits.cpu.amount
    yield ("limits", "memory"), quota.limits.memory.amount
    if quota.pods is not None:
        yield ("requests", "pods"), Decimal(quota.pods)


def _pieces(demand: Demand, plan: Plan) -> Iterator[_Piece]:
    section, name = demand.path.split(".", 1)
    if section == "tenants":
        yield _Piece("replicas", "TensorBoard", demand.requests, demand.limits)
        return
    if section != "models":
        yield _Piece(
            "job", f"{name}: {'trials' if section == 'sweeps' else 'training'}", demand.requests, demand.limits
        )
        return
    for kind, pods, why in _pods(plan.models[name], demand.pods):
        if pods:
            yield _Piece(kind, f"{name}: {why}", *(_some(all_, demand.pods, pods) for all_ in _both(demand)))


def _pods(model: ModelPlan, peak: int) -> Iterator[tuple[PartKind, int, str]]:
    """The pods of a model at its worst moment, by why they are there."""
    surge, leaving, incoming = (each * model.versions for each in (model.surge, model.leaving, model.incoming))
    replicas = peak - max(surge + leaving, incoming)
    yield "replicas", replicas, f"{count(replicas, 'replica')} at most"
    if surge + leaving >= incoming:
        yield "surge", surge, f"{surge} surging in a rollout"
        yield "leaving", leaving, f"{leaving} draining"
    else:
        yield "incoming", incoming, f"{incoming} of the next version"


def _both(demand: Demand) -> tuple[Amounts, Amounts]:
    return demand.requests, demand.limits


def _some(amounts: Amounts, of: int, pods: int) -> Amounts:
    return Amounts(
        cpu=amounts.cpu * pods / of, memory=amounts.memory * pods / of, gpu=amounts.gpu * pods // of, pods=pods
    )


def _bar(key: tuple[Kind, Resource], there: Decimal, pieces: tuple[_Piece, ...]) -> Bar:
    taken = sum((piece.of(key) for piece in pieces), Decimal(0))
    whole = max(taken, there)
    return Bar(
        name=_NAMES[key],
        parts=tuple(
            Part(
                kind=piece.kind,
                label=piece.label,
                amount=str(shown(piece.of(key), key[1])),
                width=share(piece.of(key), whole),
            )
            for piece in pieces
            if piece.of(key)
        ),
        taken=str(shown(taken, key[1])),
        there=str(shown(there, key[1])),
        percent=share(taken, there),
        end=share(there, whole),
    )
