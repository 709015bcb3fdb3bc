"""A pod leaves only after its last request was answered."""

from collections.abc import Iterator
from datetime import date

from infra.checks.report import error
from infra.finding import Finding
from infra.plan import GRACE_MARGIN, Plan
from infra.settings import Settings


def drain_fits(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """The grace period covers the drain, and the cluster's nodes grant that long."""
    longest = settings.cluster.max_grace_period
    for name, model in settings.models.items():
        needed = plan.models[name].needed_grace
        given = model.drain.grace_period
        age = f"grpc.maxConnectionAge and a tenth {plan.models[name].connection_age} + " if model.grpc else ""
        total = (
            f"propagation {model.drain.propagation} + {age}requestTimeout {model.request_timeout} + {GRACE_MARGIN} "
            f"margin = {needed}"
        )
        if given is not None and given < needed:
            yield error(
                "drain",
                ("models", name, "drain", "gracePeriod"),
                f"{total} > gracePeriod {given}: a pod would be killed with requests in flight",
                f"raise gracePeriod to {needed}, or leave it out",
            )
        if needed > longest:
            yield error(
                "drain",
                ("models", name, "requestTimeout"),
                f"{total} > cluster.maxGracePeriod {longest}: a leaving node would kill pods with requests in flight",
                f"lower requestTimeout{', grpc.maxConnectionAge' if model.grpc else ''} or drain.propagation, or raise "
                f"cluster.maxGracePeriod to {needed} where the "
                "nodes grant it",
            )
