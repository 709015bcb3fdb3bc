"""`python -m ops.checks_reference` writes docs/checks.md from the checks; its messages are what they really say."""

import difflib
import sys
from collections.abc import Iterable
from datetime import date
from typing import Final

from infra.checks import CHECKS, Check, examine
from infra.checks.example import changed_words, sound_words
from infra.finding import Finding
from ops.stackfile import ROOT

TARGET: Final = ROOT / "docs" / "checks.md"

_DAY: Final = date(2026, 1, 31)
"""Any one: no example has waivers."""

_HEAD: Final = """# Checks

Written from `infra/checks/` by `python -m ops.checks_reference`; edit the docstrings and examples there.

Everything below is judged from the stack file alone, by `tfk8s check STACK` and again by the program before it
registers anything. All findings are shown at once. An error stops the stack; a warning is printed.
"""

_TAIL: Final = """
## What else is refused

- `settings`: words that cannot be read: unknown keys, wrong values, tenants that nobody declares.
- `secret`: a registry's password in the clear. `tfk8s check` alone says so, since the engine opens sealed ones before
  the program sees them; `pulumi config set --secret --path` seals one.
- `waiver`: a waiver of an unknown id (an error), or of a check that finds nothing (a warning).
- `run-definition`, at preview and update: other words under a version that was declared before. They are compared with
  those kept in the stack's state, so it takes the engine.
- `cluster-identity`, at preview and update: the cluster's `kube-system` has another UID than `cluster.kubeSystemUid`,
  or cannot be asked. Nothing is registered then, whatever is waived.

## Waivers

Each check above, and none of the others, can be waived for a reason and for a time:

```yaml
  tfk8s:policy:
    waivers:
      rollout-time: {reason: "at night, nobody waits for it", until: 2026-12-31}
```

Until the end of that day its findings are printed as waived and stop nothing. Afterwards they count again, and say that
their waiver expired.
"""


def reference() -> str:
    """The whole page: every check of the registry, then what is no check."""
    rows = "\n".join(_row(check) for check in CHECKS)
    return f"{_HEAD}\n| Id | Severity | What it proves | Example |\n|---|---|---|---|\n{rows}\n{_TAIL}"


def example(check: Check) -> tuple[Finding, ...]:
    """What is said about the check's own example."""
    return examine(changed_words(sound_words(), *check.example), _DAY).findings


def main() -> int:
    """Writes the page; says what changed."""
    before = TARGET.read_text(encoding="utf-8") if TARGET.exists() else ""
    page = reference()
    TARGET.write_text(page, encoding="utf-8")
    sys.stdout.write("\n".join(difflib.unified_diff(before.splitlines(), page.splitlines(), n=0, lineterm="")) + "\n")
    return 0


def _row(check: Check) -> str:
    finding = example(check)[0]
    said = f"`{finding.path}`: {finding.message}. *{_sentence(finding.fix)}*"
    return _cells([f"`{check.id}`", " or ".join(check.severities), check.proves, said])


def _sentence(fix: str) -> str:
    return fix[0].upper() + fix[1:]


def _cells(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


if __name__ == "__main__":
    raise SystemExit(main())
