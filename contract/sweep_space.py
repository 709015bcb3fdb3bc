"""What a sweep varies: one range or list of choices for each argument."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, cast

from contract.run import RunError, Scalar

TYPES: Final = ("float", "int", "categorical")
_KEYS: Final = {
    "float": {"type", "low", "high", "log", "step"},
    "int": {"type", "low", "high", "log", "step"},
    "categorical": {"type", "choices"},
}


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """Values that one argument may take. `space_of` makes it from words and checks them."""

    type: str
    """One of TYPES."""

    low: float = 0
    """Smallest value; whole for `int`."""

    high: float = 0
    """Largest value, included."""

    log: bool = False
    """Whether each power of ten is as likely as the next; not together with `step`."""

    step: float | None = None
    """Distance of neighbouring values from `low` on. None: any number of `float`, each whole one of `int`."""

    choices: tuple[Scalar, ...] = ()
    """Of `categorical`."""

    def words(self) -> dict[str, object]:
        """As in the stack file, with nothing left to defaults but an absent `step`."""
        if self.type == "categorical":
            return {"type": self.type, "choices": list(self.choices)}
        words: dict[str, object] = {"type": self.type, "low": self.low, "high": self.high, "log": self.log}
        return words if self.step is None else {**words, "step": self.step}

    def ends(self) -> tuple[Scalar, ...]:
        """The values that show first whether a training code takes this argument: both ends, or every choice."""
        return self.choices if self.type == "categorical" else (self.low, self.high)

    def count(self) -> int | None:
        """How many values there are; None if they are not countable (`float` without `step`)."""
        if self.type == "categorical":
            return len(self.choices)
        if self.type == "float" and self.step is None:
            return None
        return int((_exact(self.high) - _exact(self.low)) / _exact(self.step or 1)) + 1

    def value(self, index: int) -> Scalar:
        """One of the `count()` values, from 0 in order."""
        if self.type == "categorical":
            return self.choices[index]
        exact = _exact(self.low) + index * _exact(self.step or 1)
        return int(exact) if self.type == "int" else float(exact)

    def holds(self, value: Scalar) -> bool:
        """Whether this is one of the values."""
        if self.type == "categorical":
            return any(same(value, choice) for choice in self.choices)
        if isinstance(value, bool | str) or not self.low <= value <= self.high:
            return False
        step = 1 if self.type == "int" else self.step
        return step is None or (_exact(value) - _exact(self.low)) % _exact(self.step or step) == 0


def same(one: Scalar, other: Scalar) -> bool:
    """Whether two values of an argument are the same: 20.0 is 20, true is not 1."""
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def space_of(raw: object) -> dict[str, Parameter]:
    """Read a space from plain values.

    Raises:
        RunError: With every problem at once, by the argument's name.
    """
    if not isinstance(raw, dict) or not raw:
        raise RunError([f"{raw!r} must be an object that varies at least one argument"])
    space: dict[str, Parameter] = {}
    problems: list[str] = []
    for name, words in cast("dict[str, object]", raw).items():
        try:
            space[name] = _parameter(words)
        except ValueError as error:
            problems.append(f"{name}{'' if str(error).startswith('.') else ' '}{error}")
    if problems:
        raise RunError(problems)
    return space


def _parameter(raw: object) -> Parameter:
    """Read one parameter; a ValueError says the first thing that is wrong with it, without its name."""
    if not isinstance(raw, dict):
        raise ValueError(f"is {raw!r}: must be an object with type and low, high or choices")
    words = cast("dict[str, object]", raw)
    kind = words.get("type")
    if not isinstance(kind, str) or kind not in TYPES:
        raise ValueError(f".type is {kind!r}: must be one of {', '.join(TYPES)}")
    if unknown := sorted(words.keys() - _KEYS[kind]):
        raise ValueError(f".{unknown[0]} is unknown for type {kind}: known are {', '.join(sorted(_KEYS[kind]))}")
    if kind == "categorical":
        return Parameter(type=kind, choices=_choices(words.get("choices")))
    low, high = _number(words, "low", kind), _number(words, "high", kind)
    if low > high:
        raise ValueError(f".low is {low}: must be at most high, {high}")
    log = words.get("log", False)
    if not isinstance(log, bool):
        raise ValueError(f".log is {log!r}: must be true or false")
    if log and low <= 0:
        raise ValueError(f".low is {low}: must be above 0 with log")
    step = None if words.get("step") is None else _number(words, "step", kind)
    if step is not None:
        _check_step(step, low, high, log=log)
    return Parameter(type=kind, low=low, high=high, log=log, step=step)


def _check_step(step: float, low: float, high: float, *, log: bool) -> None:
    if log:
        raise ValueError(f".step is {step}: not together with log")
    if step <= 0:
        raise ValueError(f".step is {step}: must be above 0")
    if (_exact(high) - _exact(low)) % _exact(step):
        raise ValueError(f".step is {step}: must divide high - low, {_exact(high) - _exact(low)}, without a rest")


def _number(words: Mapping[str, object], key: str, kind: str) -> float:
    value = words.get(key)
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        if kind == "float":
            return float(value)
        if value == int(value):
            return int(value)
    raise ValueError(f".{key} is {value!r}: must be a {'whole' if kind == 'int' else 'finite'} number")


def _choices(raw: object) -> tuple[Scalar, ...]:
    items = cast("list[object]", raw) if isinstance(raw, list) else []
    if not items or not all(
        isinstance(item, bool | int | str) or (isinstance(item, float) and math.isfinite(item)) for item in items
    ):
        raise ValueError(f".choices is {raw!r}: must be a list of strings, finite numbers or booleans, not empty")
    choices = cast("list[Scalar]", items)
    for index, choice in enumerate(choices):
        if choice in choices[:index]:  # true counts as 1 here: the samplers cannot tell them apart
            raise ValueError(f".choices has {json.dumps(choice)} twice")
    return tuple(choices)


def _exact(value: float) -> Decimal:
    """The number as it was written: 0.1 is a tenth, not the nearest binary fraction."""
    return Decimal(repr(value))
