"""Pictures over time: how a change rolls out, how a fleet follows its load. Places are percent of the picture."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Final

from infra.plan import ModelPlan, ScaleUp
from infra.settings import Duration, ModelSettings
from infra.settings.workloads import Autoscaling, Load
from ops.reporting.amounts import number, share, span

_ROWS: Final = 20
"""Waves that are drawn one by one; more are drawn together."""

_STEPS: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 43200, 86400)
"""Distances of marks on a time axis, in seconds."""

_MARKS: Final = 6

_SHORTEST: Final = Decimal(60)
"""Seconds that a picture shows at least."""


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A place on an axis."""

    at: float
    text: str


@dataclass(frozen=True, kw_only=True)
class Wave:
    """Some pods of a rollout."""

    label: str
    start: float
    starting: float
    """Width of their start until they are available."""

    draining: float
    """Width of the drain of those they take the place of, which follows."""


@dataclass(frozen=True, kw_only=True)
class RolloutPicture:
    """A change of all pods at maxReplicas: the expected course, and what the engine waits for at most."""

    waves: tuple[Wave, ...]
    marks: tuple[Mark, ...]
    expected: str
    longest: str
    expected_share: float
    """Percent of the longest."""

    said: str


@dataclass(frozen=True, kw_only=True)
class Level:
    """Where a number of replicas becomes ready, and what it carries with all its CPU busy."""

    at: float
    up: float
    """From below."""

    replicas: int


@dataclass(frozen=True, kw_only=True)
class ScalePicture:
    """Load and what the fleet can carry, over time since the load jumped."""

    load: str
    """Points of an SVG polyline in a box of 100 x 100; so are the next."""

    at_target: str
    at_full: str
    within: float | None
    """Where the stated time ends."""

    time_marks: tuple[Mark, ...]
    load_marks: tuple[Mark, ...]
    """From below."""

    levels: tuple[Level, ...]

    verdict: str
    carries: bool
    """Whether the fleet carries the load, in the stated time where there is one."""

    said: str


def rollout_picture(model: ModelSettings, plan: ModelPlan) -> RolloutPicture:
    """The waves of a rollout."""
    expected, waves = plan.rollout.time.seconds, plan.rollout.waves
    whole = expected + plan.grace.seconds
    exchange = plan.rollout.exchange
    apart = f", and {span(exchange)} to delete and create so many" if exchange.seconds else ""
    said = (
        f"{waves} waves of {plan.at_a_time} at {span(plan.rollout.wave)} each{apart}: {span(plan.rollout.time)} "
        f"expected; the engine waits {span(plan.rollout_timeout)} at most"
    )
    return RolloutPicture(
        waves=tuple(_waves(model, plan, whole)),
        marks=_time_marks(whole),
        expected=span(plan.rollout.time),
        longest=span(plan.rollout_timeout),
        expected_share=share(expected, plan.rollout_timeout.seconds),
        said=said,
    )


def _waves(model: ModelSettings, plan: ModelPlan, whole: Decimal) -> Iterator[Wave]:
    together = math.ceil(plan.rollout.waves / _ROWS)
    most = model.autoscaling.max_replicas
    for first in range(0, plan.rollout.waves, together):
        last = min(first + together, plan.rollout.waves)
        pods = f"{first * plan.at_a_time + 1}-{min(last * plan.at_a_time, most)}"
        yield Wave(
            label=pods if last * plan.at_a_time > first * plan.at_a_time + 1 else pods.partition("-")[0],
            start=share(plan.rollout.wave.seconds * first, whole),
            starting=share(plan.rollout.wave.seconds * (last - first), whole),
            # Without a surge the old pods drain first, which is part of the wave.
            draining=share(plan.grace.seconds if plan.surge else Decimal(0), whole),
        )


