"""A run can use what it is given: its workers and GPUs, its retries before the deadline, its stall timeout."""

from bisect import bisect_left
from collections.abc import Iterator
from datetime import date
from functools import partial
from typing import Final

from infra.checks.report import error, warning
from infra.finding import Finding
from infra.plan import Plan, backoff, waits
from infra.settings import Duration, Settings, TrainingJobSettings

_START: Final = Duration.parse("30s")
"""In which a start makes its first step, TensorFlow's import included, unless disk or network are slow."""


def batch_divides(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """TensorFlow's strategies give each GPU, or each worker that has none, the same part of a batch."""
    for name, job in settings.training_jobs.items():
        batch = job.args.get("batchSize")
        parts = job.workers * max(1, job.gpus)
        if parts > 1 and isinstance(batch, int | float) and batch % parts:
            below = int(batch // parts) * parts
            near = f"{below} or {below + parts}" if below else str(parts)
            each, shown = _parts(job)
            yield error(
                "batch-size",
                ("trainingJobs", name, "args", "batchSize"),
                f"batchSize {batch} / {shown} leaves {batch % parts}: each {each} takes an equal part",
                f"use {near}",
            )


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


def _parts(job: TrainingJobSettings) -> tuple[str, str]:
    """What a batch is divided among: one of them, and all."""
    if job.workers == 1:
        return "GPU", f"{job.gpus} GPUs"
    if job.gpus > 1:
        return "GPU", f"({job.workers} workers x {job.gpus} GPUs)"
    return "worker", f"{job.workers} workers"


def _waits(retries: int, workers: int) -> str:
    first, longest = waits(workers)
    words = " + ".join(map(str, first[:retries]))
    later = retries - len(first)
    return f"{words} + {later} x {longest} s" if later > 0 else f"{words} s"
