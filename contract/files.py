"""Files of a directory as a manifest lists them: what is there, what differs, and all of it on the disk."""

import errno
import hashlib
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from contract.manifest import FileEntry


def listed(directory: Path) -> tuple[FileEntry, ...]:
    """Every file below a directory with its size and SHA-256, in order of their paths."""
    return tuple(
        FileEntry(path=path.relative_to(directory).as_posix(), size=path.stat().st_size, sha256=sha256(path))
        for path in sorted(directory.rglob("*"))
        if not path.is_dir()
    )


def problems(directory: Path, files: Iterable[FileEntry], manifest: str) -> list[str]:
    """Name each file that is missing, of another size or content, or not listed; nothing behind a link is read.

    Args:
        directory: What is looked at, all of it.
        files: What must be there.
        manifest: Name of the file that lists the others and not itself.
    """
    found = {path.relative_to(directory).as_posix(): path for path in sorted(directory.rglob("*"))}
    if links := [f"{name} is a link" for name, path in found.items() if path.is_symlink()]:
        return links
    wanted = {entry.path: entry for entry in files}
    wrong = [
        f"{name} is not listed"
        for name, path in found.items()
        if name not in wanted and name != manifest and not path.is_dir()
    ]
    for entry in wanted.values():
        path = directory / entry.path
        if not path.is_file():
            wrong.append(f"{entry.path} is missing")
        elif (size := path.stat().st_size) != entry.size:
            wrong.append(f"{entry.path} has {size} bytes instead of {entry.size}")
        elif (digest := sha256(path)) != entry.sha256:
            wrong.append(f"{entry.path} has SHA-256 {digest[:12]}… instead of {entry.sha256[:12]}…")
    return wrong


def first(wrong: list[str], shown: int = 5) -> str:
    """The first few of many problems as one text."""
    more = f"; and {len(wrong) - shown} more" if len(wrong) > shown else ""
    return "; ".join(wrong[:shown]) + more


def sha256(path: Path) -> str:
    """SHA-256 of a file, as lower-case hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def flush(directory: Path) -> None:
    """Bring a directory with everything in it onto the disk."""
    for path in directory.rglob("*"):
        flush_one(path)
    flush_one(directory)


def flush_one(path: Path) -> None:
    """Bring a file, or the names in a directory, onto the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some network file systems cannot flush a directory
            raise
    finally:
        os.close(descriptor)


def write_whole(path: Path, text: str) -> None:
    """Write a small file so that a reader sees the old text or the new one, never a part."""
    # Not the process id: it is the same in every container.
    temporary = path.with_name(f".tmp-{path.name}-{secrets.token_hex(4)}")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
