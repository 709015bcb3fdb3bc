"""Progress of a run, for whoever looks."""

from dataclasses import replace
from pathlib import Path

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
    for text in ("", "{}", "[]", PROGRESS.text().replace('"step": 30', '"step": null'), PROGRESS.text()[:-30]):
        path.write_text(text)
        assert read(path) is None
