"""Replicas carry the load that the stack file states, also after a jump, an eviction or a release."""

import math
from collections.abc import Iterator
from datetime import date
from fractions import Fraction

from infra.checks.report import error, warning
from infra.finding import Finding
from infra.plan import (
    CREATED_PER_SECOND,
    METRIC_LAG,
    SYNC,
    Plan,
    ScaleUp,
    capacity,
    largest_load,
    replicas_for,
    scale_up,
    weight_steps,
)
from infra.settings import Duration, ModelSettings, Percent, Settings
from infra.settings.workloads import Load, Track

_SHOWN = 6
"""Of what follows one another; those before the last are left out where there are more."""


def load_fits_the_maximum(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """The most replicas carry the largest stated load at the target, also where it comes twice, mirrored.

    A version with a smaller share must carry all of it: taking the other one back sends it everything at once.
    """
    for name, model, load in _loaded(settings):
        step, most = largest_load(load), model.autoscaling.max_replicas
        copied = max(100, *(track.load_share for _, track in model.tracks.named()))
        step = step * copied / 100
        needed = replicas_for(step, load, model)
        if needed > most:
            yield error(
                "scale-ceiling",
                ("models", name, "autoscaling", "maxReplicas"),
                f"{_number(step)} requests/s / {_each(load, model)} = {needed} replicas > maxReplicas {most}",
                f"raise maxReplicas to {needed}, or state a smaller load",
            )


def replicas_come_in_time(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """After a jump of the load to `step`, the autoscaler has enough replicas ready within `within`."""
    for name, model, load in _loaded(settings):
        rise = plan.models[name].scale_up
        if rise is None or load.within is None or rise.time <= load.within or not _reached(rise, model):
            continue
        yield error(
            "scale-time",
            ("models", name, "load", "within"),
            f"{_number(largest_load(load))} requests/s need {rise.replicas_needed} replicas: {_course(rise)}; "
            f"{_late(rise, model, load.within)}",
            ", or ".join(_remedies(model, load.within, rise.time)),
        )


def eviction_leaves_enough(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """Where a load is stated, the pods that stay when one is evicted carry it; a drained node evicts one at a time."""
    for name, model, load in _loaded(settings):
        rise = plan.models[name].scale_up
        if rise is None:
            continue
        usual, least = load.requests_per_second, model.autoscaling.min_replicas
        left = min(rise.replicas_before, model.autoscaling.max_replicas) - 1
        if least == 0 or (least > 1 and left * load.per_replica >= usual):  # 0: who asks first waits in any case
            continue
        wanted = max(2, math.ceil(Fraction(usual) / Fraction(load.per_replica)) + 1)
        said = (
            "with 1 replica an evicted pod leaves none"
            if least == 1
            else f"of {left + 1} replicas an eviction leaves {left} x {_number(load.per_replica)} = "
            f"{_number(left * load.per_replica)} requests/s < {_number(usual)}"
        )
        too = f" and maxReplicas to {wanted}" if wanted > model.autoscaling.max_replicas else ""
        yield warning(
            "eviction",
            ("models", name, "autoscaling", "minReplicas"),
            f"{said}, until another is ready {model.cold_start} later",
            f"raise minReplicas to {wanted}{too}",
        )


def traffic_moves_onto_enough(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """A released version, which starts with minReplicas, carries the share of the stated load that moves onto it.

    Of two tracks that is the canary: the stable one has its replicas already.
    """
    for name, model, load in _loaded(settings):
        first = plan.models[name].incoming
        track, served = model.tracks.named()[-1]
        share = Fraction(load.requests_per_second) * served.load_share / 100
        needed = math.ceil(share / Fraction(load.per_replica))
        if needed > first:
            yield warning(
                "track-load",
                ("models", name, "tracks", track),
                f"a release moves weight {served.load_share}% of {_number(load.requests_per_second)} requests/s = "
                f"{_number(float(share))} at once onto minReplicas {first} x {_number(load.per_replica)} = "
                f"{_number(first * load.per_replica)}",
                ", or ".join([f"raise autoscaling.minReplicas to {needed}", *_in_steps(model, track, served)]),
            )


def _in_steps(model: ModelSettings, track: str, served: Track) -> Iterator[str]:
    """Smaller steps to the same weight, where a gateway shares the requests, and does not copy them all."""
    steps = weight_steps(model, served.weight)
    if model.expose.gateway is None or served.load_share > served.weight or not steps:
        return
    come = "come" if track == "canary" else "let it come as a canary"
    weights = [f"{step}%" for step in steps]
    yield f"{come} in steps of {_some(weights)}, each when the replicas for the one before are ready"


def _loaded(settings: Settings) -> Iterator[tuple[str, ModelSettings, Load]]:
    """Models with a stated load whose autoscaler can work; for others a check has spoken already."""
    for name, model in settings.models.items():
        bounds = model.autoscaling
        works = bounds.min_replicas <= bounds.max_replicas and model.resources.cpu.amount > 0
        if model.load is not None and works:
            yield name, model, model.load


def _each(load: Load, model: ModelSettings) -> str:
    """What a replica takes at the target that counts."""
    targets, most = model.autoscaling.targets, capacity(load, model)
    if targets.requests_per_second is not None and most == Fraction(targets.requests_per_second):
        return f"targets.requestsPerSecond {_number(targets.requests_per_second)}"
    return f"(perReplica {_number(load.per_replica)} x target {targets.cpu} = {_number(float(most))})"


def _reached(rise: ScaleUp, model: ModelSettings) -> bool:
    """Neither maxReplicas nor the target's head-room stops it; that is for other checks to say."""
    return rise.replicas_needed <= model.autoscaling.max_replicas


def _remedies(model: ModelSettings, within: Duration, time: Duration) -> Iterator[str]:
    bounds = model.autoscaling
    counts_requests = bounds.targets.requests_per_second is not None
    for target in () if counts_requests else range(bounds.targets.cpu.value - 1, 0, -1):
        cpu = bounds.targets.model_copy(update={"cpu": Percent(target)})
        if _in_time(model.model_copy(update={"autoscaling": bounds.model_copy(update={"targets": cpu})}), within):
            yield f"lower autoscaling.targets.cpu to {target}%"
            break
    for least in range(bounds.min_replicas + 1, bounds.max_replicas + 1):
        more = bounds.model_copy(update={"min_replicas": least})
        if _in_time(model.model_copy(update={"autoscaling": more}), within):
            yield f"raise autoscaling.minReplicas to {least}"
            break
    yield f"allow {time}"


def _in_time(model: ModelSettings, within: Duration) -> bool:
    rise = scale_up(model)
    return rise is not None and rise.time <= within and _reached(rise, model)


def _late(rise: ScaleUp, model: ModelSettings, within: Duration) -> str:
    """What the time is made of."""
    rounds = len(rise.steps) - 1
    over = f"= {rise.time} > within {within}"
    if rise.growth is None:
        started = rise.replicas_after - rise.replicas_before
        once = f"coldStart {model.cold_start} + {METRIC_LAG} until it shows + {SYNC} between two looks"
        return f"{rounds} x ({once}) + {started} pods at {CREATED_PER_SECOND} a second {over}"
    return (
        f"{rounds} round{'s' if rounds > 1 else ''} {over}, since a round can multiply the replicas by "
        f"{rise.growth:.2f} at most and waits for the one before"
    )


def _course(rise: ScaleUp) -> str:
    """The rounds of the autoscaler."""
    words = [f"{step.replicas} at {Duration.parse(f'{step.seconds}s')}" for step in rise.steps[1:]]
    return f"{rise.replicas_before}, then {_some(words)}"


def _some(words: list[str]) -> str:
    return ", ".join([*words[: _SHOWN - 1], "…", words[-1]] if len(words) > _SHOWN else words)


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
