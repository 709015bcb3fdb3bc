"""Sections that say how a model's server works: what it runs together, and who may call it by gRPC."""

from typing import Annotated

from pydantic import Field

from infra.settings.base import Name, PositiveDuration, Section
from infra.settings.units import Duration, Quantity

LARGEST_REQUEST = 1000
"""Rows; TensorFlow's own limit of a request to a batching server (SharedBatchScheduler, input_batch_size_limit)."""


class Batching(Section):
    """Requests that wait for each other and run together."""

    max_batch_size: Annotated[int, Field(ge=2, le=LARGEST_REQUEST)]
    """Most rows that run together; a request of more rows is split, one of more than may wait is answered 400."""

    timeout: Duration = Duration.parse("2ms")
    """Longest wait for a batch to fill."""

    max_enqueued_batches: Annotated[int, Field(ge=1)] | None = None
    """Batches that may wait, after which requests are answered 503. Where not given: as many as run at a time, and
    what a warm-up request needs."""

    memory_per_row: Quantity | None = None
    """Memory of one row from its arrival to its answer: measure it. Where given, full queues are proved to fit."""


class Tls(Section):
    """TLS of gRPC; TensorFlow Serving has none for REST."""

    secret: Name
    """Of the tenant's namespace, made by you. Its key `ssl.config` holds an SSLConfig in protobuf's text form."""


class Grpc(Section):
    """Who may call the model by gRPC, and how long a connection lasts."""

    from_namespaces: Annotated[tuple[Name, ...], Field(min_length=1, strict=False)]
    """Namespaces whose pods may; the tenant's own is not among them unless named."""

    max_connection_age: PositiveDuration = Duration.parse("30s")
    """After which a client is told to connect anew, and finds other pods; part of the drain."""

    tls: Tls | None = None
