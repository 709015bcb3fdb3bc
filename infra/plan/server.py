"""Figures of a model server: threads, batches, and how long a connection may keep a leaving pod."""

import math
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from fractions import Fraction
from typing import Final

from contract.store import WARMUP_ROWS
from infra.settings import Duration, ModelSettings
from infra.settings.server import LARGEST_REQUEST

_THREADS_A_CORE: Final = 4
"""What TensorFlow Serving itself takes (server.h, http_num_threads), by the node's cores where it is not told."""

_CLIENTS_A_BATCH: Final = 2
"""Client threads wait inside a batch, so that many batches' worth of them keep the server busy
(tensorflow_serving/batching/README.md)."""

_AGE_JITTER: Final = Decimal("1.1")
"""gRPC ends connections up to a tenth later than stated, so that not all end at once
(https://github.com/grpc/proposal/blob/master/A9-server-side-conn-mgt.md)."""


@dataclass(frozen=True, kw_only=True)
class BatchingPlan:
    """How requests run together."""

    threads: int
    """Batches that run at a time: the cores of the CPU limit, as the batching guide has it."""

    enqueued: int
    """Batches that wait at most."""

    largest_request: int
    """Rows of the largest request: what an empty queue takes, as larger ones than a batch are split."""

    timeout_micros: int
    """Longest wait for a batch to fill."""

    rows: int
    """Most rows in the server: those that run and those that wait."""

    longest: Duration | None
    """Until the last row of a full server is answered; None where `load` does not say what a replica does."""


def threads(model: ModelSettings) -> int:
    """TensorFlow's threads: the CPU limit in whole cores, since it does not look at CPU quotas itself.

    It counts the processors that the process may be scheduled on (port::MaxParallelism, port::NumSchedulableCPUs),
    which a container's CPU limit does not change: on a node of 96 cores, 96 threads would share the time of two.
    """
    return max(1, int(model.resources.limit.cpu.amount))


def rest_threads(model: ModelSettings) -> int:
    """REST requests that the server works on at a time."""
    waiting = _CLIENTS_A_BATCH * model.batching.max_batch_size if model.batching is not None else 0
    return max(_THREADS_A_CORE * threads(model), waiting)


def batching_plan(model: ModelSettings) -> BatchingPlan | None:
    """What batching comes to; None where it is off."""
    batching = model.batching
    if batching is None:
        return None
    running = threads(model)
    enqueued = batching.max_enqueued_batches or max(running, -(-WARMUP_ROWS // batching.max_batch_size))
    rows = (running + enqueued) * batching.max_batch_size
    longest = None
    if model.load is not None:
        seconds = Fraction(batching.timeout.seconds) + rows / Fraction(model.load.per_replica)
        longest = Duration(Decimal(math.ceil(seconds * 1000)) / 1000)
    micros = (batching.timeout.seconds * 1_000_000).to_integral_value(rounding=ROUND_CEILING)
    return BatchingPlan(
        threads=running,
        enqueued=enqueued,
        largest_request=min(LARGEST_REQUEST, enqueued * batching.max_batch_size),
        timeout_micros=int(micros),
        rows=rows,
        longest=longest,
    )


def connection_age(model: ModelSettings) -> Duration:
    """How long a gRPC connection may go on to bring requests to a leaving pod, as no proxy cuts it; 0 without gRPC."""
    return Duration(model.grpc.max_connection_age.seconds * _AGE_JITTER if model.grpc is not None else Decimal(0))
