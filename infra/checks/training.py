"""A run can use what it is given: its workers and GPUs, its retries before the deadline, its stall timeout."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Final

from contract.run import BATCH_SIZE
from infra.checks.report import error, warning
from infra.finding import Finding
from infra.plan import Plan, backoff, waits
from infra.settings import Duration, Settings
from infra.settings.standin import Location
from infra.settings.sweeps import SpaceParameter
from infra.settings.workloads import ArgumentValue

_BATCH: Final = "batchSize"
"""The argument's name."""

_START: Final = Duration.parse("30s")
"""In which a start makes its first step, TensorFlow's import included, unless disk or network are slow."""


def batch_divides(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """TensorFlow's strategies give each GPU, or each worker that has none, the same part of a batch."""
    for name, job in settings.training_jobs.items():
        yield from _declared(job.args, _Parts(job.workers, job.gpus), ("trainingJobs", name))
    for name, sweep in settings.sweeps.items():
        parts, job = _Parts(1, sweep.gpus), settings.training_jobs.get(sweep.model)
        if sweep.args is not None:
            yield from _declared(sweep.args, parts, ("sweeps", name))
        elif job is not None:
            yield from _declared(job.args, parts, ("sweeps", name), f"of trainingJobs.{sweep.model}")
        if (varied := sweep.space.get(_BATCH)) is not None:
            yield from _varied(varied, parts, ("sweeps", name, "space", _BATCH))


def retries_fit_the_deadline(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """The waits before a run's retries leave it time before its deadline, which counts them too."""
    for name, job in settings.training_jobs.items():
        limit, deadline = job.backoff_limit, job.deadline
        total = backoff(limit, job.workers)
        if total < deadline:
            continue
        possible = bisect_left(range(limit), deadline, key=partial(backoff, workers=job.workers)) - 1
        yield error(
            "retries",
            ("trainingJobs", name, "backoffLimit"),
            f"the waits before {limit} retries, {_waits(limit, job.workers)}, are {total} >= deadline {deadline}: "
            "it would end the run before the last one",
            f"lower backoffLimit to {possible}, or raise the deadline well above {total}",
        )


def stalls_are_told_from_starts(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """A stall timeout ends before the run's deadline, and not before a start has made its first step."""
    for name, job in settings.training_jobs.items():
        stall, path = job.stall_timeout, ("trainingJobs", name, "stallTimeout")
        if stall is None:
            continue
        if stall >= job.deadline:
            yield error(
                "stall-timeout",
                path,
                f"stallTimeout {stall} >= deadline {job.deadline}: the run would end before a hang is noticed",
                "lower it, or raise the deadline to several times as much",
            )
        elif stall < _START:
            yield warning(
                "stall-timeout",
                path,
                f"stallTimeout {stall} < {_START}: a start without a step for so long is started again, and "
                "after three the run fails",
                f"raise it to {_START} or more, well above the longest pause between two steps",
            )


@dataclass(frozen=True)
class _Parts:
    """What a batch is divided among."""

    workers: int
    gpus: int
    """Of each worker."""

    @property
    def count(self) -> int:
        return self.workers * max(1, self.gpus)

    @property
    def each(self) -> str:
        return "worker" if self.workers > 1 and self.gpus <= 1 else "GPU"

    def __str__(self) -> str:
        if self.workers == 1:
            return f"{self.gpus} GPUs"
        return f"({self.workers} workers x {self.gpus} GPUs)" if self.gpus > 1 else f"{self.workers} workers"


def _declared(
    args: Mapping[str, ArgumentValue], parts: _Parts, location: Location, whose: str = ""
) -> Iterator[Finding]:
    batch, whose = args.get(_BATCH, BATCH_SIZE), whose if _BATCH in args else "where args name none"
    if isinstance(batch, int | float) and batch % parts.count:
        yield _rest(batch, parts, (*location, "args", _BATCH), f" ({whose})" if whose else "")


def _varied(space: SpaceParameter, parts: _Parts, location: Location) -> Iterator[Finding]:
    for batch in space.choices:
        if isinstance(batch, int | float) and batch % parts.count:
            yield _rest(batch, parts, (*location, "choices"))
    if space.low is None or space.high is None:
        return
    step = 1 if space.step is None else space.step
    if space.low % parts.count or (step % parts.count and space.low < space.high):
        yield error(
            "batch-size",
            location,
            f"batchSize {space.low} to {space.high} by {step} / {parts}: each {parts.each} takes an equal part",
            f"begin at a multiple of {parts.count}, with a `step` that is one too",
        )


def _rest(batch: float, parts: _Parts, location: Location, whose: str = "") -> Finding:
    below = int(batch // parts.count) * parts.count
    return error(
        "batch-size",
        location,
        f"batchSize {batch}{whose} / {parts} leaves {batch % parts.count}: each {parts.each} takes an equal part",
        f"use {f'{below} or {below + parts.count}' if below else parts.count}",
    )


def _waits(retries: int, workers: int) -> str:
    first, longest = waits(workers)
    words = " + ".join(map(str, first[:retries]))
    later = retries - len(first)
    return f"{words} + {later} x {longest} s" if later > 0 else f"{words} s"
