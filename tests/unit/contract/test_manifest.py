"""manifest.json: reads back as written, and trusts nothing."""

import json
from dataclasses import replace
from typing import Any

import pytest

from contract.manifest import FileEntry, Manifest, ManifestError
from contract.run import RunDefinition

MANIFEST = Manifest(
    model="digits",
    version=1,
    definition=RunDefinition(args={"epochs": 2}, data_version="1"),
    metrics={"testAccuracy": 0.98, "testExamples": 263},
    image="train@sha256:1",
    data_digest="a" * 64,
    tensorflow_version="2.21.0",
    created="2026-01-31T12:00:00Z",
    files=(FileEntry(path="variables/data", size=3, sha256="b" * 64),),
)


def changed(**fields: object) -> str:
    return json.dumps({**json.loads(MANIFEST.text()), **fields})


def test_a_manifest_reads_back_as_written() -> None:
    assert Manifest.parse(MANIFEST.text()) == MANIFEST
    assert Manifest.parse(MANIFEST.text().encode()) == MANIFEST


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("schemaVersion", 2, "schemaVersion is 2; this program reads 1"),
        ("schemaVersion", None, "schemaVersion is None"),
        ("model", 3, "model is 3: must be a string"),
        ("version", "1", "version is '1': must be a whole number"),
        ("version", True, "version is True"),
        ("definition", {}, "definition: .*args is missing"),
        ("metrics", [], "metrics is"),
        ("metrics", {"testAccuracy": "high"}, r"metrics\.testAccuracy is 'high'"),
        ("metrics", {"testLoss": float("nan")}, r"metrics\.testLoss is nan"),
        ("image", None, "image is None"),
        ("dataDigest", "xyz", "dataDigest is 'xyz'"),
        ("created", "yesterday", "created is 'yesterday'"),
        ("files", [], "files is missing or empty"),
        ("files", ["x"], "must be an object"),
    ],
)
def test_a_wrong_key_is_named(field: str, value: object, reason: str) -> None:
    with pytest.raises(ManifestError, match=reason):
        Manifest.parse(changed(**{field: value}))


@pytest.mark.parametrize(
    "path",
    ["", ".", "/etc/passwd", "../x", "a/../../x", "a//b", "./a", "a/", "a\\..\\b", "a\0b", "manifest.json"],
)
def test_a_path_that_is_not_plain_and_inside_is_refused(path: str) -> None:
    entry: dict[str, Any] = {"path": path, "size": 1, "sha256": "b" * 64}
    with pytest.raises(ManifestError, match="leaves the version's directory or is not a plain relative path"):
        Manifest.parse(changed(files=[entry]))


@pytest.mark.parametrize(("key", "value"), [("size", -1), ("size", "1"), ("sha256", "B" * 64), ("sha256", "b" * 63)])
def test_a_wrong_size_or_digest_of_a_file_is_named(key: str, value: object) -> None:
    entry: dict[str, Any] = {"path": "a", "size": 1, "sha256": "b" * 64, key: value}
    with pytest.raises(ManifestError, match=f"{key} is"):
        Manifest.parse(changed(files=[entry]))


def test_a_file_listed_twice_is_refused() -> None:
    entry = {"path": "a", "size": 1, "sha256": "b" * 64}
    with pytest.raises(ManifestError, match="a is listed twice"):
        Manifest.parse(changed(files=[entry, entry]))


@pytest.mark.parametrize("text", [b"", b"{", b"\xff\xfe", "[]"])
def test_what_is_no_json_object_is_refused(text: bytes | str) -> None:
    with pytest.raises(ManifestError, match="JSON"):
        Manifest.parse(text)


def test_a_metric_that_is_not_finite_is_never_written() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        replace(MANIFEST, metrics={"testLoss": float("nan")}).text()
