"""Training jobs of four tenants, drawn from a seed: what they ask for, how long they run, when they come.

The unit of time is the mean run. Sizes and durations have the shape that published traces of GPU clusters have, not
their numbers: most jobs want one GPU, few large ones want most of the GPU time, and the mean run is some times longer
than the median one (Jeon et al., ATC 2019, "Philly"; Hu et al., SC 2021, "Helios").
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import count, islice
from typing import Final, Literal

TENANTS: Final = ("a", "b", "c", "d")
SIZES: Final[Mapping[int, float]] = {1: 0.5, 2: 0.2, 4: 0.2, 8: 0.1}
"""Share of the jobs by GPUs. No job is larger than a tenant's own share: static quotas could never run it."""
_SIGMA: Final = 1.2
"""Of the logarithm of a run's length: the mean is twice the median."""
_LONGEST: Final = 10.0
"""Mean runs, where a deadline would end the rest of the tail."""

Pattern = Literal["even", "uneven", "bursty"]
SHARES: Final[Mapping[Pattern, tuple[float, ...]]] = {
    "even": (0.25, 0.25, 0.25, 0.25),
    "uneven": (0.4, 0.3, 0.2, 0.1),
    "bursty": (0.25, 0.25, 0.25, 0.25),
}
"""Of the jobs, by tenant. Quotas are the same for all; bursty tenants want as much as each other in the long run."""
_BUSY: Final = (8.0, 2.4)
"""A bursty tenant's busy phase: its mean length, in mean runs, and its arrivals, as a multiple of the mean rate."""
_QUIET: Final = (16.0, 0.3)


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One run of one tenant."""

    number: int
    """In the order of arrival."""

    tenant: str
    gpus: int
    arrival: float
    duration: float


def jobs(*, gpus: int, load: float, pattern: Pattern, seed: int, number: int) -> list[Job]:
    """The first jobs of a trace, by arrival; the same ones at each load, only further apart.

    Args:
        gpus: Of the whole pool; a fourth of it is the largest job.
        load: GPU time wanted, as a share of all there is.
        pattern: Who wants how much when.
        seed: Same seed, same trace.
        number: How many.
    """
    sizes = {size: share for size, share in SIZES.items() if size <= gpus // len(TENANTS)}
    mean_size = sum(size * share for size, share in sizes.items()) / sum(sizes.values())
    tenants = [
        _of_one(tenant, f"{seed} {tenant}", load * gpus * share / mean_size, sizes, bursty=pattern == "bursty")
        for tenant, share in zip(TENANTS, SHARES[pattern], strict=True)
    ]
    return [
        Job(number=index, tenant=tenant, gpus=size, arrival=arrival, duration=duration)
        for index, (arrival, tenant, size, duration) in enumerate(islice(merge(*tenants), number))
    ]


def _of_one(
    tenant: str, seed: str, rate: float, sizes: Mapping[int, float], *, bursty: bool
) -> Iterator[tuple[float, str, int, float]]:
    """Arrival, tenant, GPUs and duration of each of its jobs."""
    draw = random.Random(seed)
    for arrival in _arrivals(random.Random(f"{seed} arrivals"), rate, bursty=bursty):
        [size] = draw.choices(tuple(sizes), tuple(sizes.values()))
        yield arrival, tenant, size, min(draw.lognormvariate(-(_SIGMA**2) / 2, _SIGMA), _LONGEST)


def _arrivals(draw: random.Random, rate: float, *, bursty: bool) -> Iterator[float]:
    """Of a Poisson process, or of one whose rate changes between two values at random times."""
    phases = random.Random(draw.random())  # the same ones at each rate
    now, ends, factor = 0.0, 0.0, 1.0
    for turn in count(phases.randrange(2)):
        if bursty:
            mean, factor = (_BUSY, _QUIET)[turn % 2]
            ends += phases.expovariate(1 / mean)
        wanted = draw.expovariate(1.0)
        while not bursty or now + wanted / (rate * factor) <= ends:
            now += wanted / (rate * factor)
            yield now
            wanted = draw.expovariate(1.0)
        # An exponential time has no memory: what is left of it may be drawn anew in the next phase.
        now = ends


def offered(trace: Sequence[Job], gpus: int) -> float:
    """The load of the jobs, as it came out: GPU time wanted by those that came, of all there was meanwhile."""
    return sum(job.gpus * job.duration for job in trace) / (gpus * trace[-1].arrival)
