"""The model store: a version is published whole or not at all, and damage is named exactly."""

import errno
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from contract import store
from contract.manifest import Manifest
from contract.run import RunDefinition

MANIFEST = Manifest(
    model="digits",
    version=1,
    definition=RunDefinition(args={"epochs": 2}),
    metrics={"testAccuracy": 0.98},
    image="train@sha256:1",
    data_digest="a" * 64,
    tensorflow_version="2.21.0",
    created="2026-01-31T12:00:00Z",
)


def write_model(directory: Path) -> None:
    (directory / "variables").mkdir()
    (directory / "assets").mkdir()
    (directory / "saved_model.pb").write_bytes(b"graph")
    (directory / "variables" / "data").write_bytes(b"weights")


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


@pytest.fixture
def version(tmp_path: Path) -> Path:
    store.publish(tmp_path, MANIFEST, write_model)
    return tmp_path / "digits" / "1"


def verify(directory: Path) -> Manifest:
    return store.verify(directory, model="digits", version=1)


def test_a_published_version_is_what_its_manifest_says(tmp_path: Path) -> None:
    published = store.publish(tmp_path, MANIFEST, write_model)
    assert [(entry.path, entry.size) for entry in published.files] == [("saved_model.pb", 5), ("variables/data", 7)]
    assert verify(tmp_path / "digits" / "1") == published
    assert replace(published, files=()) == MANIFEST


def test_publishing_leaves_nothing_but_the_version(version: Path) -> None:
    assert names(version.parent) == ["1"]


def test_a_published_version_is_never_rewritten(version: Path) -> None:
    before = (version / "manifest.json").read_bytes()
    with pytest.raises(store.PublishedError, match=r"exists already.*new version number"):
        store.publish(version.parents[1], replace(MANIFEST, image="other"), write_model)
    assert (version / "manifest.json").read_bytes() == before
    assert names(version.parent) == ["1"]


def test_of_two_attempts_at_once_the_slower_one_is_refused(tmp_path: Path) -> None:
    def write_while_another_publishes(directory: Path) -> None:
        write_model(directory)
        store.publish(tmp_path, replace(MANIFEST, image="faster"), write_model)

    with pytest.raises(store.PublishedError):
        store.publish(tmp_path, MANIFEST, write_while_another_publishes)
    assert verify(tmp_path / "digits" / "1").image == "faster"
    assert names(tmp_path / "digits") == ["1"]


def test_a_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fail(directory: Path) -> None:
        write_model(directory)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        store.publish(tmp_path, MANIFEST, fail)
    assert names(tmp_path / "digits") == []


def test_a_full_disk_says_what_is_free_and_leaves_nothing(tmp_path: Path) -> None:
    def fill(directory: Path) -> None:
        write_model(directory)
        raise OSError(errno.ENOSPC, "No space left on device", str(directory / "saved_model.pb"))

    with pytest.raises(store.StoreError, match=r"cannot write .*saved_model.pb: No space left.* MiB are free"):
        store.publish(tmp_path, MANIFEST, fill)
    assert names(tmp_path / "digits") == []


def test_a_store_that_is_not_mounted_is_not_made(tmp_path: Path) -> None:
    root = tmp_path / "nowhere"
    with pytest.raises(store.StoreError, match="does not exist"):
        store.require_writable(root, "digits")
    with pytest.raises(store.StoreError, match="No such file"):
        store.publish(root, MANIFEST, write_model)
    assert not root.exists()


def test_a_store_that_cannot_be_written_says_for_whom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def deny(path: Path, data: bytes) -> int:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "write_bytes", deny)
    with pytest.raises(store.StoreError, match=rf"Permission denied; .* user {os.getuid()}, group {os.getgid()}"):
        store.require_writable(tmp_path, "digits")


def test_the_probe_for_writing_leaves_nothing(tmp_path: Path) -> None:
    store.require_writable(tmp_path, "digits")
    assert names(tmp_path / "digits") == []


def test_leftovers_of_this_version_are_removed_and_nothing_else(version: Path) -> None:
    root = version.parents[1]
    for name in (".tmp-2-aa", ".tmp-2-bb", ".tmp-22-cc", ".logs"):
        (version.parent / name / "inner").mkdir(parents=True)
    assert store.remove_leftovers(root, "digits", 2) == [".tmp-2-aa", ".tmp-2-bb"]
    assert names(version.parent) == [".logs", ".tmp-22-cc", "1"]


