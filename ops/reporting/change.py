"""What a pull request changes about a stack: what it costs, what an update would do, what applications are promised."""

import json
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final, cast

from infra.checks import Examined, examine
from infra.finding import StackFileError
from infra.overrides import Words, stack_file_words
from infra.plan import Plan
from infra.settings import Money
from ops.compatibility import Schema, added, incompatible
from ops.difference.step import Step
from ops.problem import CommandError
from ops.reporting.amounts import difference, money
from ops.stackfile import ROOT

SCHEMA: Final = "docs/outputs.schema.json"


@dataclass(frozen=True, kw_only=True)
class CostLine:
    """A price before and after."""

    name: str
    before: str
    """`-` where there was none, or where it is not known."""

    after: str
    change: str


@dataclass(frozen=True, kw_only=True)
class ContractChange:
    """What happens to the promise to applications."""

    broken: tuple[str, ...]
    """What readers of one of both schemas would not understand."""

    added: tuple[str, ...]
    """Fields that are new."""

    versions: tuple[object, object]
    """Of the contract, before and after."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """A stack here, against another revision."""

    base: str
    plan_before: Plan | None
    """None where the revision has no such stack, or one that cannot be read here."""

    steps: tuple[Step, ...]
    unknown: str
    """Why there are no steps; empty where there may be."""

    contract: ContractChange | None
    """None where the revision states none that can be read."""


def change_since(
    base: str, *, stack: str, words: Words, examined: Examined, environment: Mapping[str, str], day: date
) -> Change:
    """Compares a stack as it is here with what it is at a revision.

    Args:
        base: Anything git understands as a commit.
        stack: The stack's name.
        words: Its words here.
        examined: The same, examined.
        environment: May name overrides, which hold for both.
        day: Decides which waivers count.

    Raises:
        CommandError: There is no such revision.
    """
    if _git("rev-parse", "--verify", "--quiet", f"{base}^{{commit}}") is None:
        msg = f"there is no revision {base} here\n    name one that exists, or fetch it first (git fetch)"
        raise CommandError(msg)
    steps, unknown = _steps(base, stack, words) if examined.valid else ((), "the stack cannot work as it is here")
    promised = _schema_at(base)
    return Change(
        base=base,
        plan_before=_plan_at(base, stack, environment, day),
        steps=steps,
        unknown=unknown,
        contract=None if promised is None else contract_change(promised, _schema_here()),
    )


def contract_change(before: Schema, after: Schema) -> ContractChange:
    """What readers of the outputs have to know."""
    return ContractChange(
        broken=incompatible(before, after), added=added(before, after), versions=(_version(before), _version(after))
    )


def cost_lines(before: Plan | None, after: Plan) -> Iterator[CostLine]:
    """The stack's prices, then those of models and runs that change."""
    known = before is not None
    yield _line("all at its minimum, per hour", before.price_per_hour if known else None, after.price_per_hour)
    yield _line("all at its maximum, per hour", before.price_per_hour_max if known else None, after.price_per_hour_max)
    yield _line("worst month", before.price_per_month_max if known else None, after.price_per_month_max)
    if before is None:
        return
    for name in dict.fromkeys([*before.models, *after.models]):
        was, now = before.models.get(name), after.models.get(name)
        pair = (was and was.price_per_hour_max, now and now.price_per_hour_max)
        if pair[0] != pair[1]:
            yield _line(f"{name} at its maximum, per hour", *pair)
    runs = (
        {job.run: job.price_max for job in before.jobs.values()},
        {job.run: job.price_max for job in after.jobs.values()},
    )
    for run in dict.fromkeys([*runs[0], *runs[1]]):
        if runs[0].get(run) != runs[1].get(run):
            yield _line(f"run {run} until its deadline, once", runs[0].get(run), runs[1].get(run))


def _line(name: str, before: Money | None, after: Money | None) -> CostLine:
    both = difference(before, after) if before is not None and after is not None else "new" if after else "gone"
    return CostLine(
        name=name,
        before=money(before) if before is not None else "-",
        after=money(after) if after is not None else "-",
        change=both,
    )


def _steps(base: str, stack: str, words: Words) -> tuple[tuple[Step, ...], str]:
    from ops.diff import compare  # noqa: PLC0415 - imports Pulumi, which takes a second that a page does without

    try:
        return compare(stack, words, base).steps, ""
    except CommandError as error:
        return (), str(error)


def _plan_at(base: str, stack: str, environment: Mapping[str, str], day: date) -> Plan | None:
    """The sums of this program about that revision's stack file."""
    name = f"Pulumi.{stack}.yaml"
    text = _git("show", f"{base}:{name}")
    if text is None:
        return None
    with tempfile.TemporaryDirectory(prefix="tfk8s-base-") as directory:
        file = Path(directory) / name
        file.write_text(text, encoding="utf-8")
        try:
            examined = examine(stack_file_words(file, environment), day)
        except StackFileError:
            return None
    return None if any(finding.check == "settings" for finding in examined.findings) else examined.plan


def _schema_at(base: str) -> Schema | None:
    text = _git("show", f"{base}:{SCHEMA}")
    try:
        return None if text is None else cast("Schema", json.loads(text))
    except json.JSONDecodeError:
        return None


def _schema_here() -> Schema:
    from ops.outputs import schema  # noqa: PLC0415 - only a comparison needs it

    return schema()


def _version(schema: Schema) -> object:
    properties = cast("Mapping[str, Schema]", schema.get("properties", {}))
    return properties.get("contract_version", {}).get("const", "?")


def _git(*arguments: str) -> str | None:
    """What git says; None where it fails, or is not there."""
    try:
        done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout.decode(errors="replace") if done.returncode == 0 else None
