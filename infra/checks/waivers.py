"""Findings that a stack file waives, for a reason and for a time."""

import difflib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from infra.checks.report import error, warning
from infra.finding import Finding
from infra.settings.platform import Waiver

ID = "waiver"


@dataclass(frozen=True, kw_only=True)
class Waived:
    """A finding that does not count."""

    finding: Finding
    waiver: Waiver

    def text(self) -> str:
        """What is waived, and until when and why, as a person reads it, in three lines."""
        found = self.finding
        return (
            f"waived until {self.waiver.until}: {found.path}  [{found.check}]\n"
            f"    {found.message}\n    {self.waiver.reason}"
        )


def waive(
    findings: Sequence[Finding], waivers: Mapping[str, Waiver], known: Collection[str], today: date
) -> tuple[tuple[Finding, ...], tuple[Waived, ...]]:
    """Findings that count, with those about the waivers themselves, and findings that do not.

    Args:
        findings: Of the checks.
        waivers: By the id of a check.
        known: Ids of all checks; nothing else can be waived.
        today: A waiver counts until the end of its last day.
    """
    counting, waived = list[Finding](), list[Waived]()
    for finding in findings:
        waiver = waivers.get(finding.check)
        if waiver is None:
            counting.append(finding)
        elif waiver.until < today:
            expired = f"{finding.message}; its waiver expired on {waiver.until}"
            counting.append(replace(finding, message=expired))
        else:
            waived.append(Waived(finding=finding, waiver=waiver))
    used = {finding.check for finding in findings}
    return (*counting, *_about(waivers, known, used)), tuple(waived)


def _about(waivers: Mapping[str, Waiver], known: Collection[str], used: Collection[str]) -> Iterator[Finding]:
    for check in waivers:
        location = ("policy", "waivers", check)
        if check not in known:
            close = difflib.get_close_matches(check, known, n=1)
            yield error(
                ID,
                location,
                f"there is no check {check!r} that could be waived",
                f"did you mean {close[0]}?" if close else "docs/checks.md has the ids; errors of words have none",
            )
        elif check not in used:
            yield warning(ID, location, f"waives nothing: {check} finds nothing here", "remove it")