def scale_picture(model: ModelSettings, load: Load, scale: ScaleUp) -> ScalePicture:
    """How the autoscaler follows the stated step of the load."""
    step, within = load.step or load.requests_per_second, load.within
    end = max(scale.time.seconds, within.seconds if within else _SHORTEST, _SHORTEST)
    before, right = end / 12, end * Decimal("1.06")
    whole = before + right
    top = 1.1 * max(step, scale.replicas_after * load.per_replica)

    def across(seconds: Decimal | int) -> float:
        return share(before + seconds, whole)

    def up(requests: float) -> float:
        return round(100 * requests / top, 2)

    def capacity(each: float) -> str:
        places: list[tuple[float, float]] = [(0, up(scale.steps[0].replicas * each))]
        for old, new in pairwise(scale.steps):
            places += [(across(new.seconds), up(old.replicas * each)), (across(new.seconds), up(new.replicas * each))]
        return _points([*places, (100, up(scale.replicas_after * each))])

    usual = up(load.requests_per_second)
    verdict = _verdict(model, load, scale)
    return ScalePicture(
        load=_points([(0, usual), (across(0), usual), (across(0), up(step)), (100, up(step))]),
        at_target=capacity(scale.capacity_per_replica),
        at_full=capacity(load.per_replica),
        within=across(within.seconds) if within else None,
        time_marks=tuple(Mark(at=across(seconds), text=text) for seconds, text in _ticks(right)),
        load_marks=tuple(Mark(at=up(each), text=number(each)) for each in _round_numbers(top)),
        levels=tuple(
            Level(at=across(each.seconds), up=up(each.replicas * load.per_replica), replicas=each.replicas)
            for each in scale.steps
        ),
        verdict=verdict,
        carries=carries(load, scale),
        said=verdict + ": " + ", ".join(f"{each.replicas} replicas after {each.seconds} s" for each in scale.steps),
    )


def carries(load: Load, scale: ScaleUp) -> bool:
    """Whether the fleet comes to carry the step, in the stated time where there is one."""
    return scale.replicas_after >= scale.replicas_needed and (load.within is None or scale.time <= load.within)


def _verdict(model: ModelSettings, load: Load, scale: ScaleUp) -> str:
    step = number(load.step or load.requests_per_second)
    if scale.replicas_after < scale.replicas_needed:
        return (
            f"{step} requests per second need {scale.replicas_needed} replicas at the target of "
            f"{target_words(model.autoscaling)}, the autoscaler stops at {scale.replicas_after}"
        )
    stated = f", stated: within {span(load.within)}" if load.within else ""
    if not scale.time.seconds:
        return f"the {scale.replicas_before} replicas of the usual load carry {step} requests per second already"
    return f"from {scale.replicas_before} to {scale.replicas_after} replicas in {span(scale.time)}{stated}"


def target_words(autoscaling: Autoscaling) -> str:
    """What the autoscaler keeps, in words."""
    targets = autoscaling.targets
    words = (
        [] if targets.requests_per_second is None else [f"{number(targets.requests_per_second)} requests per second"]
    )
    return " or ".join([*words, *([f"{targets.cpu} CPU"] if autoscaling.looks_at_cpu else [])])


def _points(places: list[tuple[float, float]]) -> str:
    """SVG counts from above."""
    return " ".join(f"{x:g},{round(100 - y, 2):g}" for x, y in places)


def _time_marks(whole: Decimal) -> tuple[Mark, ...]:
    return tuple(Mark(at=share(Decimal(seconds), whole), text=text) for seconds, text in _ticks(whole))


def _ticks(whole: Decimal) -> Iterator[tuple[int, str]]:
    distance = next((step for step in _STEPS if whole / step <= _MARKS), _STEPS[-1])
    for seconds in range(0, int(whole) + 1, distance):
        yield seconds, span(Duration(Decimal(seconds))) if seconds else "0"


def _round_numbers(top: float) -> Iterator[float]:
    power = 10 ** math.floor(math.log10(top))
    distance = next(power * step for step in (0.2, 0.25, 0.5, 1, 2) if top / (power * step) < _MARKS)
    for index in range(int(top / distance) + 1):
        yield index * distance
