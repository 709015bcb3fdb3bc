"""The price card can be added up."""

from collections.abc import Iterator
from datetime import date

from infra.checks.report import error
from infra.finding import Finding
from infra.plan import Plan
from infra.settings import Settings


def prices_share_a_currency(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """Sums of prices are in one currency; nothing here knows exchange rates."""
    prices = settings.policy.prices
    if len({prices.cpu_core.currency, prices.memory_gib.currency, prices.gpu.currency}) > 1:
        yield error(
            "price-currency",
            ("policy", "prices"),
            f"cpuCore {prices.cpu_core}, memoryGib {prices.memory_gib} and gpu {prices.gpu} are not in one currency",
            "give all three in the same one",
        )
