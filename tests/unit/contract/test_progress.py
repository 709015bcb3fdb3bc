"""Progress of a run, for whoever looks."""

from dataclasses import replace
from pathlib import Path

import pytest

from contract.progress import EpochProgress, Progress, progress_path, read, write

EPOCH = EpochProgress(epoch=1, loss=0.5, accuracy=0.8, validation_loss=0.4, validation_accuracy=0.9, seconds=1.5)
PROGRESS = Progress(
    definition="{}", phase="training", step=30, steps=190, epochs=10, steps_per_second=4.0, restarts=1, history=(EPOCH,)
)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = progress_path(tmp_path, "digits", 1)
    path.parent.parent.mkdir()
    write(path, PROGRESS)
    told = read(path)
    assert told is not None
    assert told.updated.endswith("Z")
    assert replace(told, updated="") == PROGRESS
    assert [each.name for each in path.parent.iterdir()] == ["1.json"]


def test_time_left_follows_from_the_speed_and_is_unknown_without_one() -> None:
    assert PROGRESS.seconds_left == 40
    assert replace(PROGRESS, steps_per_second=0).seconds_left is None


def test_the_epoch_is_the_one_that_is_trained() -> None:
    assert PROGRESS.epoch == 2
    assert replace(PROGRESS, epochs=1).epoch == 1


def test_none_or_a_damaged_file_is_no_progress(tmp_path: Path) -> None:
    path = tmp_path / "1.json"
    assert read(path) is None
    whole = PROGRESS.text()
    endless = (whole.replace('"step": 30', '"step": 1e999'), whole.replace('"epoch": 1,', '"epoch": 1e999,'))
    for text in ("", "{}", "[]", whole.replace('"step": 30', '"step": null'), whole[:-30], *endless):
        path.write_text(text)
        assert read(path) is None


def test_two_chiefs_at_a_time_do_not_write_into_each_others_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written, rename = list[str](), Path.replace

    def note(path: Path, target: Path) -> Path:
        written.append(path.name)
        return rename(path, target)

    monkeypatch.setattr(Path, "replace", note)
    for _ in range(2):  # the process has the same number in every container
        write(tmp_path / "1.json", PROGRESS)
    assert len(set(written)) == 2


def test_a_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "1.json").mkdir()
    with pytest.raises(OSError, match="directory"):
        write(tmp_path / "1.json", PROGRESS)
    assert [each.name for each in tmp_path.iterdir()] == ["1.json"]


def test_an_endless_figure_of_an_epoch_is_refused() -> None:
    with pytest.raises(ValueError, match="is not complete"):
        EpochProgress.of({**EPOCH.words(), "epoch": float("inf")})
