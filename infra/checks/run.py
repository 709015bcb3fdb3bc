"""All checks in their order, and the one way from raw words to a stack that may be deployed."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from infra.checks.capacity import limits_cover_requests, quota_covers_worst_case
from infra.checks.drain import drain_fits
from infra.checks.exposure import source_ranges_are_networks
from infra.checks.gpu import batch_divides, device_plugin_is_given, gpus_are_declared, gpus_are_shared_soundly
from infra.checks.images import digests_are_given, tags_are_exact
from infra.checks.prices import prices_share_a_currency
from infra.checks.scaling import autoscaling_bounds, cpu_target_has_a_request
from infra.checks.store import handles_fit_tenants, one_kind_of_store, served_versions_have_a_source
from infra.checks.tenants import namespaces_are_free, services_have_their_own_names
from infra.finding import Finding, StackFileError
from infra.plan import Plan, make_plan
from infra.settings import Settings, parse

Check = Callable[[Settings, Plan, date], Iterator[Finding]]
"""A pure function; the date is for findings that expire."""

CHECKS: Final[tuple[Check, ...]] = (
    namespaces_are_free,
    services_have_their_own_names,
    autoscaling_bounds,
    cpu_target_has_a_request,
    limits_cover_requests,
    quota_covers_worst_case,
    gpus_are_declared,
    gpus_are_shared_soundly,
    device_plugin_is_given,
    batch_divides,
    drain_fits,
    one_kind_of_store,
    handles_fit_tenants,
    served_versions_have_a_source,
    tags_are_exact,
    digests_are_given,
    source_ranges_are_networks,
    prices_share_a_currency,
)
"""In the order in which their findings are shown."""


@dataclass(frozen=True, kw_only=True)
class Examined:
    """A stack file with everything that can be said about it."""

    settings: Settings
    """The readable part; whole where there are no errors."""

    plan: Plan
    findings: tuple[Finding, ...]
    """Of the words first, then of the checks in their order."""

    @property
    def valid(self) -> bool:
        """Nothing but warnings."""
        return all(finding.severity == "warning" for finding in self.findings)


def check_all(settings: Settings, plan: Plan, today: date) -> tuple[Finding, ...]:
    """What every check finds."""
    return tuple(finding for check in CHECKS for finding in check(settings, plan, today))


def examine(raw: Mapping[str, object], today: date) -> Examined:
    """Parses, plans and checks the words of a stack file (values of the `tfk8s:` keys) without refusing any.

    Where words cannot be read, the checks still judge the others, by their errors only: what is missing from the
    readable part would cause warnings of its own.
    """
    parsed = parse(raw)
    plan = make_plan(parsed.settings)
    checked = check_all(parsed.settings, plan, today)
    if parsed.findings:
        checked = tuple(finding for finding in checked if finding.severity == "error")
    return Examined(settings=parsed.settings, plan=plan, findings=(*parsed.findings, *checked))


def require_valid(raw: Mapping[str, object], today: date) -> tuple[Settings, Plan, tuple[Finding, ...]]:
    """Settings, plan and warnings of a stack file that can work.

    Raises:
        StackFileError: Everything that is wrong with it, at once.
    """
    examined = examine(raw, today)
    if not examined.valid:
        raise StackFileError(examined.findings)
    return examined.settings, examined.plan, examined.findings
