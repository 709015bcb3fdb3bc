"""`tfk8s render`: the manifests that an update would send, as files."""

import argparse
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, cast

from rich.console import Console

from infra.overrides import VARIABLE
from ops.directory import replace_directory
from ops.manifests import files
from ops.recording import Answers, record
from ops.verb import Verbs, add_stack_parser, stack_words

_DESCRIPTION: Final = """Writes the manifests that `pulumi up` would send, without engine, cluster or network.

One file per object, DIR/<namespace, or _cluster>/<kind>-<name>.yaml, always in the same order and spelling: two
renders of one stack file are equal byte for byte, so a diff of two renders is a diff of two stacks.

What only an update finds out has a stand-in with which the manifest stays valid, and a comment in its file:
  - the digest of an image that the stack builds is sha256:0000... (64 zeros); of one built by another stack
    (images.training.fromStack) the repository is unknown.invalid/<organization>/<project>/<stack>
  - names that the provider completes end in -00000000
Values of Secrets are never written: a placeholder stands for each.

DIR must be new, empty, or hold nothing but an earlier render, which is replaced as a whole. If anything is wrong,
DIR stays as it is.
"""
_PATIENCE_SECONDS: Final = 3


def add_parser(verbs: Verbs) -> None:
    """Declares the verb."""
    parser = add_stack_parser(
        verbs,
        "render",
        said="write the manifests that an update would send",
        description=_DESCRIPTION,
        example="tfk8s render prod build/prod",
    )
    parser.add_argument("directory", metavar="DIR", type=Path, help="where to: new, empty, or an earlier render")


def run(options: argparse.Namespace) -> int:
    """Writes all manifests, or none.

    Raises:
        CommandError: There is no such stack, the program refused it, or DIR cannot be used.
        StackFileError: The stack cannot work.
    """
    stack, directory = cast("str", options.stack), cast("Path", options.directory)
    words, answers = stack_words(options), Answers()
    with _patience(f"running the program for {stack}"):
        recording = record(words, stack=stack, answers=answers)
        manifests = files(recording.objects(), answers)
        replace_directory(directory, manifests)
    for warning in recording.warnings:
        if not warning.startswith(VARIABLE):  # said already, when the words were read
            sys.stderr.write(f"warning: {warning}\n")
    sys.stdout.write(f"{stack}: {len(manifests)} manifests in {directory}\n")
    return 0


@contextmanager
def _patience(doing: str) -> Generator[None]:
    """Says what takes so long, if it does; whoever need not wait need not read."""
    status = Console(stderr=True).status(doing)
    timer = threading.Timer(_PATIENCE_SECONDS, status.start)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        status.stop()
