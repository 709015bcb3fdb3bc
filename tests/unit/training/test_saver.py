"""Checkpoints are written beside the training, and no more than one interval of steps is ever done twice."""

import threading
from pathlib import Path

import pytest

from contract import checkpoints
from contract.progress import EpochProgress
from contract.run import RunDefinition
from contract.store import StoreError
from training.saver import Saver, Schedule
from training.state import State, Sums


@pytest.mark.parametrize("interval", [1, 2, 9, 10, 19, 20, 50, 100])
def test_at_no_moment_would_more_than_one_interval_be_done_again(interval: int) -> None:
    schedule = Schedule(interval)
    step = begun = on_disk = 0
    while step < 5 * interval:
        end = schedule.next(step)
        assert step < end
        assert end - on_disk <= interval  # lost just before this chunk's end
        step = end
        if schedule.begins_at(step):
            begun = step
        if schedule.is_due_at(step):
            on_disk = begun


def test_a_checkpoint_has_a_tenth_of_the_interval_before_it_is_waited_for() -> None:
    schedule = Schedule(100)
    assert [schedule.next(0), schedule.next(10), schedule.next(90), schedule.next(100)] == [10, 90, 100, 180]
    assert schedule.begins_at(90)
    assert not schedule.is_due_at(90)
    assert schedule.is_due_at(100)


def saver(directory: Path) -> Saver:
    return Saver(directory, RunDefinition(), "d" * 64)


def test_the_training_goes_on_while_it_is_written_and_waits_where_it_must(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, saved = threading.Event(), list[int]()

    def slowly(_directory: Path, checkpoint: checkpoints.Checkpoint, _write: object) -> None:
        assert go_on.wait(5)
        saved.append(checkpoint.step)

    monkeypatch.setattr(checkpoints, "save", slowly)
    one = saver(tmp_path)
    one.begin(State(step=90), [])
    assert saved == []
    go_on.set()
    one.settle()
    assert saved == [90]


def test_what_is_written_is_how_it_stood_when_it_began(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on, states = threading.Event(), list[object]()

    def later(_directory: Path, checkpoint: checkpoints.Checkpoint, _write: object) -> None:
        states.append(checkpoint.state)

    monkeypatch.setattr(checkpoints, "save", later)
    now = State(step=90, sums=Sums(1.0, 2.0, 3))
    expected = now.words()
    one = saver(tmp_path)
    one._thread.submit(go_on.wait, 5)  # pyright: ignore[reportPrivateUsage] - keeps its thread busy
    one.begin(now, [])
    now.sums.add(1.0, 1.0, 1)
    now.history.append(EpochProgress(epoch=1, loss=0, accuracy=0, validation_loss=0, validation_accuracy=0, seconds=0))
    go_on.set()
    one.settle()
    assert states == [expected]


def test_a_full_disk_ends_the_training_at_the_next_checkpoint_and_is_said_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    one = saver(tmp_path / "file")
    one.begin(State(step=90), [])
    with pytest.raises(StoreError, match="file"):
        one.begin(State(step=180), [])
    one.settle()
