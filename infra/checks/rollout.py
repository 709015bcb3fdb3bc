"""A change of the pods comes to its end."""

from collections.abc import Iterator
from datetime import date
from typing import Final

from infra.checks.report import error, warning
from infra.finding import Finding
from infra.plan import Plan
from infra.settings import Duration, Settings

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
        waves = int(_LONGEST.seconds // rollout.wave.seconds)
        yield warning(
            "rollout-time",
            ("models", name, "rollout", "maxSurge"),
            f"{most} replicas, {figures.surge} at a time: {rollout.waves} waves x (coldStart {model.cold_start} + "
            f"{figures.min_ready} minReadySeconds) = {rollout.time} > {_LONGEST}; the engine waits up to "
            f"{figures.rollout_timeout}, if each starts as slowly as startup allows",
            f"raise maxSurge to {-(-most // waves)}" if waves else "lower coldStart",
        )
