"""Checkpoints: whole or not there, the newest good one of this very run."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from contract.checkpoints import Checkpoint, newest, remove, save, steps
from contract.exits import Exit, Failure
from contract.run import RunDefinition
from contract.store import StoreError

DEFINITION = RunDefinition(args={"epochs": 3})
DIGEST = "a" * 64


def checkpoint(step: int) -> Checkpoint:
    return Checkpoint(step=step, definition=DEFINITION, data_digest=DIGEST, state={"seconds": 1.5})


def write(directory: Path) -> None:
    (directory / "variables").write_bytes(b"12345678")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    for step in (100, 200):
        save(tmp_path / "1", checkpoint(step), write)
    return tmp_path / "1"


def test_the_newest_is_found_with_all_it_was_saved_with(place: Path) -> None:
    found = newest(place, DEFINITION, DIGEST)
    assert (found.checkpoint, found.directory, found.passed_over) == (checkpoint(200), place / "200", ())


def test_two_are_kept_and_nothing_else_is_left(place: Path) -> None:
    save(place, checkpoint(300), write)
    assert sorted(path.name for path in place.iterdir()) == ["200", "300"]


def test_one_of_the_same_step_is_replaced(place: Path) -> None:
    save(place, checkpoint(200), lambda directory: (directory / "other").touch())
    assert (place / "200" / "other").exists()
    assert not (place / "200" / "variables").exists()


def cut(directory: Path) -> None:
    (directory / "variables").write_bytes(b"1234")


def change(directory: Path) -> None:
    (directory / "variables").write_bytes(b"12345679")


def lose(directory: Path) -> None:
    (directory / "variables").unlink()


def lose_the_list(directory: Path) -> None:
    (directory / "checkpoint.json").unlink()


def cut_the_list(directory: Path) -> None:
    (directory / "checkpoint.json").write_text("{")


def rename_the_step(directory: Path) -> None:
    path = directory / "checkpoint.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"step": 150}))


def list_no_size(directory: Path) -> None:
    path = directory / "checkpoint.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"files": [{"path": "variables"}]}))


def list_no_object(directory: Path) -> None:
    path = directory / "checkpoint.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"files": ["variables"]}))


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (cut, "variables has 4 bytes instead of 8"),
        (change, "variables has SHA-256"),
        (lose, "variables is missing"),
        (lose_the_list, "it has no checkpoint.json"),
        (cut_the_list, "checkpoint.json is not valid"),
        (rename_the_step, "checkpoint.json is of step 150"),
        (list_no_size, "checkpoint.json is not valid: size is None: must be a whole number"),
        (list_no_object, "checkpoint.json is not valid: files: 'variables' must be an object with path, size"),
    ],
)
def test_a_damaged_newest_falls_back_to_the_one_before_and_says_so(
    place: Path, damage: Callable[[Path], None], reason: str
) -> None:
    damage(place / "200")
    found = newest(place, DEFINITION, DIGEST)
    assert found.checkpoint == checkpoint(100)
    (sentence,) = found.passed_over
    assert sentence.startswith(f"checkpoint of step 200 is passed over: {reason}")


def test_one_of_another_definition_is_not_taken(place: Path) -> None:
    other = newest(place, replace(DEFINITION, seed=1), DIGEST)
    assert other.checkpoint is None
    assert "another definition (checkpoint and run): seed: 0 and 1" in other.passed_over[0]


def test_a_run_that_finds_other_data_than_it_began_with_is_refused_with_both_named(place: Path) -> None:
    with pytest.raises(Failure, match=r"had a{12}… up to step 200, and finds b{12}… now.*Put the data back") as caught:
        newest(place, DEFINITION, "b" * 64)
    assert caught.value.code == Exit.REFUSED
    # Another dataVersion is another definition, with which it begins anew.
    assert newest(place, replace(DEFINITION, data_version="b" * 12), "b" * 64).checkpoint is None


def test_a_write_that_fails_leaves_the_older_ones_and_no_half(place: Path) -> None:
    def fail(directory: Path) -> None:
        write(directory)
        raise OSError(28, "No space left on device", str(directory))

    with pytest.raises(StoreError, match="No space left on device; free space or enlarge the store"):
        save(place, checkpoint(300), fail)
    assert sorted(path.name for path in place.iterdir()) == ["100", "200"]


def test_a_write_is_not_seen_before_it_is_whole(place: Path) -> None:
    def look(directory: Path) -> None:
        write(directory)
        assert steps(place) == [100, 200]

    save(place, checkpoint(300), look)
    assert steps(place) == [200, 300]


def test_removed_or_never_written_there_is_none(place: Path) -> None:
    remove(place)
    assert newest(place, DEFINITION, DIGEST).checkpoint is None
