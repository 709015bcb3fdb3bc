"""Unpack a tar, tar.gz or zip archive: plain files and directories below one directory, nothing else."""

import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Final

from contract.exits import Exit, Failure

LIMIT_BYTES: Final = 8 * 2**30
"""Largest content, twice the largest archive: weights hardly compress, so anything larger is a bomb or a mistake."""

LIMIT_MEMBERS: Final = 10_000
"""Most members. A SavedModel has a handful of files and its assets; a million tiny ones would fill the inodes."""

CHUNK_BYTES: Final = 2**20


def unpack(archive: Path, target: Path, *, limit_bytes: int = LIMIT_BYTES, limit_members: int = LIMIT_MEMBERS) -> None:
    """Unpack an archive into a new directory, with modes of our own.

    Raises:
        Failure: Neither tar nor tar.gz nor zip, damaged, too large, or a member that is a link or a device, leaves the
            directory or comes twice.
        OSError: `target` cannot be written.
    """
    target.mkdir()
    total = 0
    try:
        for count, (name, content) in enumerate(_members(archive), start=1):
            if count > limit_members:
                raise Failure(Exit.FETCH, f"the archive has more than the limit of {limit_members} members")
            path = target / _inside(name)
            if content is None:
                path.mkdir(parents=True, exist_ok=True)
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            with content, path.open("xb") as file:
                while chunk := content.read(CHUNK_BYTES):
                    total += len(chunk)
                    if total > limit_bytes:
                        raise Failure(Exit.FETCH, f"the archive's content is above the limit of {limit_bytes} bytes")
                    file.write(chunk)
    except (FileExistsError, IsADirectoryError, NotADirectoryError) as error:
        raise Failure(Exit.FETCH, f"the archive has two members that want to be {error.filename}") from error
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise Failure(Exit.FETCH, f"the archive is not a whole tar, tar.gz or zip file: {error}") from error


def _members(archive: Path) -> Iterator[tuple[str, IO[bytes] | None]]:
    """Name and content of each member, in order; None for the content of a directory."""
    with archive.open("rb") as file:
        head = file.read(2)
    if head == b"PK":
        yield from _zip_members(archive)
    else:
        yield from _tar_members(archive, gzipped=head == b"\x1f\x8b")


def _tar_members(archive: Path, *, gzipped: bool) -> Iterator[tuple[str, IO[bytes] | None]]:
    with archive.open("rb") as raw, tarfile.open(fileobj=raw, mode="r|gz" if gzipped else "r|") as tar:
        for member in tar:
            if member.isdir():
                yield member.name, None
            elif member.isreg() and (content := tar.extractfile(member)) is not None:
                yield member.name, content
            else:
                raise Failure(Exit.FETCH, f"the archive's member {member.name!r} is a link or a device")


def _zip_members(archive: Path) -> Iterator[tuple[str, IO[bytes] | None]]:
    with zipfile.ZipFile(archive) as zipped:
        for member in zipped.infolist():
            kind = stat.S_IFMT(member.external_attr >> 16)  # the upper half is the Unix mode, 0 where there is none
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise Failure(Exit.FETCH, f"the archive's member {member.filename!r} is a link or a device")
            if member.flag_bits & 1:
                raise Failure(Exit.FETCH, f"the archive's member {member.filename!r} is encrypted")
            yield member.filename, None if member.is_dir() else zipped.open(member)


def _inside(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name:
        raise Failure(Exit.FETCH, f"the archive's member {name!r} would leave the directory")
    return path
