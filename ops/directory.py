"""A directory of written files that is replaced as a whole, and never at the cost of files of others."""

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Final

from ops.problem import CommandError

MARKER: Final = ".tfk8s-render"
"""Lists the files beside it, one a line: what a later render may replace."""

_SHOWN: Final = 5
"""Most foreign files that a refusal names."""


def replace_directory(directory: Path, texts: Mapping[PurePosixPath, str]) -> None:
    """Puts the files into a directory, in place of all that were written there before.

    They are written beside it and moved, so a reader sees the old files or the new ones, and a failure leaves the old.

    Raises:
        CommandError: It holds anything that was not written here, or cannot be written.
    """
    target = directory.resolve()
    try:
        _require_ours(directory, target)
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as work:
            fresh = Path(work) / "new"
            _write(fresh, {**texts, PurePosixPath(MARKER): "".join(f"{path}\n" for path in texts)})
            _swap(target, fresh, Path(work) / "old")
    except OSError as error:
        msg = f"{error.filename or directory} cannot be written: {error.strerror}; {directory} is as it was"
        raise CommandError(msg) from None


def _require_ours(directory: Path, target: Path) -> None:
    if not target.exists():
        return
    if not target.is_dir():
        msg = f"{directory} is a file; name a directory that is new, empty, or holds an earlier render"
        raise CommandError(msg)
    if target == Path.cwd():
        msg = f"{directory} is the working directory, which cannot be replaced; name one inside it, or go elsewhere"
        raise CommandError(msg)
    found = {
        path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_symlink() or not path.is_dir()
    }
    marker = target / MARKER
    written = set(marker.read_text(encoding="utf-8").splitlines()) | {MARKER} if MARKER in found else set[str]()
    foreign = sorted(found - written)
    if foreign:
        named = ", ".join(foreign[:_SHOWN]) + (f" and {len(foreign) - _SHOWN} more" if len(foreign) > _SHOWN else "")
        msg = (
            f"{directory} holds files that no render wrote: {named}\n"
            "    nothing was written; name a directory that is new, empty, or holds an earlier render and nothing else"
        )
        raise CommandError(msg)


def _write(root: Path, texts: Mapping[PurePosixPath, str]) -> None:
    for path, text in texts.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8", newline="\n")


def _swap(target: Path, fresh: Path, old: Path) -> None:
    if not target.exists():
        fresh.rename(target)
        return
    shutil.copymode(target, fresh)
    target.rename(old)
    try:
        fresh.rename(target)
    except OSError:
        old.rename(target)
        raise
