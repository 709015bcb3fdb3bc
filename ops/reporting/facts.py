"""Everything the page says of a stack, gathered from what was examined; nothing here knows HTML."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

from infra.checks import Examined
from infra.finding import Finding
from infra.plan import ModelPlan, Plan
from infra.settings import ModelSettings, Settings
from ops.reporting.amounts import count, number, span
from ops.reporting.costs import Costs, costs
from ops.reporting.curves import (
    RolloutPicture,
    ScalePicture,
    carries,
    rollout_picture,
    scale_picture,
    target_words,
)
from ops.reporting.inventory import ImageRow, VersionRow, images, versions
from ops.reporting.quotas import Bar, node_bars, quota_bars
from ops.reporting.runs import RunPicture, run_pictures

Tone = Literal["good", "warn", "bad", "plain"]


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where the words come from."""

    stack: str
    file: str
    """Name of the stack file."""

    commit: str
    """Such as `3f5d909`, or `3f5d909 with changes not committed`."""

    overrides: str | None
    """Says which keys come from elsewhere; None where none do."""


@dataclass(frozen=True, kw_only=True)
class KeyFigure:
    """One of the figures under the headline."""

    name: str
    value: str
    note: str
    tone: Tone


@dataclass(frozen=True, kw_only=True)
class TenantFacts:
    """A tenant and its quota."""

    name: str
    labels: tuple[tuple[str, str], ...]
    bars: tuple[Bar, ...]


@dataclass(frozen=True, kw_only=True)
class ModelFacts:
    """How a model behaves over time."""

    name: str
    tenant: str
    rollout: RolloutPicture
    scale: ScalePicture | None
    least: int
    most: int
    peak: int
    target: str
    drain: str


@dataclass(frozen=True, kw_only=True)
class WaivedFinding:
    """A finding that counts no more, and why."""

    finding: Finding
    reason: str
    until: str


@dataclass(frozen=True, kw_only=True)
class Facts:
    """The whole page."""

    source: Source
    day: str
    errors: tuple[Finding, ...]
    warnings: tuple[Finding, ...]
    waived: tuple[WaivedFinding, ...]
    figures: tuple[KeyFigure, ...]
    tenants: tuple[TenantFacts, ...]
    nodes: tuple[Bar, ...]
    pools: tuple[str, ...]
    placement: str
    """How the pods find room node by node; empty where no nodes are named."""

    models: tuple[ModelFacts, ...]
    costs: Costs
    versions: tuple[VersionRow, ...]
    images: tuple[ImageRow, ...]
    runs: tuple[RunPicture, ...]
    """Courses of runs in the store; empty where none was named."""

    @property
    def verdict(self) -> str:
        """The one sentence to take along."""
        if self.errors:
            return f"{self.source.stack} cannot work: {count(len(self.errors), 'error')}"
        if self.warnings:
            return f"{self.source.stack} fits, with {count(len(self.warnings), 'warning')}"
        return f"{self.source.stack} fits"

    @property
    def tone(self) -> Tone:
        """How good that is."""
        return "bad" if self.errors else "warn" if self.warnings else "good"


def gather(examined: Examined, source: Source, day: date, store: Path | None = None) -> Facts:
    """What there is to say, also where words could not be read: then of those that could.

    Args:
        examined: The stack.
        source: Where it comes from.
        day: Today.
        store: Root of its model store, for the courses of its runs; without it they are left out.
    """
    settings, plan = examined.settings, examined.plan
    tenants = tuple(
        TenantFacts(name=name, labels=tuple(tenant.labels.items()), bars=quota_bars(settings, plan, name))
        for name, tenant in settings.tenants.items()
    )
    models = tuple(_model(name, model, plan.models[name]) for name, model in settings.models.items())
    money_facts = costs(settings, plan)
    return Facts(
        source=source,
        day=day.isoformat(),
        errors=tuple(finding for finding in examined.findings if finding.severity == "error"),
        warnings=tuple(finding for finding in examined.findings if finding.severity == "warning"),
        waived=tuple(
            WaivedFinding(finding=each.finding, reason=each.waiver.reason, until=each.waiver.until.isoformat())
            for each in examined.waived
        ),
        figures=tuple(_figures(examined, tenants, money_facts)),
        tenants=tenants,
        nodes=node_bars(settings, plan),
        pools=tuple(
            f"{name}: {count(pool.count, 'node')} of {pool.cpu} CPU, {pool.memory}, {pool.gpu} GPUs"
            for name, pool in settings.cluster.node_pools.items()
        ),
        placement=_placement(plan),
        models=models,
        costs=money_facts,
        versions=tuple(versions(settings)),
        images=tuple(images(settings)),
        runs=run_pictures(store, settings.training_jobs) if store is not None else (),
    )