def test_a_leftover_that_somebody_else_removes_meanwhile_ends_nothing(
    version: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leftover = version.parent / ".tmp-2-aa"
    leftover.mkdir()
    found = Path.glob

    def gone_when_found(path: Path, pattern: str) -> list[Path]:
        paths = list(found(path, pattern))
        leftover.rmdir()
        return paths

    monkeypatch.setattr(Path, "glob", gone_when_found)
    assert store.remove_leftovers(version.parents[1], "digits", 2) == [".tmp-2-aa"]


def test_an_attempt_whose_files_were_taken_away_publishes_nothing(tmp_path: Path) -> None:
    def lose(directory: Path) -> None:
        write_model(directory)
        store.remove_leftovers(tmp_path, "digits", 1)

    with pytest.raises(store.StoreError):
        store.publish(tmp_path, MANIFEST, lose)
    assert names(tmp_path / "digits") == []


def test_versions_are_the_numbers_in_order(version: Path) -> None:
    for name in ("10", "2", ".tmp-3-aa", "latest", ".logs"):
        (version.parent / name).mkdir()
    assert store.versions(version.parents[1], "digits") == [1, 2, 10]
    assert store.versions(version.parents[1], "letters") == []


def test_staging_paths_differ_and_lie_beside_the_version(tmp_path: Path) -> None:
    one, other = (store.staging_path(tmp_path, "digits", 1) for _ in range(2))
    assert one != other
    assert one.parent == store.version_dir(tmp_path, "digits", 1).parent
    assert not one.exists()


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing file": (lambda at: (at / "saved_model.pb").unlink(), r"saved_model\.pb is missing"),
    "wrong size": (lambda at: (at / "variables/data").write_bytes(b"x"), r"variables/data has 1 bytes instead of 7"),
    "wrong content": (lambda at: (at / "saved_model.pb").write_bytes(b"grapH"), r"saved_model\.pb has SHA-256 \w{12}…"),
    "extra file": (lambda at: (at / "variables/more").touch(), r"variables/more is not listed"),
    "link": (lambda at: (at / "assets/link").symlink_to("/etc"), r"assets/link is a link"),
    "file replaced by a directory": (
        lambda at: ((at / "saved_model.pb").unlink(), (at / "saved_model.pb").mkdir()),
        r"saved_model\.pb is missing",
    ),
    "no manifest": (lambda at: (at / "manifest.json").unlink(), r"no manifest\.json: it was not published"),
    "half a manifest": (lambda at: os.truncate(at / "manifest.json", 50), r"manifest\.json is not valid: not JSON"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_named_exactly(version: Path, name: str) -> None:
    damage, reason = DAMAGE[name]
    damage(version)
    with pytest.raises(store.DamagedError, match=reason):
        verify(version)


def test_much_damage_is_counted_after_the_first_five(version: Path) -> None:
    for index in range(9):
        (version / f"extra{index}").touch()
    with pytest.raises(store.DamagedError, match=r"extra4 is not listed; and 4 more$"):
        verify(version)


def test_a_version_under_another_name_or_number_is_refused(version: Path) -> None:
    with pytest.raises(store.DamagedError, match="digits version 1, not of digits version 2"):
        store.verify(version, model="digits", version=2)
    with pytest.raises(store.DamagedError, match="not of letters version 1"):
        store.verify(version, model="letters", version=1)


def test_a_version_that_does_not_exist_is_missing_not_damaged(tmp_path: Path) -> None:
    with pytest.raises(store.MissingError, match="does not exist"):
        verify(tmp_path / "digits" / "1")


def test_nothing_outside_the_version_is_read_whatever_the_manifest_says(version: Path) -> None:
    document = json.loads((version / "manifest.json").read_text())
    document["files"][0]["path"] = "../../secret"
    (version / "manifest.json").write_text(json.dumps(document))
    with pytest.raises(store.DamagedError, match=r"'\.\./\.\./secret' leaves the version's directory"):
        verify(version)
