"""How long steps of the embedded default tell that they are alive, and how they fail."""

import time
from collections.abc import Callable

Progress = Callable[[str], None]
"""Takes one line about what is going on, without a newline; called from any thread, seconds apart."""


class LocalError(Exception):
    """A failure that a person can act on. Its text is the whole message: what, where, the numbers, what to do."""


def elapsed(since: float) -> str:
    """Time since `since` (of `time.monotonic()`) as people read it: `8 s`, `3 min 05 s`."""
    seconds = int(time.monotonic() - since)
    return f"{seconds} s" if seconds < 60 else f"{seconds // 60} min {seconds % 60:02} s"  # noqa: PLR2004 (seconds in a minute)


def to_stdout(line: str) -> None:
    """A `Progress` that prints."""
    print(line, flush=True)
