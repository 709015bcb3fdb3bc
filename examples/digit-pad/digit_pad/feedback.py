"""What people say they drew, kept as a labelled set that versions of the model can be judged on."""

import json
import threading
from collections.abc import Sequence
from pathlib import Path

MOST_BYTES = 20 * 1024 * 1024
"""Of the file: a hundred thousand drawings. Nobody's disk is filled by a page without a log-in."""


class FeedbackError(Exception):
    """A drawing cannot be kept; the message says why."""


class Feedback:
    """A file of JSON lines, `{"instance": pixels, "label": digit}`: what `tfk8s judge --feedback` reads."""

    def __init__(self, path: Path) -> None:
        """Make the file, or go on with the one that is there.

        Raises:
            OSError: It cannot be written.
        """
        self._path = path
        self._lock = threading.Lock()
        path.open("a").close()

    def keep(self, pixels: Sequence[Sequence[float]], digit: int) -> None:
        """Add one drawing with what it was meant to be.

        Raises:
            FeedbackError: The file is full, or cannot be written.
        """
        line = json.dumps({"instance": pixels, "label": digit}, separators=(",", ":")) + "\n"
        try:
            with self._lock, self._path.open("a") as file:
                if file.tell() + len(line) > MOST_BYTES:
                    raise FeedbackError(f"{self._path} is full: {MOST_BYTES // 2**20} MiB; begin another file")
                file.write(line)
        except OSError as error:
            raise FeedbackError(f"{self._path} cannot be written: {error.strerror}") from None
