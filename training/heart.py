"""Tells the watcher, and whoever looks, how far the training is: a thread beside the loop that only reads a counter."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from contract import progress
from contract.progress import EpochProgress, Progress
from training.beat import TRAINING, Beat

_BEAT_SECONDS: Final = 0.5
_PROGRESS_SECONDS: Final = 1.0
_PROGRESS_SHARE: Final = 0.002
"""Of a processor, for writing progress: a long history takes longer, and is written less often."""


class Heart(threading.Thread):
    """Beats while the step counter moves. It runs while TensorFlow works, which lets other threads run."""

    def __init__(
        self, step: Callable[[], int], history: list[EpochProgress], beat: Beat, first: Progress, file: Path | None
    ) -> None:
        """Take what to read and where to tell.

        Args:
            step: Gives the steps done.
            history: The epochs done; the loop adds to it.
            beat: For the watcher.
            first: Progress before the first step.
            file: Where progress is written; None for workers other than the chief.
        """
        super().__init__(daemon=True)
        self._step = step
        self._history = history
        self._beat = beat
        self._now = first
        self._begun_at = first.step
        self._begun = 0.0
        self._file = file
        self._ended = threading.Event()

    def run(self) -> None:
        """Beat until `end`."""
        due = 0.0
        while not self._ended.wait(_BEAT_SECONDS):
            step, now = self._step(), time.monotonic()
            if step == self._now.step and self._begun:
                continue
            if not self._begun and step > self._begun_at:
                self._begun, self._begun_at = now, step
            self._beat.write(TRAINING, step)
            speed = (step - self._begun_at) / (now - self._begun) if now > self._begun > 0 else 0.0
            self._now = replace(self._now, step=step, steps_per_second=speed)
            if now >= due:
                begun = time.thread_time()
                self.tell()
                due = now + max(_PROGRESS_SECONDS, (time.thread_time() - begun) / _PROGRESS_SHARE)

    def tell(self, phase: str | None = None) -> None:
        """Write the progress file now; that it cannot be written harms nobody but who looks."""
        if self._file is None:
            return
        if phase is not None:
            self._now = replace(self._now, phase=phase, step=self._step())
        with suppress(OSError):
            progress.write(self._file, replace(self._now, history=tuple(self._history)))

    def end(self) -> None:
        """Stop beating."""
        self._ended.set()
        self.join()
