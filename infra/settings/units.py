"""Values with units: Kubernetes quantities, durations, percentages and prices, exact and readable."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, Decimal, InvalidOperation
from typing import Self

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

# https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
_SUFFIXES = {
    "m": Decimal("0.001"),
    "": Decimal(1),
    "k": Decimal(10**3),
    "M": Decimal(10**6),
    "G": Decimal(10**9),
    "T": Decimal(10**12),
    "P": Decimal(10**15),
    "Ki": Decimal(2**10),
    "Mi": Decimal(2**20),
    "Gi": Decimal(2**30),
    "Ti": Decimal(2**40),
    "Pi": Decimal(2**50),
}
_SECONDS = {"ms": Decimal("0.001"), "s": Decimal(1), "m": Decimal(60), "h": Decimal(3600), "d": Decimal(86400)}
_NUMBER = r"([0-9]+(?:\.[0-9]+)?)"


def _plain(number: Decimal) -> str:
    """The number without exponent or trailing zeros."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


class _Unit:
    """Lets pydantic read a value by its class's own `parse`, whatever the model's strictness."""

    @classmethod
    def parse(cls, raw: object) -> Self:
        raise NotImplementedError

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        read: Callable[[object], Self] = cls.parse
        return core_schema.no_info_plain_validator_function(
            read, serialization=core_schema.to_string_ser_schema(when_used="always")
        )


@dataclass(frozen=True, order=True)
class Quantity(_Unit):
    """A Kubernetes quantity: cores (`2`, `500m`) or bytes (`4Gi`). Compared by amount, printed as written."""

    amount: Decimal
    """Cores or bytes."""

    text: str = field(compare=False)
    """As it goes to the API server."""

    @classmethod
    def parse(cls, raw: object) -> Self:
        """Reads `2`, `0.5`, `500m`, `4Gi`.

        Raises:
            ValueError: Not a number, negative, or with a suffix Kubernetes does not know.
        """
        if isinstance(raw, cls):
            return raw
        if isinstance(raw, bool) or not isinstance(raw, (int, float, str)):
            msg = f"expected a quantity such as 2, 500m or 4Gi, got {raw!r}"
            raise ValueError(msg)
        text = str(raw)
        match = re.fullmatch(_NUMBER + r"([a-zA-Z]*)", text)
        if match is None or match[2] not in _SUFFIXES:
            msg = f"expected a quantity such as 2, 500m or 4Gi, got {text!r}"
            raise ValueError(msg)
        return cls(Decimal(match[1]) * _SUFFIXES[match[2]], text)

    @classmethod
    def cores(cls, amount: Decimal) -> Self:
        """A sum of CPU, in whole cores or millicores."""
        whole = amount == amount.to_integral_value()
        return cls(amount, _plain(amount) if whole else f"{_plain(amount * 1000)}m")

    @classmethod
    def size(cls, amount: Decimal) -> Self:
        """A sum of bytes, in the largest binary suffix that keeps it exact."""
        for suffix in ("Pi", "Ti", "Gi", "Mi", "Ki"):
            scaled = amount / _SUFFIXES[suffix]
            if scaled >= 1 and scaled == scaled.to_integral_value():
                return cls(amount, f"{_plain(scaled)}{suffix}")
        return cls(amount, _plain(amount))

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, order=True)
class Duration(_Unit):
    """A length of time such as `5s`, `10m`, `6h` or `1h30m`."""

    seconds: Decimal

    @classmethod
    def parse(cls, raw: object) -> Self:
        """Reads numbers with the units ms, s, m, h and d.

        Raises:
            ValueError: No unit, an unknown unit, or nothing at all.
        """
        if isinstance(raw, cls):
            return raw
        parts = re.findall(_NUMBER + r"(ms|s|m|h|d)", raw) if isinstance(raw, str) else []
        if not parts or "".join(number + unit for number, unit in parts) != raw:
            msg = f"expected a duration with its unit, such as 5s, 10m or 6h, got {raw!r}"
            raise ValueError(msg)
        return cls(sum((Decimal(number) * _SECONDS[unit] for number, unit in parts), Decimal(0)))

    @property
    def whole_seconds(self) -> int:
        """Seconds rounded up, as Kubernetes wants them."""
        return int(self.seconds.to_integral_value(rounding=ROUND_CEILING))

    @property
    def milliseconds(self) -> int:
        """Milliseconds rounded up, as TensorFlow Serving wants them."""
        return int((self.seconds * 1000).to_integral_value(rounding=ROUND_CEILING))

    def __add__(self, other: "Duration") -> "Duration":
        return Duration(self.seconds + other.seconds)

    def __str__(self) -> str:
        rest, words = self.seconds, ""
        for unit in ("h", "m", "s", "ms"):
            count, rest = divmod(rest, _SECONDS[unit])
            words += f"{_plain(count)}{unit}" if count else ""
        return words or "0s"


@dataclass(frozen=True, order=True)
class Percent(_Unit):
    """A share such as `70%`."""

    value: int

    @classmethod
    def parse(cls, raw: object) -> Self:
        """Reads a whole number from 1 to 100 with its sign.

        Raises:
            ValueError: No percent sign, not a whole number, or out of range.
        """
        if isinstance(raw, cls):
            return raw
        match = re.fullmatch(r"([0-9]+)%", raw) if isinstance(raw, str) else None
        if match is None or not 1 <= int(match[1]) <= 100:  # noqa: PLR2004 - what a percentage is
            msg = f"expected a whole percentage from 1% to 100%, got {raw!r}"
            raise ValueError(msg)
        return cls(int(match[1]))

    def of(self, count: int) -> int:
        """That share of a count, rounded up as the Deployment controller rounds maxSurge."""
        return -(-count * self.value // 100)

    def __str__(self) -> str:
        return f"{self.value}%"


@dataclass(frozen=True, order=True)
class Objective(_Unit):
    """A promised share such as `99.9%`."""

    percent: Decimal

    @classmethod
    def parse(cls, raw: object) -> Self:
        """Reads a number above 0 and below 100 with its sign.

        Raises:
            ValueError: No percent sign, no number, or out of range.
        """
        if isinstance(raw, cls):
            return raw
        match = re.fullmatch(_NUMBER + "%", raw) if isinstance(raw, str) else None
        if match is None or not 0 < Decimal(match[1]) < 100:  # noqa: PLR2004 - what a percentage is
            msg = f"expected a percentage above 0% and below 100% such as 99.9%, got {raw!r}"
            raise ValueError(msg)
        return cls(Decimal(match[1]))

    @property
    def budget(self) -> Decimal:
        """Share that may miss it."""
        return 1 - self.percent / 100

    def __str__(self) -> str:
        return f"{_plain(self.percent)}%"


@dataclass(frozen=True, order=True)
class Money(_Unit):
    """An amount with its currency, such as `0.95 USD`."""

    amount: Decimal
    currency: str

    @classmethod
    def parse(cls, raw: object) -> Self:
        """Reads a number and a three-letter currency.

        Raises:
            ValueError: No currency, or not a number.
        """
        if isinstance(raw, cls):
            return raw
        number, _, currency = raw.partition(" ") if isinstance(raw, str) else ("", "", "")
        try:
            amount = Decimal(number)
        except InvalidOperation:
            amount = Decimal("NaN")
        if not amount.is_finite() or amount < 0 or re.fullmatch(r"[A-Z]{3}", currency) is None:
            msg = f"expected an amount with its currency, such as 0.95 USD, got {raw!r}"
            raise ValueError(msg)
        return cls(amount, currency)

    def __str__(self) -> str:
        return f"{_plain(self.amount)} {self.currency}"
