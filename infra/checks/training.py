"""A run can use what it is given: its GPUs, and its retries before the deadline."""

from bisect import bisect_left
from collections.abc import Iterator
from datetime import date

from infra.checks.report import error
from infra.finding import Finding
from infra.plan import FIRST_BACKOFFS, LONGEST_BACKOFF, Plan, backoff
from infra.settings import Settings


def batch_divides(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """MirroredStrategy gives each GPU the same part of a batch."""
    for name, job in settings.training_jobs.items():
        batch = job.args.get("batchSize")
        if job.gpus > 1 and isinstance(batch, int | float) and batch % job.gpus:
            below = int(batch // job.gpus) * job.gpus
            near = f"{below} or {below + job.gpus}" if below else str(job.gpus)
            yield error(
                "batch-size",
                ("trainingJobs", name, "args", "batchSize"),
                f"batchSize {batch} / {job.gpus} GPUs leaves {batch % job.gpus}: each GPU takes an equal part",
                f"use {near}",
            )


def retries_fit_the_deadline(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """The waits before a run's retries leave it time before its deadline, which counts them too."""
    for name, job in settings.training_jobs.items():
        limit, deadline = job.backoff_limit, job.deadline
        total = backoff(limit)
        if total < deadline:
            continue
        possible = bisect_left(range(limit), deadline, key=backoff) - 1
        yield error(
            "retries",
            ("trainingJobs", name, "backoffLimit"),
            f"the waits before {limit} retries, {_waits(limit)}, are {total} >= deadline {deadline}: it would end the "
            "run before the last one",
            f"lower backoffLimit to {possible}, or raise the deadline well above {total}",
        )


def _waits(retries: int) -> str:
    words = " + ".join(map(str, FIRST_BACKOFFS[:retries]))
    later = retries - len(FIRST_BACKOFFS)
    return f"{words} + {later} x {LONGEST_BACKOFF} s" if later > 0 else f"{words} s"
