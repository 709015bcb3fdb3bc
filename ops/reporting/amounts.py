"""Figures as people read them."""

from decimal import Decimal

from infra.settings import Duration, Money

_MINUTE, _HOUR = 60, 3600
_SMALL = Decimal("0.1")


def money(amount: Money) -> str:
    """`15,065.61 USD`; four places for less than a tenth."""
    places = 4 if 0 < amount.amount < _SMALL else 2
    return f"{amount.amount:,.{places}f} {amount.currency}"


def difference(before: Money, after: Money) -> str:
    """`+12.00 USD`, `-0.50 USD`, `±0`; where the currencies differ there is none."""
    if before.currency != after.currency:
        return "another currency"
    change = after.amount - before.amount
    if not change:
        return "±0"
    return f"{'+' if change > 0 else '-'}{money(Money(abs(change), after.currency))}"


def span(duration: Duration) -> str:
    """`23 min 20 s`: two units at most, which is as exact as a prediction is."""
    seconds = duration.whole_seconds
    if seconds < _MINUTE:
        return f"{seconds} s"
    if seconds < _HOUR:
        return _two(seconds, _MINUTE, "min", 1, "s")
    return _two(seconds, _HOUR, "h", _MINUTE, "min")


def share(part: Decimal, whole: Decimal) -> float:
    """Percent of the whole, with the one place that a picture can show; 0 of nothing."""
    return float(round(100 * part / whole, 1)) if whole else 0.0


def number(value: float) -> str:
    """`600`, `1,200`, `0.5`."""
    return f"{value:,.10g}"


def count(many: int, one: str) -> str:
    """`1 error`, `2 errors`."""
    return f"{many} {one}{'' if many == 1 else 's'}"


def _two(seconds: int, large: int, large_name: str, small: int, small_name: str) -> str:
    whole, rest = divmod(seconds, large)
    parts = [f"{whole} {large_name}", f"{rest // small} {small_name}" if rest // small else ""]
    return " ".join(filter(None, parts))
