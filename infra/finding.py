"""What can be wrong with a stack: one shape for the words, the sums and the limits."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One problem of a stack, complete enough to be mended without reading code."""

    check: str
    """Id of the check that found it, in kebab-case; `settings` for the words themselves."""

    severity: Severity
    """`error` stops everything before anything is registered; `warning` is printed."""

    path: str
    """Key path in the stack file, such as `tfk8s:models.digits.autoscaling.minReplicas`."""

    message: str
    """What is wrong, with the numbers."""

    fix: str
    """What to change."""

    def text(self) -> str:
        """The finding as a person reads it, in three lines."""
        return f"{self.severity}: {self.path}  [{self.check}]\n    {self.message}\n    {self.fix}"


class StackFileError(Exception):
    """A stack file that cannot work. Its text holds every finding, errors first."""

    findings: tuple[Finding, ...]

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(sorted(findings, key=lambda finding: finding.severity != "error"))
        super().__init__(self.text())

    def text(self) -> str:
        """All findings, and how many there are, on one screen."""
        errors = sum(finding.severity == "error" for finding in self.findings)
        head = f"the stack file has {errors} error{'s' if errors != 1 else ''}; nothing was changed"
        return "\n".join([head, *(finding.text() for finding in self.findings)])
