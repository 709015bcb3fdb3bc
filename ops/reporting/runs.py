"""Pictures of runs: loss and accuracy by epoch, from the progress that the runs wrote into a store."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from contract.progress import EpochProgress, Progress, read
from ops.reporting.amounts import count, number

_MARKS: Final = 6


@dataclass(frozen=True, kw_only=True)
class RunPicture:
    """One run. Points are those of SVG polylines in a box of 100 x 100, epochs from the left."""

    name: str
    """`<model>-v<version>`."""

    loss: str
    """Over the train part; so is `accuracy`. The others are over the validation part."""

    validation_loss: str
    accuracy: str
    validation_accuracy: str
    top: str
    """The loss at the upper edge; the lower edge is 0."""

    bottom: str
    """The accuracy at the lower edge, the tenth below the worst; the upper edge is 1."""

    epochs: tuple[tuple[float, str], ...]
    """Marks of the axis: place in percent, and the epoch."""

    state: str
    said: str


def run_pictures(store: Path, models: Iterable[str]) -> tuple[RunPicture, ...]:
    """A picture of every run of these models that has an epoch to show.

    Args:
        store: Root of a model store, or of a copy of it; it is only read.
        models: Names of models in it.
    """
    return tuple(
        _picture(f"{model}-v{version}", progress)
        for model in models
        for version, progress in _runs(store / model / ".progress")
        if progress.history
    )


def _runs(directory: Path) -> Iterator[tuple[int, Progress]]:
    files = {int(path.stem): path for path in directory.glob("*.json") if path.stem.isdecimal()}
    for version in sorted(files):
        progress = read(files[version])
        if progress is not None:
            yield version, progress


def _picture(name: str, progress: Progress) -> RunPicture:
    history, last = progress.history, progress.history[-1]
    most = max(max(each.loss, each.validation_loss) for each in history)
    top = most * 1.05 or 1.0

    worst = min(min(each.accuracy, each.validation_accuracy) for each in history)
    bottom = min(int(worst * 10), 9) / 10

    def points(value: Iterable[float], low: float, high: float) -> str:
        places = ((_across(each, progress.epochs), y) for each, y in zip(history, value, strict=True))
        return " ".join(f"{x:g},{round(100 * (high - y) / (high - low), 2):g}" for x, y in places)

    state = progress.phase if progress.phase != "training" else f"epoch {progress.epoch} of {progress.epochs}"
    return RunPicture(
        name=name,
        loss=points((each.loss for each in history), 0, top),
        validation_loss=points((each.validation_loss for each in history), 0, top),
        accuracy=points((each.accuracy for each in history), bottom, 1),
        validation_accuracy=points((each.validation_accuracy for each in history), bottom, 1),
        top=number(round(top, 3)),
        bottom=f"{bottom:g}",
        epochs=tuple(
            (_across(each, progress.epochs), str(each.epoch)) for each in history[:: -(-len(history) // _MARKS)]
        ),
        state=f"{state}, {count(progress.restarts, 'restart')}",
        said=(
            f"{name}, {count(len(history), 'epoch')}: loss {last.loss:.4f}, "
            f"validation loss {last.validation_loss:.4f}, accuracy {last.accuracy:.4f}, "
            f"validation accuracy {last.validation_accuracy:.4f}"
        ),
    )


def _across(epoch: EpochProgress, epochs: int) -> float:
    return round(100 * epoch.epoch / epochs, 2)
