"""The one way from raw words to a stack that may be deployed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from infra.checks.registry import CHECKS
from infra.checks.secrets import secrets_are_sealed
from infra.checks.waivers import Waived, waive
from infra.finding import Finding, StackFileError
from infra.plan import Plan, make_plan
from infra.settings import Settings, parse


@dataclass(frozen=True, kw_only=True)
class Examined:
    """A stack file with everything that can be said about it."""

    settings: Settings
    """The readable part; whole where there are no errors."""

    plan: Plan
    findings: tuple[Finding, ...]
    """Of the words first, then of the checks in their order, then of the waivers."""

    waived: tuple[Waived, ...]
    """Findings that the stack file waives: shown, and they stop nothing."""

    @property
    def valid(self) -> bool:
        """Nothing but warnings."""
        return all(finding.severity == "warning" for finding in self.findings)


def check_all(settings: Settings, plan: Plan, today: date) -> tuple[Finding, ...]:
    """What every check finds, waived or not."""
    return tuple(finding for check in CHECKS for finding in check.find(settings, plan, today))


def examine(raw: Mapping[str, object], today: date, *, as_written: bool = False) -> Examined:
    """Parses, plans and checks the words of a stack file (values of the `tfk8s:` keys) without refusing any.

    Where words cannot be read, the checks still judge the others, by their errors only: what is missing from the
    readable part would cause warnings of its own.

    Args:
        raw: The words.
        today: Decides whether waivers count.
        as_written: The words come from the file and not from the engine, so secrets must still be sealed.
    """
    parsed = parse(raw)
    plan = make_plan(parsed.settings)
    checked = check_all(parsed.settings, plan, today)
    counting, waived = waive(checked, parsed.settings.policy.waivers, [check.id for check in CHECKS], today)
    if parsed.findings:
        counting = tuple(finding for finding in counting if finding.severity == "error")
    unsealed = tuple(secrets_are_sealed(raw)) if as_written else ()
    findings = (*parsed.findings, *unsealed, *counting)
    return Examined(settings=parsed.settings, plan=plan, findings=findings, waived=waived)


def require_valid(raw: Mapping[str, object], today: date) -> Examined:
    """A stack file that can work: its findings are warnings.

    Raises:
        StackFileError: Everything that is wrong with it, at once.
    """
    examined = examine(raw, today)
    if not examined.valid:
        raise StackFileError(examined.findings)
    return examined
