"""A plan as text for people and as JSON for programs. Secrets are hidden already."""

import dataclasses
import json
from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.text import Text

from ops.difference.step import OPS, FieldChange, Op, Step, Tree

_MARKS: Final[dict[Op, str]] = {"create": "+", "update": "~", "replace": "+-", "delete": "-", "same": "!"}
_STYLES: Final[dict[Op, str]] = {
    "create": "green", "update": "yellow", "replace": "magenta", "delete": "red", "same": "bold red",
}  # fmt: skip
_ALARMING: Final = ("data loss", "downtime", "would fail", "refused", "another cluster")
_LONGEST: Final = 96
"""Of a value shown in a line."""


def summary(steps: Sequence[Step]) -> str:
    """How many resources of which fate, such as `1 to create, 3 to update`, and how much of it is alarming."""
    counts = {op: sum(step.op == op for step in steps) for op in OPS if op != "same"}
    said = ", ".join(f"{counts[op]} to {op}" for op in OPS if counts.get(op)) or "nothing changes"
    bad = [effect.partition(":")[0] for step in steps for effect in step.effects if is_alarming(effect)]
    kinds = ", ".join(f"{bad.count(kind)} x {kind}" for kind in dict.fromkeys(bad))
    return f"{said}; {kinds}" if kinds else said


def is_alarming(effect: str) -> bool:
    """Whether an effect costs data or service, or keeps the update from going through."""
    return effect.partition(":")[0] in _ALARMING


def step_text(step: Step) -> str:
    """One step: a line for the resource, its effects, a line for each field."""
    return "\n".join([_headline(step), *(f"     {effect}" for effect in step.effects), *map(_field_line, step.fields)])


def show(console: Console, steps: Sequence[Step]) -> None:
    """Prints all steps, in colours where the console has them."""
    for step in steps:
        console.print(Text(_headline(step), style=_STYLES[step.op]))
        for effect in step.effects:
            console.print(Text(f"     {effect}", style="bold red" if is_alarming(effect) else "cyan"))
        for change in step.fields:
            console.print(Text(_field_line(change), style="magenta" if change.replaces else "dim"))


def as_json(steps: Sequence[Step]) -> str:
    """All steps, a JSON list with an object for each."""
    return json.dumps([dataclasses.asdict(step) for step in steps], indent=2)


def _headline(step: Step) -> str:
    why = "" if step.op != "replace" else f" ({step.reason or _causes(step)}; {_order(step)})"
    return f"{_MARKS[step.op]:>2} {step.op:<7} {step.title}{why}"


def _causes(step: Step) -> str:
    return f"{', '.join(change.path for change in step.fields if change.replaces)} cannot be changed in place"


def _order(step: Step) -> str:
    return "deleted first" if step.delete_first else "the new one comes first"


def _field_line(change: FieldChange) -> str:
    mark = " (replaces)" if change.replaces else ""
    if change.before is None:
        return f"       + {change.path}: {_short(change.after)}{mark}"
    if change.after is None:
        return f"       - {change.path}: {_short(change.before)}{mark}"
    return f"       ~ {change.path}: {_short(change.before)} => {_short(change.after)}{mark}"


def _short(value: Tree) -> str:
    text = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
    text = text.replace("\n", "\\n")
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
