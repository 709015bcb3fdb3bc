"""What pods cost by what they request."""

from decimal import Decimal
from typing import Final

from infra.settings import GpuSettings, Money
from infra.settings.base import ContainerResources
from infra.settings.platform import PriceSettings

HOURS_PER_MONTH: Final = 730
"""A twelfth of a year."""

_GIB = Decimal(2**30)
_HOURLY = Decimal("0.0001")
_MONTHLY = Decimal("0.01")
_SECONDS_PER_HOUR = 3600


def per_hour(resources: ContainerResources, prices: PriceSettings, gpu: GpuSettings | None, pods: int) -> Money:
    """Price per hour of that many pods. Where pods share a device, each pays its part of it."""
    sharing = gpu.pods_per_gpu or 1 if gpu is not None and gpu.shares else 1
    one = (
        resources.cpu.amount * prices.cpu_core.amount
        + resources.memory.amount / _GIB * prices.memory_gib.amount
        + resources.gpu * prices.gpu.amount / sharing
    )
    return _money(one * pods, _HOURLY, prices)


def for_seconds(hourly: Money, seconds: Decimal, prices: PriceSettings) -> Money:
    """Price of something that runs that long."""
    return _money(hourly.amount * seconds / _SECONDS_PER_HOUR, _HOURLY, prices)


def added(amounts: list[Money], prices: PriceSettings) -> Money:
    """Their sum."""
    return _money(sum((each.amount for each in amounts), Decimal(0)), _HOURLY, prices)


def month(hourly: Money, once: Money, prices: PriceSettings) -> Money:
    """Price of a month of something that runs all the time and something that runs once in it."""
    return _money(hourly.amount * HOURS_PER_MONTH + once.amount, _MONTHLY, prices)


def _money(amount: Decimal, step: Decimal, prices: PriceSettings) -> Money:
    return Money(amount.quantize(step), prices.gpu.currency)
