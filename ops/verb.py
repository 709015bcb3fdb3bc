"""What every verb of `tfk8s` shares: a stack, the file it stands for, and that file's words."""

import argparse
import os
import sys
from pathlib import Path
from typing import Protocol, cast

from infra.overrides import Words, read_overrides, stack_file_words
from ops.stackfile import stack_file_of


class Verbs(Protocol):
    """What argparse calls subparsers; its own class for them is private."""

    def add_parser(
        self, name: str, *, help: str, description: str, epilog: str, formatter_class: type[argparse.HelpFormatter]
    ) -> argparse.ArgumentParser:
        """A parser for one more verb."""
        ...


class Verb(Protocol):
    """The module of a verb."""

    def add_parser(self, verbs: Verbs) -> None:
        """Declares the verb and its arguments."""
        ...

    def run(self, options: argparse.Namespace) -> int:
        """Does it.

        Returns:
            The command's exit code.

        Raises:
            CommandError: It could not be done.
            StackFileError: The stack file cannot be read, or what it describes cannot work.
        """
        ...


def add_stack_parser(verbs: Verbs, name: str, *, said: str, description: str, example: str) -> argparse.ArgumentParser:
    """A verb on a stack, with STACK and --file, to which its module adds arguments of its own.

    Args:
        verbs: Where it belongs.
        name: The verb.
        said: What it does, in a few words for `tfk8s --help`.
        description: The same at length, for `tfk8s VERB --help`; line breaks are kept.
        example: A command line.
    """
    parser = verbs.add_parser(
        name,
        help=said,
        description=description,
        epilog=f"example: {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("stack", metavar="STACK", help="name of the stack: prod stands for Pulumi.prod.yaml")
    parser.add_argument("--file", type=Path, metavar="PATH", help="the stack file, where it lies elsewhere")
    return parser


def stack_file(options: argparse.Namespace) -> Path:
    """The stack file that the arguments mean.

    Raises:
        CommandError: There is no such stack.
    """
    return cast("Path | None", options.file) or stack_file_of(cast("str", options.stack))


def stack_words(options: argparse.Namespace) -> Words:
    """The words of that file; where TFK8S_OVERRIDES replaces some of them, it is said on standard error.

    Raises:
        CommandError: There is no such stack.
        StackFileError: A file cannot be read, or is no stack file.
    """
    words = stack_file_words(stack_file(options), os.environ)
    overrides = read_overrides(os.environ)
    if overrides is not None:
        sys.stderr.write(f"warning: {overrides.warning()}\n")
    return words