def _placement(plan: Plan) -> str:
    nodes = plan.nodes
    if nodes is None:
        return ""
    if nodes.spread.fits:
        return f"Node by node, too, all {nodes.spread.wanted} pods find room, as the default scheduler spreads them."
    left = sum((nodes.spread if nodes.packed.fits else nodes.packed).left.values())
    how = "spread as the default scheduler does it" if nodes.packed.fits else "packed as tightly as can be"
    return f"Node by node, {left} of {nodes.spread.wanted} pods find no room, {how}."


def _model(name: str, model: ModelSettings, plan: ModelPlan) -> ModelFacts:
    return ModelFacts(
        name=name,
        tenant=model.tenant,
        rollout=rollout_picture(model, plan),
        scale=scale_picture(model, model.load, plan.scale_up) if model.load and plan.scale_up else None,
        least=model.autoscaling.min_replicas,
        most=model.autoscaling.max_replicas,
        peak=plan.peak_pods,
        target=target_words(model.autoscaling),
        drain=f"a leaving pod serves on for {span(plan.pre_stop)} and is gone after {span(plan.grace)}",
    )


def _figures(examined: Examined, tenants: tuple[TenantFacts, ...], money_facts: Costs) -> Iterator[KeyFigure]:
    budget = (
        f"{money_facts.percent:g} % of the budget of {money_facts.budget}"
        if money_facts.percent is not None
        else "no budget is stated"
    )
    yield KeyFigure(
        name="Worst month",
        value=money_facts.worst_month,
        note=budget,
        tone="bad" if money_facts.over else "plain" if money_facts.percent is None else "good",
    )
    bars = [(tenant.name, bar) for tenant in tenants for bar in tenant.bars]
    if bars:
        name, bar = max(bars, key=lambda each: each[1].percent)
        yield KeyFigure(
            name="Fullest quota",
            value=f"{bar.percent:g} %",
            note=f"{bar.name} of {name}: {bar.taken} of {bar.there} at worst",
            tone="bad" if bar.over else "good",
        )
    plans = examined.plan.models
    if plans:
        slowest = max(plans, key=lambda name: plans[name].rollout.time)
        yield KeyFigure(
            name="Longest rollout",
            value=span(plans[slowest].rollout.time),
            note=f"{slowest} at its maximum, expected; the engine waits {span(plans[slowest].rollout_timeout)}",
            tone="good" if plans[slowest].rollout.time <= plans[slowest].rollout_timeout else "bad",
        )
        yield _scale_figure(examined.settings, plans)


def _scale_figure(settings: Settings, plans: Mapping[str, ModelPlan]) -> KeyFigure:
    stated = [
        (name, load, scale)
        for name, plan in plans.items()
        if (load := settings.models[name].load) is not None and (scale := plan.scale_up) is not None
    ]
    if not stated:
        return KeyFigure(name="Scale-up", value="not stated", note="no model says its load", tone="plain")
    name, load, scale = max(stated, key=lambda each: (not carries(each[1], each[2]), each[2].time))
    within = f", stated: within {span(load.within)}" if load.within else ""
    return KeyFigure(
        name="Scale-up",
        value=span(scale.time) if scale.replicas_after >= scale.replicas_needed else "out of reach",
        note=f"{name} to {number(load.step or load.requests_per_second)} requests per second{within}",
        tone="good" if carries(load, scale) else "bad",
    )
