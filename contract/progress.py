"""Progress of a run: `<store>/<model>/.progress/<version>.json`, replaced as a whole by the chief while it trains.

It is for people who look (`make status`, the report). Nothing is decided by it, so a file that cannot be read counts
as none.
"""

import json
import math
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, cast

from contract.files import write_whole

PHASES: Final = ("training", "publishing", "published")
_SCHEMA_VERSION: Final = 1


@dataclass(frozen=True, kw_only=True)
class EpochProgress:
    """What one pass over the data gave; also how an epoch is kept in a checkpoint."""

    epoch: int
    """From 1."""

    loss: float
    accuracy: float
    """Share from 0 to 1, over the train part while it was learned."""

    validation_loss: float
    validation_accuracy: float
    seconds: float
    """From the epoch's first step to its judgement, of the attempt that ended it."""

    def words(self) -> dict[str, object]:
        """As JSON values under camel-case names."""
        return {_camel(name): value for name, value in asdict(self).items()}

    @classmethod
    def of(cls, raw: object) -> "EpochProgress":
        """Read back what `words` gave.

        Raises:
            ValueError: Something is missing or no finite number.
        """
        words = cast("dict[str, object]", raw) if isinstance(raw, dict) else {}
        values = {field.name: words.get(_camel(field.name)) for field in fields(cls)}
        if not all(isinstance(value, int | float) and math.isfinite(value) for value in values.values()):
            raise ValueError(f"epoch {raw!r} is not complete")
        numbers = cast("dict[str, float]", values)
        return cls(**{**numbers, "epoch": int(numbers["epoch"])})  # pyright: ignore[reportArgumentType] - just made int


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a run is."""

    definition: str
    """The run's definition in its canonical text: progress of another one is not this run's."""

    phase: str
    """One of PHASES."""

    step: int
    """Steps done, of all epochs."""

    steps: int
    """Steps of the whole run."""

    epochs: int
    """Epochs of the whole run."""

    steps_per_second: float
    """Of this start; 0 before the first step."""

    restarts: int
    """How often the training was started again since it began."""

    history: tuple[EpochProgress, ...] = ()
    """The epochs that are done."""

    updated: str = ""
    """UTC, as in 2026-01-31T12:00:00Z; filled in by `write`."""

    @property
    def epoch(self) -> int:
        """The epoch that is being trained, from 1."""
        return min(len(self.history) + 1, self.epochs)

    @property
    def seconds_left(self) -> float | None:
        """Until the last step, at the speed so far; None before there is one."""
        return (self.steps - self.step) / self.steps_per_second if self.steps_per_second > 0 else None

    def text(self) -> str:
        """The file's content."""
        last = self.history[-1] if self.history else None
        left = self.seconds_left
        document = {
            "schemaVersion": _SCHEMA_VERSION,
            "updated": self.updated,
            "phase": self.phase,
            "epoch": self.epoch,
            "epochs": self.epochs,
            "step": self.step,
            "steps": self.steps,
            "stepsPerSecond": round(self.steps_per_second, 3),
            "secondsLeft": None if left is None else round(left, 1),
            "restarts": self.restarts,
            "loss": last.loss if last else None,
            "validationAccuracy": last.validation_accuracy if last else None,
            "definition": self.definition,
            "history": [epoch.words() for epoch in self.history],
        }
        return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def progress_path(root: Path, model: str, version: int) -> Path:
    """Where the progress of a version's training is written."""
    return root / model / ".progress" / f"{version}.json"


def write(path: Path, progress: Progress) -> None:
    """Replace the file; a reader sees the old or the new one.

    Raises:
        OSError: It cannot be written.
    """
    path.parent.mkdir(exist_ok=True)
    write_whole(path, replace(progress, updated=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")).text())


def read(path: Path) -> Progress | None:
    """Read a run's progress; None if there is none that can be read."""
    try:
        document = cast("dict[str, object]", json.loads(path.read_bytes()))
        if document["schemaVersion"] != _SCHEMA_VERSION:
            return None
        return Progress(
            definition=str(document["definition"]),
            phase=str(document["phase"]),
            step=int(cast("int", document["step"])),
            steps=int(cast("int", document["steps"])),
            epochs=int(cast("int", document["epochs"])),
            steps_per_second=float(cast("float", document["stepsPerSecond"])),
            restarts=int(cast("int", document["restarts"])),
            history=tuple(EpochProgress.of(epoch) for epoch in cast("list[object]", document["history"])),
            updated=str(document["updated"]),
        )
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return None


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)
