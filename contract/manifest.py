"""`manifest.json`: what a published version consists of and where it comes from."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Final, cast

from contract.document import fields_of
from contract.run import RunDefinition, RunError

MANIFEST: Final = "manifest.json"
SCHEMA_VERSION: Final = 1

_SHA256: Final = re.compile(r"[0-9a-f]{64}")


class ManifestError(ValueError):
    """A manifest is not valid; the message names the key."""


@dataclass(frozen=True, kw_only=True)
class FileEntry:
    """One file of a version."""

    path: str
    """Relative to the version's directory, with `/`."""

    size: int
    """Bytes."""

    sha256: str
    """Lower-case hexadecimal digits."""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a version consists of and where it comes from."""

    model: str
    version: int
    definition: RunDefinition
    """What the version was trained from; a run with another definition is refused."""

    metrics: Mapping[str, float]
    """Figures of the training, such as `testAccuracy` (a share from 0 to 1) and `testLoss`."""

    image: str
    """Reference of the image that trained it: provenance, not identity."""

    data_digest: str
    """SHA-256 of the data it was trained and judged on."""

    tensorflow_version: str
    created: str
    """UTC, as in 2026-01-31T12:00:00Z."""

    files: tuple[FileEntry, ...] = ()
    """All files but the manifest; filled in by `publish`."""

    def text(self) -> str:
        """The manifest as JSON, indented for people."""
        document = {
            "schemaVersion": SCHEMA_VERSION,
            "model": self.model,
            "version": self.version,
            "created": self.created,
            "image": self.image,
            "tensorflowVersion": self.tensorflow_version,
            "dataDigest": self.data_digest,
            "definition": self.definition.words(),
            "metrics": dict(self.metrics),
            "files": [{"path": entry.path, "size": entry.size, "sha256": entry.sha256} for entry in self.files],
        }
        return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def parse(cls, text: bytes | str) -> "Manifest":
        """Read a manifest, trusting nothing in it.

        Raises:
            ManifestError: Not JSON, another schema, a key missing or of a wrong type, or a path leaving the version.
        """
        try:
            fields = fields_of(text, SCHEMA_VERSION)
        except ValueError as error:
            raise ManifestError(str(error)) from None
        try:
            definition = RunDefinition.of(fields.get("definition"))
        except RunError as error:
            raise ManifestError(f"definition: {error}") from None
        return cls(
            model=_text(fields, "model"),
            version=_whole(fields, "version"),
            definition=definition,
            metrics=_metrics(fields),
            image=_text(fields, "image"),
            data_digest=_digest(fields, "dataDigest"),
            tensorflow_version=_text(fields, "tensorflowVersion"),
            created=_time(fields, "created"),
            files=entries(fields),
        )


def _text(fields: Mapping[str, object], key: str) -> str:
    value = fields.get(key)
    if not isinstance(value, str):
        raise ManifestError(f"{key} is {value!r}: must be a string")
    return value


def _whole(fields: Mapping[str, object], key: str) -> int:
    value = fields.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ManifestError(f"{key} is {value!r}: must be a whole number")
    return value


def _digest(fields: Mapping[str, object], key: str) -> str:
    value = _text(fields, key)
    if not _SHA256.fullmatch(value):
        raise ManifestError(f"{key} is {value!r}: must be 64 lower-case hexadecimal digits")
    return value


def _time(fields: Mapping[str, object], key: str) -> str:
    value = _text(fields, key)
    try:
        datetime.strptime(value, "%Y-%m-%dT%H:%M:%S%z")
    except ValueError:
        raise ManifestError(f"{key} is {value!r}: must be a time such as 2026-01-31T12:00:00Z") from None
    return value


def _metrics(fields: Mapping[str, object]) -> dict[str, float]:
    metrics = fields.get("metrics")
    if not isinstance(metrics, dict):
        raise ManifestError(f"metrics is {metrics!r}: must be an object")
    for name, value in cast("dict[str, object]", metrics).items():
        if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
            raise ManifestError(f"metrics.{name} is {value!r}: must be a finite number")
    return cast("dict[str, float]", metrics)


def entries(fields: Mapping[str, object]) -> tuple[FileEntry, ...]:
    """What `files` lists, in a manifest or a checkpoint's list.

    Raises:
        ManifestError: It is missing or empty, or an entry is not valid, leads out of the directory or stands twice.
    """
    items = fields.get("files")
    if not isinstance(items, list) or not items:
        raise ManifestError("files is missing or empty: must list every file of the version")
    found: list[FileEntry] = []
    for item in cast("list[object]", items):
        if not isinstance(item, dict):
            raise ManifestError(f"files: {item!r} must be an object with path, size and sha256")
        fields_of_item = cast("dict[str, object]", item)
        path = _text(fields_of_item, "path")
        if not _is_inside(path):
            raise ManifestError(f"files: path {path!r} leaves the version's directory or is not a plain relative path")
        found.append(
            FileEntry(path=path, size=_whole(fields_of_item, "size"), sha256=_digest(fields_of_item, "sha256"))
        )
    paths = [entry.path for entry in found]
    if len(set(paths)) != len(paths):
        raise ManifestError(f"files: {next(path for path in paths if paths.count(path) > 1)} is listed twice")
    return tuple(found)


def _is_inside(path: str) -> bool:
    """Whether a path is written in its one plain form, below the directory, and is not the manifest's own."""
    plain = PurePosixPath(path)
    return (
        path not in ("", ".", MANIFEST)
        and "\0" not in path
        and "\\" not in path
        and not plain.is_absolute()
        and ".." not in plain.parts
        and plain.as_posix() == path
    )
