"""The model store: `<root>/<model>/<version>/` holds a SavedModel and the manifest that proves it whole.

A version appears by one rename and is never rewritten, so whoever sees it sees all of it. Names beginning with a dot
are not versions: TensorFlow Serving and everybody here skip them.
"""

import errno
import os
import secrets
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from contract.files import first, flush, flush_one, listed, problems
from contract.manifest import MANIFEST, Manifest, ManifestError

WARMUP: Final = "assets.extra/tf_serving_warmup_requests"
"""A version's warm-up requests, relative to its directory: where TensorFlow Serving looks for them
(tensorflow_serving/servables/tensorflow/saved_model_warmup_util.cc)."""

WARMUP_ROWS: Final = 32
"""Most rows of a warm-up request, which a batching server must have room for as for any other."""


class StoreError(Exception):
    """The store cannot give or take a version; the message says what, where and what to do."""


class MissingError(StoreError):
    """The version is not in the store."""


class DamagedError(StoreError):
    """The version is in the store, and is not what its manifest says."""


class PublishedError(StoreError):
    """The version is in the store already and is never rewritten."""


def version_dir(root: Path, model: str, version: int) -> Path:
    """Where a published version lies."""
    return root / model / str(version)


def logs_dir(root: Path, model: str, version: int) -> Path:
    """Where the TensorBoard logs of a version's training lie; `<root>/<model>/.logs` compares all versions."""
    return root / model / ".logs" / str(version)


def staging_path(root: Path, model: str, version: int) -> Path:
    """A fresh name for an attempt's files, beside the version so that a rename can publish them. Nothing is created."""
    return root / model / f".tmp-{version}-{secrets.token_hex(4)}"


def versions(root: Path, model: str) -> list[int]:
    """The versions a model has in the store, in order; damaged ones count too."""
    try:
        names = [entry.name for entry in (root / model).iterdir()]
    except FileNotFoundError:
        return []
    return sorted(int(name) for name in names if name.isascii() and name.isdigit())


def remove_leftovers(root: Path, model: str, version: int) -> list[str]:
    """Remove what crashed attempts at this version left behind, and return the names.

    Should such an attempt still run (a pod on a node that was lost and came back), its rename fails and it publishes
    nothing: the newest attempt owns the version. What cannot be removed, as it is being removed by the attempt itself
    or a network file system keeps it while it is open, is no version and does no harm.
    """
    leftovers = sorted((root / model).glob(f".tmp-{version}-*"))
    for leftover in leftovers:
        shutil.rmtree(leftover, ignore_errors=True)
    return [leftover.name for leftover in leftovers]


def require_writable(root: Path, model: str) -> None:
    """Make the model's directory and write a byte into it, so that a run learns now what would fail after training.

    Raises:
        StoreError: It cannot be written; the message has the reason of the operating system.
    """
    directory = root / model
    probe = directory / f".tmp-probe-{secrets.token_hex(4)}"
    if not root.is_dir():
        raise StoreError(f"the store {root} does not exist or is no directory: mount the store there")
    try:
        directory.mkdir(exist_ok=True)
        try:
            probe.write_bytes(b"0")
        finally:
            probe.unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(root, error) from error


def verify(directory: Path, *, model: str, version: int) -> Manifest:
    """Compare a version's directory with its manifest, every byte of it.

    Args:
        directory: The version's directory.
        model: The name its manifest must have.
        version: The version its manifest must have.

    Raises:
        MissingError: The directory does not exist.
        DamagedError: No or an invalid manifest, or files missing, of wrong size or content, or not listed.
        StoreError: A file cannot be read.
    """
    try:
        if not directory.is_dir():
            raise MissingError(f"{directory} does not exist")
        manifest = Manifest.parse((directory / MANIFEST).read_bytes())
        if (manifest.model, manifest.version) != (model, version):
            named = f"{manifest.model} version {manifest.version}, not of {model} version {version}"
            raise DamagedError(f"{directory / MANIFEST} is of {named}")
        found = problems(directory, manifest.files, MANIFEST)
    except FileNotFoundError:
        raise DamagedError(
            f"{directory} has no {MANIFEST}: it was not published by a training run, or only half copied"
        ) from None
    except ManifestError as error:
        raise DamagedError(f"{directory / MANIFEST} is not valid: {error}") from None
    except OSError as error:
        raise StoreError(f"{error.filename or directory} cannot be read: {error.strerror}") from error
    if found:
        raise DamagedError(f"{directory} is not what its manifest says: {first(found)}")
    return manifest


def publish(root: Path, manifest: Manifest, write: Callable[[Path], None], *, staging: Path | None = None) -> Manifest:
    """Publish a version: all of it or nothing.

    Args:
        root: Root of the store.
        manifest: What is known of the version; its files are filled in here.
        write: Writes the version's files into the directory it is given.
        staging: A name from `staging_path`, for a caller that must remove it when it is stopped.

    Returns:
        The manifest as published.

    Raises:
        PublishedError: The version exists, whole or not.
        StoreError: Disk full, not writable, or an unusable file was written. Nothing is left behind.
    """
    target = version_dir(root, manifest.model, manifest.version)
    staging = staging or staging_path(root, manifest.model, manifest.version)
    try:
        _refuse_existing(target)
        staging.parent.mkdir(exist_ok=True)  # not the root: a store that is not mounted is an error
        staging.mkdir()
        write(staging)
        complete = replace(manifest, files=listed(staging))
        (staging / MANIFEST).write_text(complete.text(), encoding="utf-8")
        flush(staging)
        _refuse_existing(target)
        staging.rename(target)
        flush_one(target.parent)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):  # another attempt was faster
            raise _published(target) from error
        raise unwritable(root, error) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return complete


def _published(target: Path) -> PublishedError:
    return PublishedError(f"{target} exists already: a published version is never rewritten; take a new version number")


def _refuse_existing(target: Path) -> None:
    if target.exists():
        raise _published(target)


def unwritable(root: Path, error: OSError) -> StoreError:
    """Say why the store could not be written, and what would help."""
    hint = ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        hint = f"; free space or enlarge the store ({shutil.disk_usage(root).free / 2**20:.1f} MiB are free)"
    elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        hint = f"; it must be writable for user {os.getuid()}, group {os.getgid()}"
    return StoreError(f"cannot write {error.filename or root}: {error.strerror}{hint}")
