"""What a training goes on from: weights and optimizer as one file, and figures of the epochs. Imports TensorFlow."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from contract.progress import EpochProgress

_FILE = "variables.npz"

Array = NDArray[Any]


@dataclass
class Sums:
    """Sums over the examples of an epoch so far."""

    loss: float = 0.0
    right: float = 0.0
    seen: int = 0

    def add(self, loss: float, right: float, seen: int) -> None:
        """Take in some more steps."""
        self.loss += loss
        self.right += right
        self.seen += seen

    @property
    def is_finite(self) -> bool:
        """Whether the training has not diverged."""
        return math.isfinite(self.loss)


@dataclass
class State:
    """Where a training stands."""

    step: int = 0
    """Steps done, of all epochs."""

    sums: Sums = field(default_factory=Sums)
    """Of the epoch that is not done yet."""

    history: list[EpochProgress] = field(default_factory=list[EpochProgress])
    seconds: float = 0.0
    """Spent training, by all starts together."""

    variables: list[Array] = field(default_factory=list[Array])
    """Values of all variables of model and optimizer; empty for a fresh start."""

    def words(self) -> dict[str, object]:
        """All but step and variables, as JSON values."""
        return {
            "sums": {"loss": self.sums.loss, "right": self.sums.right, "seen": self.sums.seen},
            "history": [epoch.words() for epoch in self.history],
            "seconds": self.seconds,
        }

    @classmethod
    def of(cls, step: int, words: Mapping[str, object], directory: Path) -> "State":
        """Read back what `words` and `write` gave.

        Raises:
            ValueError: It is not what they give.
            OSError: The file cannot be read.
        """
        sums = cast("dict[str, float]", words["sums"])
        with np.load(directory / _FILE, allow_pickle=False) as file:
            variables = [file[f"v{index}"] for index in range(len(file.files))]
        return cls(
            step=step,
            sums=Sums(float(sums["loss"]), float(sums["right"]), int(sums["seen"])),
            history=[EpochProgress.of(epoch) for epoch in cast("list[object]", words["history"])],
            seconds=float(cast("float", words["seconds"])),
            variables=variables,
        )


def write(directory: Path, variables: list[Array]) -> None:
    """Write values into a checkpoint's directory."""
    # No mapping of names: both lists of variables come from the same code, and shapes are compared.
    np.savez(directory / _FILE, allow_pickle=False, **{f"v{index}": value for index, value in enumerate(variables)})
