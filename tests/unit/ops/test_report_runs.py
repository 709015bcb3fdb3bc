"""The picture of a run's course."""

from dataclasses import replace
from pathlib import Path

import pytest

from contract.progress import EpochProgress, Progress, progress_path, write
from ops.cli import main
from ops.reporting.runs import run_pictures

EPOCHS = (
    EpochProgress(epoch=1, loss=2.0, accuracy=0.5, validation_loss=1.0, validation_accuracy=0.75, seconds=1),
    EpochProgress(epoch=2, loss=1.0, accuracy=0.75, validation_loss=0.5, validation_accuracy=1.0, seconds=1),
)
PROGRESS = Progress(
    definition="{}", phase="training", step=20, steps=40, epochs=4, steps_per_second=1, restarts=1, history=EPOCHS
)


def store_with(root: Path, model: str, **runs: Progress) -> Path:
    (root / model).mkdir(parents=True)
    for version, progress in runs.items():
        write(progress_path(root, model, int(version.removeprefix("v"))), progress)
    return root


def test_epochs_go_to_the_right_and_values_up(tmp_path: Path) -> None:
    (run,) = run_pictures(store_with(tmp_path, "digits", v3=PROGRESS), ["digits", "other"])
    assert run.name == "digits-v3"
    assert run.top == "2.1"
    assert run.loss == "25,4.76 50,52.38"
    assert run.bottom == "0.5"
    assert run.accuracy == "25,100 50,50"
    assert run.validation_accuracy == "25,50 50,0"
    assert run.epochs == ((25, "1"), (50, "2"))
    assert run.state == "epoch 3 of 4, 1 restart"
    assert "validation accuracy 1.0000" in run.said


def test_runs_come_by_number_and_what_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    first = replace(PROGRESS, history=())
    root = store_with(tmp_path, "digits", v10=replace(PROGRESS, phase="published"), v9=PROGRESS, v11=first)
    progress_path(root, "digits", 8).write_text("{")
    assert [run.name for run in run_pictures(root, ["digits"])] == ["digits-v9", "digits-v10"]
    assert run_pictures(root, ["digits"])[1].state == "published, 1 restart"


def test_a_loss_of_nothing_can_be_drawn(tmp_path: Path) -> None:
    nothing = replace(EPOCHS[0], loss=0.0, validation_loss=0.0)
    (run,) = run_pictures(store_with(tmp_path, "digits", v1=replace(PROGRESS, history=(nothing,))), ["digits"])
    assert run.loss == "25,100"


def test_an_accuracy_that_is_whole_from_the_first_epoch_can_be_drawn(tmp_path: Path) -> None:
    whole = replace(EPOCHS[0], accuracy=1.0, validation_accuracy=1.0)
    (run,) = run_pictures(store_with(tmp_path, "digits", v1=replace(PROGRESS, history=(whole,))), ["digits"])
    assert (run.bottom, run.accuracy) == ("0.9", "25,0")


def test_the_page_shows_runs_where_a_store_is_named(tmp_path: Path) -> None:
    store, page = store_with(tmp_path / "store", "digits", v1=PROGRESS), tmp_path / "page.html"
    assert main(["report", "local", "--store", str(store), "-o", str(page)]) == 0
    text = page.read_text(encoding="utf-8")
    assert 'aria-label="digits-v1: accuracy by epoch"' in text
    assert 'points="25,4.76 50,52.38"' in text
    assert "Nothing here was measured" not in text
    assert main(["report", "local", "-o", str(page)]) == 0
    assert "How did the runs learn?" not in page.read_text(encoding="utf-8")
    assert "Nothing here was measured" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("more", [[], ["--markdown"]])
def test_a_store_that_cannot_be_shown_is_said(
    more: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path if more else tmp_path / "nowhere"
    assert main(["report", "local", "--store", str(place), *more]) == 1
    assert "--store: " in capsys.readouterr().err
