"""What the autoscaler needs to be able to work."""

from collections.abc import Iterator
from datetime import date

from infra.checks.report import error
from infra.finding import Finding
from infra.plan import Plan
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
