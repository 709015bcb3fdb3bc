"""Kubernetes quantities, so that `1000m` and `1` are one value."""

import re
from decimal import Decimal

NUMBER = re.compile(r"([+-]?[0-9.]+)([eE][+-]?[0-9]+|[numkMGTPE]|[KMGTPE]i)?")
SUFFIXES = {
    **{suffix: Decimal(10) ** (3 * (index - 3)) for index, suffix in enumerate(["n", "u", "m", "", "k", "M", "G"])},
    **{suffix: Decimal(10) ** (3 * (index + 4)) for index, suffix in enumerate("TPE")},
    **{f"{suffix}i": Decimal(1024) ** (index + 1) for index, suffix in enumerate("KMGTPE")},
}
"""Factor of each suffix (https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/)."""

UNDER = """
    requests limits hard used capacity allocatable default defaultRequest max min maxLimitRequestRatio podFixed overhead
""".split()  # noqa: SIM905  # a list would take a line for each
"""Maps whose values are quantities."""

AT = frozenset({"sizeLimit", "divisor", "averageValue", "targetAverageValue", "value"})
"""Fields that are quantities themselves; a `value` that is none, as in a container's env, does not parse alike."""


def quantity(text: object) -> Decimal | None:
    """The number a quantity stands for, or None where it is no quantity."""
    match = NUMBER.fullmatch(str(text)) if isinstance(text, str | int | float) else None
    if match is None:
        return None
    number, suffix = match[1], match[2] or ""
    try:
        return (
            Decimal(number + suffix) if suffix[:1] in ("e", "E") and suffix[1:] else Decimal(number) * SUFFIXES[suffix]
        )
    except ArithmeticError:
        return None


def is_quantity_path(path: tuple[str | int, ...]) -> bool:
    """Whether a built-in kind has a quantity at that path."""
    if len(path) < 2:  # noqa: PLR2004  # a quantity is never at the root
        return False
    if path[-1] in AT:
        return "env" not in path and path[0] == "spec"
    return path[-2] in UNDER and path[0] == "spec"


def same_quantity(one: object, other: object) -> bool:
    """Whether both are quantities of one size."""
    first = quantity(one)
    return first is not None and first == quantity(other)
