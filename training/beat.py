"""How a training tells its watcher that it lives: one short line in a file, replaced in place."""

import os
from pathlib import Path
from typing import Final

STARTING: Final = "starting"
WAITING: Final = "waiting"
"""For other workers: however long it takes is not this worker's fault."""

TRAINING: Final = "training"
PUBLISHING: Final = "publishing"

_WIDTH: Final = 40


class Beat:
    """Writes the phase and the step; a line of one width, so that a reader never sees half of one."""

    def __init__(self, file: Path | None = None) -> None:
        """Write to a file, or nowhere for a training without watcher."""
        self._descriptor = None if file is None else os.open(file, os.O_WRONLY | os.O_CREAT, 0o600)

    def write(self, phase: str, step: int = 0) -> None:
        """Say that something went on."""
        if self._descriptor is not None:
            os.pwrite(self._descriptor, f"{phase} {step}".ljust(_WIDTH - 1).encode() + b"\n", 0)


def read(file: Path) -> tuple[str, int]:
    """The phase and the step last written."""
    try:
        phase, step = file.read_text().split()
    except (FileNotFoundError, ValueError):
        return STARTING, 0
    return phase, int(step)
