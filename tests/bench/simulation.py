"""Kueue's admission and the scheduler's placement as a simulation of discrete events, for what no cluster has time for.

Admission is Kueue 0.15's for queues of one cohort, one flavor and one priority, `BestEffortFIFO`, with
`reclaimWithinCohort: Any` where tenants borrow: of each queue the oldest job that fits, jobs within their tenant's own
share before those that have to borrow, the older one first; a job within its own share stops borrowers, the newest
admitted first. Quota knows no nodes: an admitted job waits on until one node has all GPUs that it wants.
"""

import heapq
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from tests.bench.jobs import TENANTS, Job

GPUS_OF_A_NODE = 8

Placement = Literal["packed", "spread"]
"""On the fullest node that has room (MostAllocated), or on the emptiest (LeastAllocated, the scheduler's default)."""


@dataclass(kw_only=True, slots=True, eq=False)
class Run:
    """A job on its way."""

    job: Job
    left: float
    """Of its duration, when it is placed next."""

    admitted: float = 0.0
    started: float | None = None
    node: int = 0
    stops: int = 0
    """How often others took its GPUs back."""

    nodeless: float = 0.0
    """How long it was admitted without a node; in a pool as many GPUs were free meanwhile, on several nodes."""

    ended: float = 0.0
    attempt: int = 0

    @property
    def wait(self) -> float:
        """All time from its arrival to its end in which it made no progress that lasted."""
        return self.ended - self.job.arrival - self.job.duration


