"""What a stack costs, by tenant, model, run and sweep."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal

from infra.plan import HOURS_PER_MONTH, Plan
from infra.plan.prices import month
from infra.settings import Money, Settings
from infra.settings.monitoring import NAMESPACE
from ops.reporting.amounts import money, share, span

_NOTHING: Final = Decimal(0)


@dataclass(frozen=True, kw_only=True)
class CostRow:
    """A tenant, or one of its models, runs or sweeps; the monitoring's namespace as a tenant."""

    kind: Literal["tenant", "model", "run"]
    name: str
    least: str
    """Per hour, at minReplicas; empty for a run or a sweep."""

    most: str
    """Per hour, at maxReplicas; of a run or a sweep while it runs."""

    month: str
    """At most: 730 hours at the maximum; a run or a sweep once, until its deadline."""

    start: float
    """Percent of the dearest row, where the least ends."""

    end: float
    """The same of the most."""

    said: str
    """Why so much, for a run or a sweep."""


@dataclass(frozen=True, kw_only=True)
class MonthPart:
    """What one model, a TensorBoard, Prometheus, or all runs and sweeps take of a month at worst."""

    label: str
    amount: str
    width: float


@dataclass(frozen=True, kw_only=True)
class Costs:
    """The whole stack."""

    rows: tuple[CostRow, ...]
    least: str
    most: str
    """Per hour."""

    least_month: str
    """Everything at its minimum for a month, without runs and sweeps."""

    worst_month: str
    budget: str | None
    percent: float | None
    """The worst month, of the budget."""

    parts: tuple[MonthPart, ...]
    end: float
    """Where the budget ends, in percent of the picture."""

    over: bool


def costs(settings: Settings, plan: Plan) -> Costs:
    """Prices of the plan, side by side."""
    prices, budget = settings.policy.prices, settings.policy.monthly_budget
    worst = plan.price_per_month_max
    comparable = budget is not None and budget.currency == worst.currency
    whole = max(worst.amount, budget.amount if budget is not None and comparable else _NOTHING)
    free = Money(_NOTHING, worst.currency)
    return Costs(
        rows=tuple(_rows(settings, plan)),
        least=money(plan.price_per_hour),
        most=money(plan.price_per_hour_max),
        least_month=money(month(plan.price_per_hour, free, prices)),
        worst_month=money(worst),
        budget=money(budget) if budget else None,
        percent=share(worst.amount, budget.amount) if budget is not None and comparable else None,
        parts=tuple(_month_parts(settings, plan, whole)),
        end=share(budget.amount, whole) if budget is not None and comparable else 100.0,
        over=budget is not None and comparable and worst > budget,
    )


def _rows(settings: Settings, plan: Plan) -> Iterator[CostRow]:
    prices = settings.policy.prices
    dearest = max(
        [tenant.price_per_hour_max.amount for tenant in plan.tenants.values()]
        + [run.price_per_hour.amount for run in (*plan.jobs.values(), *plan.sweeps.values())]
        + ([] if plan.monitoring is None else [plan.monitoring.price_per_hour.amount]),
        default=_NOTHING,
    )

    def row(
        kind: Literal["tenant", "model"], name: str, least: Money, most: Money, runs: Money | None = None
    ) -> CostRow:
        return CostRow(
            kind=kind,
            name=name,
            least=money(least),
            most=money(most),
            month=money(month(most, runs or Money(_NOTHING, most.currency), prices)),
            start=share(least.amount, dearest),
            end=share(most.amount, dearest),
            said="",
        )

    for tenant, figures in plan.tenants.items():
        yield row("tenant", tenant, figures.price_per_hour_min, figures.price_per_hour_max, runs=figures.price_runs_max)
        if tenant in plan.tensorboards:
            yield row("model", "TensorBoard", plan.tensorboards[tenant], plan.tensorboards[tenant])
        for name, model in settings.models.items():
            if model.tenant == tenant:
                served = plan.models[name]
                yield row("model", name, served.price_per_hour_min, served.price_per_hour_max)
        runs = [
            (plan.jobs[name].run, plan.jobs[name], job.deadline)
            for name, job in settings.training_jobs.items()
            if job.tenant == tenant
        ] + [
            (plan.sweeps[name].job, plan.sweeps[name], sweep.deadline)
            for name, sweep in settings.sweeps.items()
            if sweep.tenant == tenant
        ]
        for name, run, deadline in runs:
            yield CostRow(
                kind="run",
                name=name,
                least="",
                most=money(run.price_per_hour),
                month=money(run.price_max),
                start=0.0,
                end=share(run.price_per_hour.amount, dearest),
                said=f"once, until its deadline of {span(deadline)}",
            )
    if plan.monitoring is not None:
        yield row("tenant", NAMESPACE, plan.monitoring.price_per_hour, plan.monitoring.price_per_hour)


def _month_parts(settings: Settings, plan: Plan, whole: Decimal) -> Iterator[MonthPart]:
    free = Money(_NOTHING, plan.price_per_month_max.currency)
    for name, model in plan.models.items():
        served = month(model.price_per_hour_max, free, settings.policy.prices)
        yield MonthPart(
            label=f"{name} at its maximum, {HOURS_PER_MONTH} h", amount=money(served), width=share(served.amount, whole)
        )
    for tenant, hourly in plan.tensorboards.items():
        board = month(hourly, free, settings.policy.prices)
        yield MonthPart(
            label=f"TensorBoard of {tenant}, {HOURS_PER_MONTH} h",
            amount=money(board),
            width=share(board.amount, whole),
        )
    if plan.monitoring is not None:
        watching = month(plan.monitoring.price_per_hour, free, settings.policy.prices)
        yield MonthPart(
            label=f"Prometheus, {HOURS_PER_MONTH} h", amount=money(watching), width=share(watching.amount, whole)
        )
    runs = sum((run.price_max.amount for run in (*plan.jobs.values(), *plan.sweeps.values())), _NOTHING)
    if runs:
        said = money(Money(runs, plan.price_per_month_max.currency))
        yield MonthPart(label="every run and sweep once, until its deadline", amount=said, width=share(runs, whole))
