"""Checkpoints: `<store>/<model>/.checkpoints/<version>/<step>/`, each whole or not there at all.

What lies in one is the training code's affair. Here it is listed with sizes and SHA-256, named with the run it belongs
to, made visible by one rename, and trusted only after every byte of it was compared.
"""

import json
import os
import secrets
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from contract.exits import Exit, Failure
from contract.files import first, flush, flush_one, listed, problems
from contract.manifest import FileEntry, entries
from contract.run import RunDefinition, RunError
from contract.store import StoreError, unwritable

KEPT: Final = 2
"""How many checkpoints of a run are kept: the newest, and the one to fall back to."""

_LIST: Final = "checkpoint.json"
_SCHEMA_VERSION: Final = 1


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A state of a run that it can go on from."""

    step: int
    """Steps that are done."""

    definition: RunDefinition
    data_digest: str
    """SHA-256 of the data, as in a version's manifest."""

    state: Mapping[str, object]
    """What else the training code needs to go on, as JSON values."""

    def text(self, files: tuple[FileEntry, ...]) -> str:
        """The list that lies beside a checkpoint's files."""
        document = {
            "schemaVersion": _SCHEMA_VERSION,
            "step": self.step,
            "definition": self.definition.words(),
            "dataDigest": self.data_digest,
            "state": dict(self.state),
            "files": [{"path": entry.path, "size": entry.size, "sha256": entry.sha256} for entry in files],
        }
        return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


@dataclass(frozen=True)
class Found:
    """The newest checkpoint that is whole and of this run, and what was passed over on the way to it."""

    checkpoint: Checkpoint | None
    directory: Path
    """Where the checkpoint's files lie; meaningless without one."""

    passed_over: tuple[str, ...]
    """One sentence for each newer one that is damaged or of another run."""


def checkpoints_dir(root: Path, model: str, version: int) -> Path:
    """Where the checkpoints of a version's training lie until it is published."""
    return root / model / ".checkpoints" / str(version)


def save(directory: Path, checkpoint: Checkpoint, write: Callable[[Path], None], *, keep: int = KEPT) -> None:
    """Save a checkpoint, all of it or nothing, and remove the oldest ones.

    Args:
        directory: From `checkpoints_dir`; made if need be.
        checkpoint: What the files belong to. One of the same step is replaced.
        write: Writes the files into the directory it is given.
        keep: How many to keep, this one included.

    Raises:
        StoreError: Disk full or not writable. Nothing is left behind.
    """
    staging = directory / f".tmp-{checkpoint.step}-{secrets.token_hex(4)}"
    target = directory / str(checkpoint.step)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        staging.mkdir()
        write(staging)
        text = checkpoint.text(listed(staging))
        (staging / _LIST).write_text(text, encoding="utf-8")
        flush(staging)
        if target.exists():
            target.rename(directory / f".tmp-old-{secrets.token_hex(4)}")
        staging.rename(target)
        flush_one(directory)
        _remove_old(directory, keep)
    except OSError as error:
        raise unwritable(directory, error) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def newest(directory: Path, definition: RunDefinition, data_digest: str) -> Found:
    """Find the newest checkpoint that is whole and belongs to this definition.

    Raises:
        Failure: It was trained on other data, so the same words would mean something else from here on.
        StoreError: The directory cannot be read.
    """
    passed_over: list[str] = []
    for step in reversed(steps(directory)):
        place = directory / str(step)
        try:
            checkpoint, files = _parse((place / _LIST).read_bytes())
            wrong = problems(place, files, _LIST)
        except FileNotFoundError:
            wrong = [f"it has no {_LIST}"]
        except (ValueError, OSError) as error:
            wrong = [f"{_LIST} is not valid: {error}" if isinstance(error, ValueError) else str(error)]
        else:
            if not wrong and checkpoint.step != step:
                wrong = [f"{_LIST} is of step {checkpoint.step}"]
            if not wrong and (differences := checkpoint.definition.differences(definition)):
                wrong = [f"it is of another definition (checkpoint and run): {'; '.join(differences)}"]
            if not wrong and checkpoint.data_digest != data_digest:
                raise Failure(
                    Exit.REFUSED,
                    f"the data has changed under an unfinished run: it had {checkpoint.data_digest[:12]}… up "
                    f"to step {step}, and finds {data_digest[:12]}… now (SHA-256). Put the data back, or take a new "
                    f"version number, or name the new data by another dataVersion and count up attempt",
                )
            if not wrong:
                return Found(checkpoint, place, tuple(passed_over))
        passed_over.append(f"checkpoint of step {step} is passed over: {first(wrong)}")
    return Found(None, directory, tuple(passed_over))


def steps(directory: Path) -> list[int]:
    """The steps that have a checkpoint, in order; damaged ones count too.

    Raises:
        StoreError: The directory cannot be read.
    """
    try:
        names = os.listdir(directory)  # noqa: PTH208 - names are all that is needed
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StoreError(f"{directory} cannot be read: {error.strerror}") from error
    return sorted(int(name) for name in names if name.isascii() and name.isdigit())


def remove(directory: Path) -> None:
    """Remove all checkpoints of a run, which has ended well or begins anew.

    What cannot be removed stays: it is of no use, and does no harm to a version that is published.
    """
    shutil.rmtree(directory, ignore_errors=True)


def _remove_old(directory: Path, keep: int) -> None:
    for step in steps(directory)[:-keep]:
        # Out of sight first: a reader must not find one with half of its files.
        doomed = directory / f".tmp-old-{secrets.token_hex(4)}"
        (directory / str(step)).rename(doomed)
    for leftover in directory.glob(".tmp-*"):
        shutil.rmtree(leftover, ignore_errors=True)


def _parse(text: bytes) -> tuple[Checkpoint, tuple[FileEntry, ...]]:
    document = cast("object", json.loads(text))
    if not isinstance(document, dict):
        raise ValueError("must be a JSON object")
    fields = cast("dict[str, object]", document)
    if fields.get("schemaVersion") != _SCHEMA_VERSION:
        raise ValueError(f"schemaVersion is {fields.get('schemaVersion')!r}; this program reads {_SCHEMA_VERSION}")
    step, digest, state = (fields.get(key) for key in ("step", "dataDigest", "state"))
    if not isinstance(step, int) or not isinstance(digest, str) or not isinstance(state, dict):
        raise ValueError("step, dataDigest or state is missing or of a wrong type")
    try:
        definition = RunDefinition.of(fields.get("definition"))
    except RunError as error:
        raise ValueError(f"definition: {error}") from None
    checkpoint = Checkpoint(
        step=step, definition=definition, data_digest=digest, state=cast("dict[str, object]", state)
    )
    return checkpoint, entries(fields)
