"""What a person sees while long steps run: one live line a step on a terminal, plain lines elsewhere."""

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress as LiveProgress
from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

from local.progress import Progress, elapsed

PLAIN_SECONDS = 10.0
"""Pause between two lines of one step where there is no terminal; first lines and last lines always show."""


class Screen:
    """Shows steps that run at the same time."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._started = time.monotonic()
        self._lock = threading.Lock()
        self._live = LiveProgress(
            SpinnerColumn(finished_text="[green]✓[/]"),
            TextColumn("{task.fields[step]}", style="bold"),
            TextColumn("{task.description}", markup=False),
            TimeElapsedColumn(),
            console=console,
        )

    @contextmanager
    def shown(self) -> Generator[None]:
        """Keeps the live lines on the screen while the block runs."""
        if not self._console.is_terminal:
            yield
            return
        with self._live:
            yield

    def say(self, line: str) -> None:
        """One line that stays."""
        self._console.print(line, markup=False, highlight=False)

    @contextmanager
    def step(self, name: str) -> Generator[Progress]:
        """A step with its elapsed time; the block gets a function that says what it is doing."""
        if self._console.is_terminal:
            task = self._live.add_task("", step=f"{name:9}", total=1)
            yield lambda line: self._live.update(task, description=line)
            self._live.update(task, completed=1)
            return
        started = time.monotonic()
        last_shown = 0.0
        last_line = ""

        def plain(line: str) -> None:
            nonlocal last_shown, last_line
            with self._lock:
                last_line = line
                if time.monotonic() - last_shown >= PLAIN_SECONDS:
                    last_shown = time.monotonic()
                    self._plain(name, line)

        yield plain
        self._plain(name, f"done in {elapsed(started)}" + (f": {last_line}" if last_line else ""))

    def _plain(self, name: str, line: str) -> None:
        self._console.print(
            f"[{elapsed(self._started):>12}] {name:9} {line}", markup=False, highlight=False, soft_wrap=True
        )
