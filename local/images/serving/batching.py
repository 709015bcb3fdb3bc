"""Requests that wait for each other and run together, by the rules of TensorFlow's SharedBatchScheduler.

One pool of threads serves a queue for each model version, signature and shape of rows (the real server fails a batch of
unlike rows instead). A batch runs when it is full or its oldest rows have waited long enough.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

import numpy as np

from .config import BatchingParameters
from .signature import Array, Servable, Signature
from .status import ServingError, invalid_argument

Outputs = dict[str, Array]
_Key = tuple[int, str, tuple[tuple[str, str, tuple[int, ...]], ...]]


@dataclass(frozen=True, kw_only=True)
class _Task:
    """Rows of one request that run in one batch."""

    inputs: Mapping[str, Array]
    rows: int
    answer: Future[Outputs] = field(default_factory=Future[Outputs])
    since: float = field(default_factory=time.monotonic)


@dataclass(kw_only=True)
class _Queue:
    """Tasks that may run together."""

    run: Callable[[Mapping[str, Array]], Outputs]
    tasks: deque[_Task] = field(default_factory=deque[_Task])

    @property
    def rows(self) -> int:
        return sum(task.rows for task in self.tasks)


class BatchScheduler:
    """The threads that run batches, and what waits for them."""

    def __init__(self, parameters: BatchingParameters, timeout_seconds: float) -> None:
        """Start the threads; they end with the process.

        Args:
            parameters: Of the batches.
            timeout_seconds: What waited longer is not computed any more; 0 or less waits for ever.
        """
        self._parameters = parameters
        self._timeout = timeout_seconds
        self._queues: dict[_Key, _Queue] = {}
        self._changed = threading.Condition()
        for index in range(parameters.num_batch_threads):
            threading.Thread(target=self._work, name=f"batch-{index}", daemon=True).start()

    def run(self, servable: Servable, signature_name: str, inputs: Mapping[str, Array]) -> Outputs:
        """Outputs of one request, computed with those of others.

        Raises:
            ServingError: The inputs have no common number of rows, or too many; the queue is full; or the batch failed.
        """
        rows, most = _rows(inputs), self._parameters.max_batch_size
        if rows > most:
            raise invalid_argument(f"Task size {rows} is larger than maximum input batch size {most}")
        size = self._parameters.max_execution_batch_size
        parts = [
            _Task(inputs={name: array[at : at + size] for name, array in inputs.items()}, rows=min(size, rows - at))
            for at in range(0, rows, size)
        ]
        self._enqueue(servable, signature_name, parts)
        return _joined([task.answer.result() for task in parts])

    def _enqueue(self, servable: Servable, signature_name: str, tasks: Sequence[_Task]) -> None:
        shapes = tuple((name, str(array.dtype), array.shape[1:]) for name, array in sorted(tasks[0].inputs.items()))
        key = (id(servable), signature_name, shapes)
        most = self._parameters.max_enqueued_batches * self._parameters.max_execution_batch_size
        with self._changed:
            queue = self._queues.get(key) or _Queue(run=lambda inputs: servable.run(signature_name, inputs))
            waiting = queue.rows + sum(task.rows for task in tasks)
            if waiting > most:
                raise ServingError(
                    "UNAVAILABLE",
                    "The batch scheduling queue to which this task was submitted is full; "
                    f"it holds {most} rows, and {waiting} would wait",
                )
            queue.tasks.extend(tasks)
            self._queues[key] = queue
            self._changed.notify()

    def _work(self) -> None:
        while True:
            run, batch = self._next()
            late = [task for task in batch if 0 < self._timeout < time.monotonic() - task.since]
            for task in late:
                task.answer.set_exception(
                    ServingError("DEADLINE_EXCEEDED", "Run() timeout exceeded while waiting in batching queue")
                )
            if in_time := [task for task in batch if task not in late]:
                _compute(run, in_time)

    def _next(self) -> tuple[Callable[[Mapping[str, Array]], Outputs], list[_Task]]:
        """Wait for a batch that is full, or has waited long enough; the oldest first."""
        patience, size = self._parameters.batch_timeout_micros / 1e6, self._parameters.max_execution_batch_size
        with self._changed:
            while True:
                now = time.monotonic()
                due = {
                    key: now if queue.rows >= size else queue.tasks[0].since + patience
                    for key, queue in self._queues.items()
                }
                first = min(due, key=lambda key: due[key], default=None)
                if first is None:
                    self._changed.wait()
                elif due[first] > now:
                    self._changed.wait(due[first] - now)
                else:
                    return self._queues[first].run, self._take(first, size)

    def _take(self, key: _Key, size: int) -> list[_Task]:
        tasks, batch, rows = self._queues[key].tasks, list[_Task](), 0
        while tasks and rows + tasks[0].rows <= size:
            rows += tasks[0].rows
            batch.append(tasks.popleft())
        if not tasks:
            del self._queues[key]
        return batch


class Batched:
    """A model version whose requests run together."""

    signatures: Mapping[str, Signature]

    def __init__(self, servable: Servable, scheduler: BatchScheduler) -> None:
        self._servable = servable
        self._scheduler = scheduler
        self.signatures = servable.signatures

    def run(self, signature_name: str, inputs: Mapping[str, Array]) -> Outputs:
        """See `Servable.run`."""
        return self._scheduler.run(self._servable, signature_name, inputs)

    def signature_def_json(self) -> str:
        """See `Servable.signature_def_json`."""
        return self._servable.signature_def_json()


def _rows(inputs: Mapping[str, Array]) -> int:
    sizes = {array.shape[0] if array.ndim else 0 for array in inputs.values()}
    if len(sizes) != 1 or 0 in sizes:
        raise invalid_argument(
            "Batching session Run() input tensors must have equal 0th-dimension size, and at least one row"
        )
    return sizes.pop()


def _compute(run: Callable[[Mapping[str, Array]], Outputs], batch: Sequence[_Task]) -> None:
    """Run the rows of a batch at once, and give each task its own."""
    names, rows = batch[0].inputs, sum(task.rows for task in batch)
    try:
        outputs = run({name: np.concatenate([task.inputs[name] for task in batch]) for name in names})
        if any(not array.ndim or array.shape[0] != rows for array in outputs.values()):
            raise ServingError(
                "FAILED_PRECONDITION",
                "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes of the "
                "input tensors",
            )
    except Exception as error:  # noqa: BLE001 - whatever it is, it is each waiting request's answer
        for task in batch:
            task.answer.set_exception(error)
        return
    at = 0
    for task in batch:
        task.answer.set_result({name: array[at : at + task.rows] for name, array in outputs.items()})
        at += task.rows


def _joined(parts: Sequence[Outputs]) -> Outputs:
    if len(parts) == 1:
        return parts[0]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
