"""`tfk8s report`: a stack as a page one can show around, or as the comment of a pull request."""

import argparse
import os
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Final, cast

from infra.checks import Examined, examine
from infra.overrides import Words, read_overrides
from ops.problem import CommandError
from ops.reporting.facts import Source, gather
from ops.verb import Verbs, add_stack_parser, stack_file, stack_words

_DESCRIPTION: Final = """Writes what a stack will need, take and cost, as one HTML page that needs nothing else.

With --markdown it writes the comment of a pull request instead, to standard output: findings, and with --base what
changes against another revision. Neither asks an engine, a cluster or the network, and neither needs secrets.
A stack that cannot work is reported like any other; the exit code is 1 then.
"""


def add_parser(verbs: Verbs) -> None:
    """Declares the verb."""
    parser = add_stack_parser(
        verbs,
        "report",
        said="write a page, or a pull request's comment, about a stack",
        description=_DESCRIPTION,
        example="tfk8s report prod -o prod.html",
    )
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="where to write (default: report-STACK.html)")
    parser.add_argument(
        "--store", type=Path, metavar="DIR", help="model store, or a copy of it, whose runs are shown on the page"
    )
    parser.add_argument("--markdown", action="store_true", help="write a pull request's comment instead of a page")
    parser.add_argument("--base", metavar="REF", help="with --markdown: the revision to compare with")
    parser.add_argument(
        "--preview", type=Path, metavar="FILE", help="with --markdown: what `pulumi preview` said, to be shown below"
    )


def run(options: argparse.Namespace) -> int:
    """Writes the report.

    Returns:
        0, or 1 where the stack has errors; the report is written all the same.

    Raises:
        CommandError: There is no such stack or revision, or the report cannot be written.
        StackFileError: The stack file is none.
    """
    markdown, output = cast("bool", options.markdown), cast("Path | None", options.output)
    if not markdown and (options.base or options.preview):
        msg = "--base and --preview belong to the comment of a pull request\n    add --markdown, or leave them out"
        raise CommandError(msg)
    store = cast("Path | None", options.store)
    if store is not None and (markdown or not store.is_dir()):
        where = "belongs to the page, which --markdown does without" if markdown else f"{store} is no directory"
        msg = f"--store: {where}\n    name the directory that holds <model>/<version>/, or leave it out"
        raise CommandError(msg)
    words, day = stack_words(options), date.today()
    examined = examine(words, day, as_written=True)
    source = _source(cast("str", options.stack), stack_file(options))
    if markdown:
        text = _comment(options, words, examined, source, day)
        if output is None:
            sys.stdout.write(text)
        else:
            _write(output, text)
    else:
        from ops.reporting.page import page  # noqa: PLC0415 - brings jinja2, which a comment does without

        facts = gather(examined, source, day, store)
        path = output or Path(f"report-{source.stack}.html")
        _write(path, page(facts))
        sys.stdout.write(f"{path}: {facts.verdict}\n")
    return 0 if examined.valid else 1


def _comment(options: argparse.Namespace, words: Words, examined: Examined, source: Source, day: date) -> str:
    from ops.reporting.change import change_since  # noqa: PLC0415 - a page does without both
    from ops.reporting.markdown import comment  # noqa: PLC0415 - a page does without it

    base, preview = cast("str | None", options.base), cast("Path | None", options.preview)
    change = None
    if base:
        change = change_since(base, stack=source.stack, words=words, examined=examined, environment=os.environ, day=day)
    return comment(source, examined, change, _read(preview) if preview else None)


def _source(stack: str, file: Path) -> Source:
    overrides = read_overrides(os.environ)
    return Source(
        stack=stack, file=file.name, commit=_commit(file), overrides=overrides.warning() if overrides else None
    )


def _commit(file: Path) -> str:
    """The commit that is checked out, and whether the stack file is as it is there."""
    head = _git(file, "rev-parse", "--short", "HEAD")
    if not head:
        return "no commit"
    status = _git(file, "status", "--porcelain", "--", file.name)
    return f"{head} with changes not committed" if status else head


def _git(file: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", "-C", str(file.parent), *arguments], capture_output=True, check=False)
    except OSError:
        return ""
    return done.stdout.decode(errors="replace").strip() if done.returncode == 0 else ""


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}"
        raise CommandError(msg) from None


def _write(path: Path, text: str) -> None:
    """Writes all of it or nothing."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        msg = f"{path} cannot be written: {error.strerror}\n    name another place with -o FILE"
        raise CommandError(msg) from None
