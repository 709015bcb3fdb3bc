"""What a check is."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from inspect import cleandoc

from infra.finding import Finding, Severity
from infra.plan import Plan
from infra.settings import Settings

Change = tuple[str, object]
"""A dotted key path of a stack file, without `tfk8s:`, and the value to put there."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that has to hold, with all that docs/checks.md says about it."""

    id: str
    """Unique and stable, in kebab-case: findings carry it, waivers name it."""

    find: Callable[[Settings, Plan, date], Iterator[Finding]]
    """A pure function; the date is for findings that expire. Its docstring says what it proves."""

    severities: tuple[Severity, ...] = ("error",)
    """What its findings may be."""

    example: tuple[Change, ...]
    """Changes of the stack in `infra.checks.example` that make it speak, and no other check."""

    @property
    def proves(self) -> str:
        """The first paragraph of its function's docstring."""
        return " ".join(cleandoc(self.find.__doc__ or "").partition("\n\n")[0].split())
