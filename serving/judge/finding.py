"""What one criterion finds, as a sentence with its numbers."""

from dataclasses import dataclass
from enum import Enum


class Says(Enum):
    """What a finding says of the incoming version."""

    HARM = "harm"
    """Proven worse: roll back."""

    SOUND = "sound"
    """Proven not to be worse by what must be excluded."""

    OPEN = "open"
    """Neither: wait."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What one criterion finds."""

    says: Says
    sentence: str


def percent(share: float) -> str:
    """A share from 0 to 1 for people, with two figures, or three from 1 %."""
    value = share * 100
    return f"{value:.3g} %" if abs(value) >= 1 else f"{value:.2g} %"


def chance(p: float) -> str:
    """A probability for people."""
    return f"{p:.2g}" if p >= 0.0001 else "below 0.0001"  # noqa: PLR2004 - smaller ones say no more
