"""`tfk8s check`: everything that can be said about a stack file, without engine, cluster or network."""

import argparse
import textwrap
from collections.abc import Sequence
from datetime import date
from typing import Final

from rich.console import Console
from rich.text import Text

from infra.checks.run import Examined, examine
from infra.checks.waivers import Waived
from infra.finding import Finding
from infra.settings import Money
from ops.verb import Verbs, add_stack_parser, stack_file, stack_words

_DESCRIPTION: Final = """Says at once everything that is wrong with a stack file, and what it may cost at worst.

These are the checks that `pulumi preview` and `pulumi up` run before anything else. Neither the engine nor a cluster
nor the network is asked. Errors end with exit code 1; warnings, and what tfk8s:policy.waivers lets pass, with 0.
"""
_INDENT: Final = "    "
_STYLES: Final = {"error": "bold red", "warning": "bold yellow", "waived": "bold cyan"}


def add_parser(verbs: Verbs) -> None:
    """Declares the verb."""
    add_stack_parser(
        verbs,
        "check",
        said="say everything that is wrong with a stack file, and what it may cost",
        description=_DESCRIPTION,
        example="tfk8s check prod",
    )


def run(options: argparse.Namespace) -> int:
    """Prints all findings, how many there are, and the price of the worst case.

    Returns:
        1 where there are errors, else 0.

    Raises:
        CommandError: There is no such stack.
        StackFileError: The file cannot be read, or is no stack file.
    """
    examined = examine(stack_words(options), date.today(), as_written=True)
    console = Console(highlight=False)
    for severity in ("error", "warning"):
        for finding in examined.findings:
            if finding.severity == severity:
                _show(console, severity, finding, (finding.message, finding.fix))
    for waived in examined.waived:
        _show(console, "waived", waived.finding, (waived.finding.message, _waiver(waived)))
    _say(console, Text(f"{stack_file(options).name}: {_counts(examined)}{_price(examined)}"))
    return 0 if examined.valid else 1


def _show(console: Console, word: str, finding: Finding, lines: Sequence[str]) -> None:
    head = Text.assemble((f"{word}:", _STYLES[word]), f" {finding.path}  ", (f"[{finding.check}]", "dim"))
    _say(console, head)
    for line in lines:
        # Wrapped for people only: whatever reads a pipe wants one line.
        wide = console.width if console.is_terminal else len(_INDENT + line) + 1
        wrapped = textwrap.fill(
            line,
            wide,
            initial_indent=_INDENT,
            subsequent_indent=_INDENT,
            break_long_words=False,
            break_on_hyphens=False,
        )
        _say(console, Text(wrapped))


def _say(console: Console, text: Text) -> None:
    console.print(text, soft_wrap=True)


def _waiver(waived: Waived) -> str:
    return f"waived until {waived.waiver.until}: {waived.waiver.reason}"


def _counts(examined: Examined) -> str:
    severities = [finding.severity for finding in examined.findings]
    counts = [(severities.count("error"), "error"), (severities.count("warning"), "warning")]
    said = ", ".join(f"{count or 'no'} {word}{'' if count == 1 else 's'}" for count, word in counts)
    return f"{said}, {len(examined.waived)} waived" if examined.waived else said


def _price(examined: Examined) -> str:
    """Nothing where words could not be read: what is missing from the sum would make it too small."""
    if any(finding.check == "settings" for finding in examined.findings):
        return ""
    plan, budget = examined.plan, examined.settings.policy.monthly_budget
    of = "" if budget is None else f" of a budget of {_money(budget)}"
    return f"; worst case {_money(plan.price_per_month_max)} a month{of}"


def _money(money: Money) -> str:
    return f"{money.amount:,.2f} {money.currency}"
