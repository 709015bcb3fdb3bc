"""Saves checkpoints beside the training, which does not wait for the disk. No TensorFlow here.

A checkpoint is begun after nine tenths of an interval, and the training waits for it at the interval's end if it must:
so no more than one interval of steps is ever trained twice.
"""

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from contract import checkpoints
from contract.checkpoints import Checkpoint
from contract.run import RunDefinition
from training import state
from training.state import Array, State


@dataclass(frozen=True)
class Schedule:
    """When checkpoints begin and when they must be on the disk, by the number of steps done."""

    interval: int
    """Most steps that may have to be done again."""

    @property
    def _every(self) -> int:
        return self.interval - self.interval // 10

    @property
    def _patience(self) -> int:
        return self.interval - self._every

    def begins_at(self, step: int) -> bool:
        """Whether a checkpoint begins after that many steps."""
        return step % self._every == 0

    def is_due_at(self, step: int) -> bool:
        """Whether the training must not go on before the last one that began is there."""
        return step % self._every == self._patience

    def next(self, step: int) -> int:
        """The next step after this one at which a checkpoint begins or is due."""
        into = step % self._every
        return step - into + (self._patience if into < self._patience else self._every)


class Saver:
    """Saves the checkpoints of one run, one at a time."""

    def __init__(self, directory: Path, definition: RunDefinition, data_digest: str) -> None:
        """Take where they lie, and what they belong to."""
        self._directory = directory
        self._definition = definition
        self._data_digest = data_digest
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="saver")
        self._begun: Future[None] | None = None

    def begin(self, now: State, variables: list[Array]) -> None:
        """Begin to save where the training stands now, once the checkpoint before it is on the disk.

        Args:
            now: What goes with the variables; it may change afterwards.
            variables: Copies, the caller's no more.

        Raises:
            store.StoreError: The one before could not be written.
        """
        self.settle()
        then = replace(now, sums=replace(now.sums), history=list(now.history))
        self._begun = self._thread.submit(self._save, then, variables)

    def settle(self) -> None:
        """Wait until what was begun is on the disk.

        Raises:
            store.StoreError: Disk full or not writable; it is said once.
        """
        begun, self._begun = self._begun, None
        if begun is not None:
            begun.result()

    def _save(self, then: State, variables: list[Array]) -> None:
        checkpoint = Checkpoint(
            step=then.step, definition=self._definition, data_digest=self._data_digest, state=then.words()
        )
        checkpoints.save(self._directory, checkpoint, lambda directory: state.write(directory, variables))