@dataclass(kw_only=True)
class Outcome:
    """What became of a trace."""

    runs: list[Run]

    @property
    def stuck(self) -> float:
        """GPU time that admitted jobs held without a node, as a share of the GPU time of all runs."""
        work = sum(run.job.gpus * run.job.duration for run in self.runs)
        return sum(run.job.gpus * run.nodeless for run in self.runs) / work

    def waits(self) -> list[float]:
        """Of all jobs but those of the first tenth, which find an empty pool, and the last twentieth."""
        count = len(self.runs)
        return [run.wait for run in self.runs[count // 10 : count - count // 20]]


def simulate(
    trace: Sequence[Job], *, gpus: int, pooled: bool, placement: Placement, keeps: Callable[[float], float]
) -> Outcome:
    """Lets a trace run to its end.

    Args:
        trace: Jobs by arrival.
        gpus: Of all tenants together, each with the same share.
        pooled: Whether tenants borrow.
        placement: Of the pods.
        keeps: How much of the progress since it was placed last a stopped run resumes with.
    """
    pool = _Pool(share=gpus // len(TENANTS), pooled=pooled, placement=placement, keeps=keeps)
    pool.free = [GPUS_OF_A_NODE] * (gpus // GPUS_OF_A_NODE)
    runs = [Run(job=job, left=job.duration) for job in trace]
    coming = iter(runs)
    following = next(coming, None)
    while following is not None or pool.ends:
        if following is not None and (not pool.ends or following.job.arrival <= pool.ends[0][0]):
            pool.now = following.job.arrival
            pool.queue(following)
            following = next(coming, None)
        elif not pool.end():
            continue
        pool.admit()
        pool.place()
    return Outcome(runs=runs)


@dataclass(kw_only=True)
class _Pool:
    share: int
    pooled: bool
    placement: Placement
    keeps: Callable[[float], float]
    now: float = 0.0
    free: list[int] = field(default_factory=list[int])
    """By node."""

    queues: Mapping[str, dict[int, deque[Run]]] = field(default_factory=lambda: {tenant: {} for tenant in TENANTS})
    """Jobs that are not admitted, by tenant and size, the oldest first."""

    used: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TENANTS, 0))
    """Quota, by tenant."""

    admitted: dict[str, list[Run]] = field(default_factory=lambda: {tenant: [] for tenant in TENANTS})
    unplaced: list[Run] = field(default_factory=list[Run])
    """Admitted and on no node, the oldest first."""

    ends: list[tuple[float, int, int, Run]] = field(default_factory=list[tuple[float, int, int, Run]])

    def queue(self, run: Run) -> None:
        waiting = self.queues[run.job.tenant].setdefault(run.job.gpus, deque())
        waiting.append(run)
        if len(waiting) > 1 and waiting[-2].job.number > run.job.number:
            # One that was stopped is as old as it was.
            self.queues[run.job.tenant][run.job.gpus] = deque(sorted(waiting, key=lambda one: one.job.number))

    def end(self) -> bool:
        """The next end; False where the run was stopped before."""
        when, _, attempt, run = heapq.heappop(self.ends)
        if attempt != run.attempt or run.started is None:
            return False
        self.now = run.ended = when
        self._release(run)
        return True

    def _release(self, run: Run) -> None:
        self.used[run.job.tenant] -= run.job.gpus
        self.admitted[run.job.tenant].remove(run)
        if run.started is not None:
            self.free[run.node] += run.job.gpus
        else:
            self.unplaced.remove(run)

    def admit(self) -> None:
        while True:
            nominated = [one for tenant in TENANTS if (one := self._nominee(tenant)) is not None]
            if not nominated:
                return
            _, _, run = min(nominated, key=lambda one: one[:2])
            for victim in self._victims(run):
                self._stop(victim)
            tenant = run.job.tenant
            self.queues[tenant][run.job.gpus].popleft()
            self.used[tenant] += run.job.gpus
            self.admitted[tenant].append(run)
            run.admitted = self.now
            self.unplaced.append(run)

    def _nominee(self, tenant: str) -> tuple[bool, int, Run] | None:
        """The tenant's oldest job that can be admitted: whether it borrows, its age and itself."""
        own = self.share - self.used[tenant]
        unused = self.share * len(TENANTS) - sum(self.used.values())
        heads = [waiting[0] for waiting in self.queues[tenant].values() if waiting]
        fitting = [run for run in heads if run.job.gpus <= (max(own, unused) if self.pooled else own)]
        if not fitting:
            return None
        run = min(fitting, key=lambda one: one.job.number)
        return run.job.gpus > own, run.job.number, run

    def _victims(self, run: Run) -> list[Run]:
        """Borrowers that have to make room for a job within its tenant's own share."""
        unused = self.share * len(TENANTS) - sum(self.used.values())
        used, victims = dict(self.used), list[Run]()
        others = (one for tenant in TENANTS if tenant != run.job.tenant for one in self.admitted[tenant])
        for other in sorted(others, key=lambda one: -one.admitted) if unused < run.job.gpus else ():
            if unused >= run.job.gpus:
                break
            if used[other.job.tenant] > self.share:
                used[other.job.tenant] -= other.job.gpus
                unused += other.job.gpus
                victims.append(other)
        # Those that turned out not to be needed stay, the oldest first.
        for spared in list(reversed(victims)):
            if unused - spared.job.gpus >= run.job.gpus:
                unused -= spared.job.gpus
                victims.remove(spared)
        return victims

    def _stop(self, run: Run) -> None:
        self._release(run)
        if run.started is not None:
            run.left -= self.keeps(self.now - run.started)
        run.started, run.attempt, run.stops = None, run.attempt + 1, run.stops + 1
        self.queue(run)

    def place(self) -> None:
        for run in list(self.unplaced):
            nodes = [node for node, free in enumerate(self.free) if free >= run.job.gpus]
            if not nodes:
                continue
            choose = min if self.placement == "packed" else max
            run.node = choose(nodes, key=lambda node: self.free[node])
            self.free[run.node] -= run.job.gpus
            self.unplaced.remove(run)
            run.started = self.now
            heapq.heappush(self.ends, (self.now + run.left, run.job.number, run.attempt, run))
            run.nodeless += self.now - run.admitted
