"""The price stays within what may be spent."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Final

from infra.checks.report import error
from infra.finding import Finding
from infra.plan import HOURS_PER_MONTH, Plan, make_plan
from infra.settings import Duration, Money, Settings

_LARGEST: Final = 3
_SECONDS_PER_HOUR: Final = 3600
_CENT: Final = Decimal("0.01")


@dataclass(frozen=True)
class _Part:
    path: str
    price: Money
    """Of a month at worst."""

    reason: str


def price_stays_within_budget(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """A month at worst costs no more than the budget: models at most, each run and sweep once to its deadline."""
    budget, price = settings.policy.monthly_budget, plan.price_per_month_max
    if budget is None:
        return
    path = ("policy", "monthlyBudget")
    if budget.currency != price.currency:
        yield error(
            "budget",
            path,
            f"the budget is in {budget.currency}, policy.prices are in {price.currency}",
            "give both in the same currency; nothing here knows exchange rates",
        )
    elif price > budget:
        parts = sorted(_parts(settings, plan), key=lambda part: part.price, reverse=True)
        largest = "; ".join(f"{part.path} {part.price} ({part.reason})" for part in parts[:_LARGEST])
        more = f"; and {len(parts) - _LARGEST} more" if len(parts) > _LARGEST else ""
        ways = [f"raise the budget to {price}", *_savings(settings, plan, parts[0])]
        yield error("budget", path, f"{price} a month at worst > {budget}: {largest}{more}", ", or ".join(ways))


def _parts(settings: Settings, plan: Plan) -> Iterator[_Part]:
    single = {f"tenants.{name}.tensorboard": hourly for name, hourly in plan.tensorboards.items()}
    if plan.monitoring is not None:
        single["monitoring"] = plan.monitoring.price_per_hour
    for path, hourly in single.items():
        month = hourly.amount * HOURS_PER_MONTH
        yield _Part(path, _cents(month, hourly.currency), f"1 pod x {HOURS_PER_MONTH} h")
    for name, model in settings.models.items():
        hourly = plan.models[name].price_per_hour_max
        month = hourly.amount * HOURS_PER_MONTH
        yield _Part(
            f"models.{name}",
            _cents(month, hourly.currency),
            f"{model.autoscaling.max_replicas} replicas x {HOURS_PER_MONTH} h",
        )
    for name, job in settings.training_jobs.items():
        price = plan.jobs[name].price_max
        yield _Part(f"trainingJobs.{name}", _cents(price.amount, price.currency), f"one run of {job.deadline}")
    for name, sweep in settings.sweeps.items():
        price = plan.sweeps[name].price_max
        yield _Part(f"sweeps.{name}", _cents(price.amount, price.currency), f"one sweep of {sweep.deadline}")


def _savings(settings: Settings, plan: Plan, part: _Part) -> Iterator[str]:
    """What could be lowered in the largest part so that the whole fits; nothing where that is not enough."""
    section, _, name = part.path.partition(".")
    over = plan.price_per_month_max.amount - _budget(settings)
    if section in {"tenants", "monitoring"}:
        if part.price.amount > over:  # by more than rounding may take
            yield f"do without {part.path}"
        return
    if section == "models":
        bounds = settings.models[name].autoscaling
        lower = range(bounds.min_replicas, bounds.max_replicas)
        fitting = bisect_right(lower, _budget(settings), key=lambda most: _with_maximum(settings, name, most))
        if fitting:
            yield f"lower {part.path}.autoscaling.maxReplicas to {lower[fitting - 1]}"
        return
    run, said = (
        (plan.sweeps[name], settings.sweeps[name])
        if section == "sweeps"
        else (plan.jobs[name], settings.training_jobs[name])
    )
    hourly = run.price_per_hour.amount
    spare = (over / hourly * _SECONDS_PER_HOUR).to_integral_value(ROUND_CEILING) if hourly else Decimal(0)
    left = said.deadline.seconds - spare
    if left > 0:
        yield f"lower {part.path}.deadline to {Duration(left.to_integral_value(ROUND_FLOOR))}"


def _cents(amount: Decimal, currency: str) -> Money:
    return Money(amount.quantize(_CENT), currency)


def _budget(settings: Settings) -> Decimal:
    budget = settings.policy.monthly_budget
    return budget.amount if budget is not None else Decimal(0)


def _with_maximum(settings: Settings, name: str, most: int) -> Decimal:
    """Price of the month with another maxReplicas of one model."""
    model = settings.models[name]
    bounds = model.autoscaling.model_copy(update={"max_replicas": most})
    models = {**settings.models, name: model.model_copy(update={"autoscaling": bounds})}
    return make_plan(settings.model_copy(update={"models": models})).price_per_month_max.amount
