"""`tfk8s VERB STACK …`: what there is to do with a stack file besides deploying it."""

import argparse
import importlib
import sys
from collections.abc import Iterable, Sequence
from typing import Final, cast

from infra.finding import StackFileError
from ops.problem import CommandError
from ops.verb import Verb, Verbs

VERBS: Final = ("check", "render", "diff", "report", "pin", "judge", "reproduce")
"""Each is a module of this package, as `ops.verb.Verb` has it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Returns:
        What the verb returns, usually 0; 1 when it could not be done (said on standard error), 2 for a wrong command
        line, 130 when interrupted.
    """
    given = sys.argv[1:] if arguments is None else arguments
    verb = given[0] if given and given[0] in VERBS else None
    try:
        # Only the verb that is asked for is imported: some need Pulumi, and most should start at once.
        options = _parser(VERBS if verb is None else (verb,)).parse_args(given)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 2
    try:
        return _module(cast("str", options.verb)).run(options)
    except StackFileError as error:
        sys.stderr.write(f"error: {error.text()}\n")
        return 1
    except CommandError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; nothing was written\n")
        return 130


def _parser(names: Iterable[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tfk8s", description=__doc__)
    verbs = cast("Verbs", parser.add_subparsers(dest="verb", metavar="VERB", required=True))
    for name in names:
        _module(name).add_parser(verbs)
    return parser


def _module(name: str) -> Verb:
    return cast("Verb", importlib.import_module(f"ops.{name}"))
