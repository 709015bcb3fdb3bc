"""What the autoscaler needs to be able to work."""

import math
from collections.abc import Iterator
from datetime import date
from fractions import Fraction

from infra.checks.report import error
from infra.finding import Finding
from infra.plan import TOLERANCE, Plan, saturation
from infra.settings import Settings


def autoscaling_bounds(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """The minimum is not above the maximum; the API server refuses such an autoscaler."""
    for name, model in settings.models.items():
        least, most = model.autoscaling.min_replicas, model.autoscaling.max_replicas
        if least > most:
            yield error(
                "autoscaling-bounds",
                ("models", name, "autoscaling", "minReplicas"),
                f"minReplicas {least} > maxReplicas {most}",
                f"lower minReplicas to {most}, or raise maxReplicas to {least}",
            )


def cpu_target_has_a_request(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """A CPU target is a share of the pods' CPU request, so there must be one."""
    for name, model in settings.models.items():
        if model.resources.cpu.amount <= 0:
            yield error(
                "cpu-target",
                ("models", name, "resources", "cpu"),
                f"autoscaling.targets.cpu is {model.autoscaling.targets.cpu} of the request, and the request is "
                f"{model.resources.cpu}",
                "request what a pod needs under load, such as 500m",
            )


def target_leaves_head_room(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """A pod can be busy enough, up to its CPU limit, for the autoscaler to see it and act."""
    for name, model in settings.models.items():
        bounds, target = model.autoscaling, model.autoscaling.targets.cpu
        busiest = saturation(model)
        within = 1 + TOLERANCE
        scales = bounds.min_replicas < bounds.max_replicas
        if not scales or busiest < 1 or busiest * 100 / target.value > within:  # below 1 is for `limits` to say
            continue
        possible = math.ceil(busiest * 100 / within) - 1
        lower = [f"lower the target to {possible}%"] if possible else []
        limit = model.resources.limit.cpu
        yield error(
            "head-room",
            ("models", name, "autoscaling", "targets", "cpu"),
            f"a pod busy to its limit {limit} uses {_share(busiest)} of its request {model.resources.cpu}, "
            f"{float(busiest * 100 / target.value):.2f} times the target {target}: the autoscaler does nothing up to "
            f"{float(within)} times",
            ", or ".join([*lower, "raise resources.limits.cpu"]),
        )


def _share(of_request: Fraction) -> str:
    return f"{float(of_request * 100):.0f}%"
