"""When an error budget burns too fast: windows and rates of Google's SRE Workbook, "Alerting on SLOs", section 6.

An objective of 99.9 % over 30 days is a budget of 0.1 % of the requests. A burn rate of 1 uses it up in just 30 days.
An alert has two windows: the long one says that it matters, the short one, a twelfth of it, that it still goes on.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal

from infra.settings import Duration
from infra.settings.units import Objective

PERIOD: Final = Duration.parse("30d")
"""Of an objective."""

_SHORTER: Final = 12
_SEVERITIES: Final[tuple[tuple[str, str, Literal["page", "ticket"]], ...]] = (
    ("0.02", "1h", "page"),
    ("0.05", "6h", "page"),
    ("0.10", "1d", "ticket"),
    ("0.10", "3d", "ticket"),
)
"""Share of the budget, used up in that time, and who is told."""


@dataclass(frozen=True, kw_only=True)
class Burn:
    """A rate at which a budget burns too fast."""

    long: Duration
    short: Duration
    rate: Decimal
    """Times as fast as the whole period allows."""

    severity: Literal["page", "ticket"]

    def errors(self, objective: Objective) -> Decimal:
        """Share of the requests that fail at this rate; above 1 it can never be seen."""
        return self.rate * objective.budget


def burns() -> tuple[Burn, ...]:
    """The fastest first."""
    return tuple(_burn(Decimal(share), Duration.parse(long), severity) for share, long, severity in _SEVERITIES)


def _burn(share: Decimal, long: Duration, severity: Literal["page", "ticket"]) -> Burn:
    rate = share * PERIOD.seconds / long.seconds
    return Burn(long=long, short=Duration(long.seconds / _SHORTER), rate=rate.normalize(), severity=severity)
