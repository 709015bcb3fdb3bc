"""`python -m tests.bench.capacity PICTURE`: the load that four tenants' GPUs carry, apart and pooled, by simulation.

Prints a table, and draws the wait over the load. All waits are those that nine jobs of ten stay below, in mean runs.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from tests.bench import erlang
from tests.bench.jobs import SHARES, SIZES, TENANTS, Pattern, jobs
from tests.bench.picture import Curve, Panel, drawn
from tests.bench.simulation import Outcome, Placement, simulate

POOLS: Final = (16, 32, 64)
"""GPUs, on nodes of 8."""
WAITS: Final = (0.25, 1.0)
"""What users would bear, at which loads are compared."""
CHECKPOINT: Final = 0.05
"""Between two checkpoints: 3 minutes of an hour's run. A stopped run loses what it did since the last one."""
DRAWN: Final[Pattern] = "bursty"
_JOBS: Final = 4000
_SEEDS: Final = range(5)
_HIGHEST: Final = 2.0
"""Of the picture."""


@dataclass(frozen=True, kw_only=True)
class Carried:
    """Loads at the same wait."""

    pattern: Pattern
    gpus: int
    wait: float
    static: float
    packed: float
    spread: float

    @property
    def gain(self) -> float:
        """Of the pool, packed."""
        return self.packed / self.static

    @property
    def bound(self) -> float:
        """The gain by Erlang's formula."""
        return erlang.carried(self.gpus, self.wait) / erlang.carried(self.gpus // len(TENANTS), self.wait)

    def row(self) -> str:
        return (
            f"{self.pattern:<8}{self.gpus:>5}{self.wait:>6.2f}{self.static:>9.1%}{self.packed:>9.1%}{self.gain:>7.2f}"
            f"{self.bound:>8.2f}{self.spread:>9.1%}{self.spread / self.static:>7.2f}"
        )


HEADER: Final = (
    f"{'tenants':<8}{'GPUs':>5}{'p90':>6}{'static':>9}{'pool':>9}{'gain':>7}{'Erlang':>8}{'spread':>9}{'gain':>7}"
)


@cache
def outcomes(pattern: Pattern, gpus: int, percent: int, *, pooled: bool, placement: Placement) -> list[Outcome]:
    """Of one trace for each seed, at a load of so many percent."""
    return [
        simulate(
            jobs(gpus=gpus, load=percent / 100, pattern=pattern, seed=seed, number=_JOBS),
            gpus=gpus,
            pooled=pooled,
            placement=placement,
            keeps=lambda progress: progress - progress % CHECKPOINT,
        )
        for seed in _SEEDS
    ]


@cache
def tail(pattern: Pattern, gpus: int, percent: int, *, pooled: bool, placement: Placement) -> float:
    """The wait of all seeds together."""
    waits = sorted(
        wait
        for outcome in outcomes(pattern, gpus, percent, pooled=pooled, placement=placement)
        for wait in outcome.waits()
    )
    return waits[int(len(waits) * 0.9)]


def carried(pattern: Pattern, gpus: int, wait: float) -> Carried:
    """What the same GPUs carry as static quotas, as a pool that is packed, and as one that is spread."""

    def load(*, pooled: bool, placement: Placement) -> float:
        low, high = 1, 99
        while high - low > 1:
            middle = (low + high) // 2
            bearable = tail(pattern, gpus, middle, pooled=pooled, placement=placement) <= wait
            low, high = (middle, high) if bearable else (low, middle)
        below, above = (tail(pattern, gpus, percent, pooled=pooled, placement=placement) for percent in (low, high))
        return (low + (wait - below) / (above - below)) / 100

    return Carried(
        pattern=pattern,
        gpus=gpus,
        wait=wait,
        static=load(pooled=False, placement="packed"),
        packed=load(pooled=True, placement="packed"),
        spread=load(pooled=True, placement="spread"),
    )


def table() -> Iterator[Carried]:
    """Every pattern, pool and wait."""
    for pattern in SHARES:
        for gpus in POOLS:
            for wait in WAITS:
                yield carried(pattern, gpus, wait)


@dataclass(frozen=True, kw_only=True)
class Fragmented:
    """What a pool loses to GPUs that are free on too many nodes."""

    gpus: int
    percent: int
    """Of load."""

    placement: Placement
    large: float
    """Share of the largest jobs that were admitted and had to wait for a node."""

    stuck: float
    """GPU time that admitted jobs held without a node, as a share of the GPU time of all runs."""

    @classmethod
    def of(cls, gpus: int, percent: int, placement: Placement) -> "Fragmented":
        found = outcomes(DRAWN, gpus, percent, pooled=True, placement=placement)
        large = [run for outcome in found for run in outcome.runs if run.job.gpus == max(SIZES)]
        return cls(
            gpus=gpus,
            percent=percent,
            placement=placement,
            large=sum(run.nodeless > 0 for run in large) / len(large),
            stuck=sum(outcome.stuck for outcome in found) / len(found),
        )

    def row(self) -> str:
        return f"{self.gpus:>5}{self.percent:>6}%  {self.placement:<8}{self.large:>12.0%}{self.stuck:>10.1%}"


FRAGMENTED_HEADER: Final = f"{'GPUs':>5}{'load':>7}  {'placed':<8}{'no node':>12}{'GPU time':>10}"


def panel(gpus: int) -> Panel:
    """The wait over the load for one pool."""

    def curve(name: str, *, pooled: bool, placement: Placement) -> Curve:
        points = list[tuple[float, float]]()
        for percent in range(2, 100, 4):
            points.append((percent / 100, tail(DRAWN, gpus, percent, pooled=pooled, placement=placement)))
            if points[-1][1] > _HIGHEST:
                break
        return Curve(name=name, points=points)

    curves = [
        curve("static quotas", pooled=False, placement="packed"),
        curve("pool, spread", pooled=True, placement="spread"),
        curve("pool, packed", pooled=True, placement="packed"),
    ]
    return Panel(title=f"{gpus} GPUs", curves=curves)


def main(arguments: Sequence[str]) -> int:
    """Prints and draws."""
    print(HEADER)
    for one in table():
        print(one.row(), flush=True)
    print("", FRAGMENTED_HEADER, sep="\n")
    for gpus in (32, 64):
        for placement in ("packed", "spread"):
            print(Fragmented.of(gpus, 50, placement).row())
    panels = [panel(gpus) for gpus in POOLS]
    Path(arguments[0]).write_text(drawn(panels, highest=_HIGHEST), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
