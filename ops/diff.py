"""`tfk8s diff`: what a change of stack file or program would do to a stack, without engine or cluster."""

import argparse
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from rich.console import Console

from infra.overrides import Words, stack_file_words
from ops.difference.base import base_recording, default_ref, with_context
from ops.difference.plan import plan_between
from ops.difference.step import Step
from ops.difference.text import as_json, show, summary
from ops.recording import Recording, record
from ops.stackfile import ROOT
from ops.verb import Verbs, add_stack_parser, stack_words

_DESCRIPTION: Final = """Says what deploying this checkout over another revision creates, updates, replaces and deletes.

Both revisions run their own program with their own stack file, against a recorder: no engine, cluster or network is
asked, and nothing is written. So it tells what a pull request does, not how far the cluster has drifted; for that
there is `pulumi preview`.

Data loss, downtime, retraining and what the API server would refuse are named at each step. Values of secrets are
never shown. Where TFK8S_OVERRIDES replaces keys of the stack file, it does so on both sides, as it would for
`pulumi up`.
"""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A stack as it is here, compared with another state of it."""

    base: str
    """What it was compared with, in words."""

    is_new: bool
    """Whether the base has no such stack, so that everything is created."""

    before: Recording
    after: Recording
    steps: tuple[Step, ...]


def add_parser(verbs: Verbs) -> None:
    """Declares the verb."""
    parser = add_stack_parser(
        verbs,
        "diff",
        said="say what a change would create, update, replace or delete",
        description=_DESCRIPTION,
        example="tfk8s diff prod --base origin/main",
    )
    base = parser.add_mutually_exclusive_group()
    base.add_argument("--base", metavar="REF", help="the revision to compare with (default: origin/main, or main)")
    base.add_argument("--base-file", type=Path, metavar="PATH", help="a stack file to compare with, under this program")
    parser.add_argument("--json", action="store_true", help="print the steps as JSON")


def run(options: argparse.Namespace) -> int:
    """Prints the plan; that it is alarming is no failure.

    Raises:
        CommandError: There is no such stack or revision, or a program cannot be run.
        StackFileError: The stack cannot work.
    """
    words, stack = stack_words(options), cast("str", options.stack)
    base_file = cast("Path | None", options.base_file)
    if base_file is None:
        found = compare(stack, words, cast("str | None", options.base))
    else:
        found = compare_files(stack, words, base_file)
    if cast("bool", options.json):
        sys.stdout.write(f"{as_json(found.steps)}\n")
        return 0
    console = Console(soft_wrap=True, highlight=False)
    if found.is_new:
        console.print(f"{found.base} has no stack {stack}: everything is new", markup=False)
    show(console, found.steps)
    console.print(f"{stack} against {found.base}: {summary(found.steps)}", markup=False)
    return 0


def compare(
    stack: str, words: Words, ref: str | None = None, environment: Mapping[str, str] | None = None
) -> Comparison:
    """Compares a stack as it is here with what it is at a revision.

    Args:
        stack: The stack's name.
        words: Its words here.
        ref: The revision; where none is given, `origin/main` or `main`.
        environment: May name overrides for the other revision; by default the process's own.

    Raises:
        CommandError: There is no such revision, or a program cannot be run.
        StackFileError: The stack cannot work as it is here.
    """
    name = ref or default_ref()
    after = with_context(record(words, stack=stack), ROOT)
    before = base_recording(stack, name, os.environ if environment is None else environment)
    known = before or Recording()
    return Comparison(base=name, is_new=before is None, before=known, after=after, steps=plan_between(known, after))


def compare_files(stack: str, words: Words, base: Path) -> Comparison:
    """Compares a stack with what another stack file would make of it, both under this program.

    Args:
        stack: The stack's name.
        words: Its words.
        base: The other stack file.

    Raises:
        CommandError: The program refused one of them.
        StackFileError: One of them cannot be read or cannot work.
    """
    after = record(words, stack=stack)
    before = record(stack_file_words(base, os.environ), stack=stack)
    return Comparison(base=str(base), is_new=False, before=before, after=after, steps=plan_between(before, after))
