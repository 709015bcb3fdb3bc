"""`tfk8s VERB STACK …`: what there is to do with a stack file besides deploying it."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from ops.pin import Resolved, images_of, resolve, to_resolve, write_digests
from ops.problem import CommandError
from ops.registry import published_digest, require_skopeo
from ops.stackfile import StackFile, stack_file_of

_PIN = """Adds to every image of a stack file the digest that its registry publishes under its tag now.

For each image named by an exact tag (training.ref, training.build.base, serving.ref and devicePlugin.ref of
tfk8s:images), the registry is asked through skopeo, and repository:tag becomes repository:tag@sha256:...
Comments, order and style of the file stay as they are. If one image cannot be resolved, nothing is written.
Private registries: log in with `skopeo login REGISTRY` first.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Returns:
        0 when done, 1 when it could not be done (said on standard error), 2 for a wrong command line, 130 when
        interrupted.
    """
    try:
        options = _parser().parse_args(arguments)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 2
    try:
        _pin(options.stack, options.file, update=options.update)
    except CommandError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; nothing was written\n")
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tfk8s", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    pin = verbs.add_parser(
        "pin",
        help="add to every image of a stack file the digest of its tag",
        description=_PIN,
        epilog="example: tfk8s pin prod",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    pin.add_argument("stack", metavar="STACK", help="name of the stack: prod stands for Pulumi.prod.yaml")
    pin.add_argument("--file", type=Path, metavar="PATH", help="the stack file, where it lies elsewhere")
    pin.add_argument("--update", action="store_true", help="resolve tags again that have a digest, and show changes")
    return parser


def _pin(stack: str, path: Path | None, *, update: bool) -> None:
    file = StackFile.read(path or stack_file_of(stack))
    images = tuple(images_of(file))
    chosen = to_resolve(images, update=update)
    if not images:
        sys.stdout.write(f"{file.path.name} names no images\n")
    elif not chosen:
        hint = "" if update else "; --update resolves their tags again"
        sys.stdout.write(f"{file.path.name}: all {len(images)} images have their digests, nothing to do{hint}\n")
    else:
        require_skopeo()
        console = Console(soft_wrap=True, highlight=False)
        with console.status(f"asking registries for {len(chosen)} images"):
            resolved = resolve(chosen, published_digest, lambda one: _progress(console, one))
        diff = write_digests(file, resolved)
        console.print(diff or f"{file.path.name}: nothing changed", markup=False)


def _progress(console: Console, one: Resolved) -> None:
    console.print(f"{one.image.place}: {one.pinned if one.digest else 'not resolved'}", markup=False)
