"""A change of the pods comes to its end, and what it takes away meanwhile is known."""

from collections.abc import Iterator
from datetime import date
from typing import Final

from infra.checks.report import error, warning
from infra.finding import Finding
from infra.plan import CREATED_PER_SECOND, ModelPlan, Plan
from infra.settings import Duration, ModelSettings, Settings

_LONGEST: Final = Duration.parse("6h")
"""After which GitHub ends a job on its own machines, and leaves an update undone and its stack locked
(https://docs.github.com/en/actions/reference/limits)."""


def usual_start_is_shorter(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """A pod's usual start is not longer than its longest, after which the kubelet kills it and the rollout fails."""
    for name, model in settings.models.items():
        stated = "cold_start" in model.model_fields_set
        if stated and model.cold_start > model.startup:
            yield error(
                "start-up",
                ("models", name, "startup"),
                f"coldStart {model.cold_start} > startup {model.startup}: pods would be killed while they still start",
                f"raise startup well above {model.cold_start}, or correct coldStart",
            )


def rollouts_end_in_time(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """A change of all pods of a model at its maximum takes no longer than CI grants a job that waits for it."""
    for name, model in settings.models.items():
        figures, rollout = plan.models[name], plan.models[name].rollout
        if rollout.time <= _LONGEST:
            continue
        most = model.autoscaling.max_replicas
        # No exchange takes longer than that of all pods.
        waves = int((_LONGEST.seconds - 2 * most // CREATED_PER_SECOND) // rollout.wave.seconds)
        key = "maxSurge" if figures.surge else "maxUnavailable"
        yield warning(
            "rollout-time",
            ("models", name, "rollout", key),
            f"{most} replicas, {figures.at_a_time} at a time: {rollout.waves} waves x ({_wave(model, figures)})"
            f"{_exchange(figures)} = {rollout.time} > {_LONGEST}; the engine waits up to "
            f"{figures.rollout_timeout}, if each starts as slowly as startup allows",
            f"raise {key} to {-(-most // waves)}" if waves > 0 else "lower coldStart",
        )


def rollouts_go_one_way(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """A change of the pods either adds new ones first or takes old ones first: it can start, and costs no more."""
    for name, model in settings.models.items():
        surge, missing = model.rollout.max_surge, model.rollout.max_unavailable
        location = ("models", name, "rollout", "maxUnavailable")
        if surge == 0 and missing == 0:
            yield error(
                "rollout-step",
                location,
                "maxSurge 0 and maxUnavailable 0: no pod could be replaced, and the API server refuses it",
                "raise maxUnavailable to 1, or maxSurge to 1 where there is room for one more pod",
            )
        elif surge != 0 and missing != 0:
            yield error(
                "rollout-step",
                location,
                f"maxSurge {surge} and maxUnavailable {missing}: where a surge has room, no pod need be missing",
                "set maxSurge to 0 on a pool without room, or leave maxUnavailable out",
            )


def dips_are_known(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """Where a change of the pods takes old ones first, what is left meanwhile is said beside the stated load."""
    for name, model in settings.models.items():
        figures = plan.models[name]
        if figures.unavailable:
            yield warning(
                "capacity-dip",
                ("models", name, "rollout", "maxUnavailable"),
                f"for {figures.rollout.time}, {figures.rollout.waves} x ({_wave(model, figures)})"
                f"{_exchange(figures)}, "
                f"{_dip(model, figures)}",
                "roll out when that is enough, or set maxSurge to 1 and leave maxUnavailable out where there is room "
                "for one more pod",
            )


def _dip(model: ModelSettings, figures: ModelPlan) -> str:
    rise, load = figures.scale_up, model.load
    if rise is None or load is None:
        most, least = model.autoscaling.max_replicas, model.autoscaling.min_replicas
        return f"{_fall(most, figures)} at maxReplicas, {_fall(least, figures)} at minReplicas"
    left = max(0, rise.replicas_before - figures.unavailable)
    carried = left * load.per_replica
    return (
        f"{_fall(rise.replicas_before, figures)}: {left} x perReplica {load.per_replica:g} = {carried:g} "
        f"requests/s {'<' if carried < load.requests_per_second else '>='} {load.requests_per_second:g} that "
        "load states"
    )


def _fall(replicas: int, figures: ModelPlan) -> str:
    return f"ready replicas fall from {replicas} to {max(0, replicas - figures.unavailable)}"


def _wave(model: ModelSettings, figures: ModelPlan) -> str:
    drain = "" if figures.surge else f"grace {figures.grace} + "
    return f"{drain}coldStart {model.cold_start} + {figures.min_ready} minReadySeconds"


def _exchange(figures: ModelPlan) -> str:
    seconds = figures.rollout.exchange
    return f" + {seconds} to delete and create {figures.at_a_time} pods" if seconds.seconds else ""
