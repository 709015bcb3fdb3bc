"""Requests that wait for each other are answered in time, from the memory there is."""

from collections.abc import Iterator
from datetime import date
from fractions import Fraction

from contract.store import WARMUP_ROWS
from infra.checks.report import error
from infra.finding import Finding
from infra.plan import BatchingPlan, Plan, shown
from infra.settings import ModelSettings, Settings
from infra.settings.server import Batching


def batches_are_in_time(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """A request that batches keep waiting is answered within requestTimeout; else it is computed for nobody."""
    for name, model, batching, figures in _batching(settings, plan):
        if batching.timeout >= model.request_timeout:
            yield error(
                "batching-time",
                ("models", name, "batching", "timeout"),
                f"batches wait {batching.timeout} to fill >= requestTimeout {model.request_timeout}",
                "lower timeout to a few milliseconds, or to 0s, which takes what is there",
            )
        elif figures.longest is not None and figures.longest > model.request_timeout:
            yield error(
                "batching-time",
                ("models", name, "batching", "maxEnqueuedBatches"),
                f"timeout {batching.timeout} + ({figures.threads} batches that run + {figures.enqueued} that wait) x "
                f"maxBatchSize {batching.max_batch_size} = {figures.rows} rows / perReplica {_per_replica(model):g} a "
                f"second = {figures.longest} > requestTimeout {model.request_timeout}",
                _remedy(model, batching, figures),
            )


def batches_fit_the_memory(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """Where a row's memory is stated, the rows of full queues and running batches fit into the memory limit."""
    for name, model, batching, figures in _batching(settings, plan):
        limit, row = model.resources.limit.memory, batching.memory_per_row
        if row is not None and figures.rows * row.amount > limit.amount:
            yield error(
                "batching-memory",
                ("models", name, "batching", "maxBatchSize"),
                f"({figures.threads} batches that run + {figures.enqueued} that wait) x maxBatchSize "
                f"{batching.max_batch_size} x memoryPerRow {row} = {shown(figures.rows * row.amount, 'memory')} > "
                f"memory limit {limit}: the kernel would kill the server under load",
                "lower maxBatchSize or maxEnqueuedBatches, or raise the memory limit",
            )


def warmup_fits_the_queue(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """A batching server's queue takes the requests that warm it up; else no version would ever become available."""
    for name, _, batching, figures in _batching(settings, plan):
        if figures.largest_request < WARMUP_ROWS:
            yield error(
                "batching-warm-up",
                ("models", name, "batching", "maxEnqueuedBatches"),
                f"maxEnqueuedBatches {figures.enqueued} x maxBatchSize {batching.max_batch_size} = "
                f"{figures.largest_request} rows < {WARMUP_ROWS} of a warm-up request",
                f"raise maxEnqueuedBatches to {-(-WARMUP_ROWS // batching.max_batch_size)}, or leave it out",
            )


def _batching(settings: Settings, plan: Plan) -> Iterator[tuple[str, ModelSettings, Batching, BatchingPlan]]:
    for name, model in settings.models.items():
        figures = plan.models[name].batching
        if model.batching is not None and figures is not None:
            yield name, model, model.batching, figures


def _per_replica(model: ModelSettings) -> float:
    return model.load.per_replica if model.load is not None else 0


def _remedy(model: ModelSettings, batching: Batching, figures: BatchingPlan) -> str:
    """What would be in time, with room in the queue for a warm-up request still."""
    seconds = Fraction(model.request_timeout.seconds - batching.timeout.seconds)
    rows = int(seconds * Fraction(_per_replica(model)))
    enqueued = rows // batching.max_batch_size - figures.threads
    if enqueued * batching.max_batch_size >= WARMUP_ROWS:
        return f"lower maxEnqueuedBatches to {enqueued}"
    size = rows // (figures.threads + 1)
    smaller = [f"lower maxBatchSize to {size} and maxEnqueuedBatches to 1"] if size >= WARMUP_ROWS else []
    return ", or ".join([*smaller, f"raise requestTimeout to {figures.longest}"])
