"""What the autoscaler needs to be able to work."""

import math
from collections.abc import Iterator
from datetime import date
from fractions import Fraction
from typing import Final

from infra.checks.report import error
from infra.finding import Finding
from infra.plan import Plan, saturation, tolerance
from infra.settings import Settings
from infra.settings.platform import ClusterSettings

_TOLERANCE_GATE: Final = ("HPAConfigurableTolerance", 35)
"""On by default from 1.35, off in 1.33 and 1.34 (https://kep.k8s.io/4951)."""

_ZERO_GATE: Final = ("HPAScaleToZero", 37)
"""On by default from 1.37, off since 1.16 (https://kep.k8s.io/2021)."""


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
        if model.autoscaling.looks_at_cpu and model.resources.cpu.amount <= 0:
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
        within = 1 + tolerance(bounds)
        scales = bounds.looks_at_cpu and bounds.min_replicas < bounds.max_replicas
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


def a_replica_carries_its_target(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """A replica can answer the requests per second that the autoscaler gives it."""
    for name, model in settings.models.items():
        target, load = model.autoscaling.targets.requests_per_second, model.load
        if target is not None and load is not None and target > load.per_replica:
            yield error(
                "requests-target",
                ("models", name, "autoscaling", "targets", "requestsPerSecond"),
                f"{target:g} requests/s for each replica > load.perReplica {load.per_replica:g}, which takes its whole "
                "CPU request",
                f"lower it below {load.per_replica:g}, by the share that an eviction or a late replica may take",
            )


def autoscalers_have_no_tolerance(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """An autoscaler that counts requests can be told to have no tolerance, so that rollouts leave no pods behind.

    A rollout's surge counts as replicas of the autoscaler's target. Within the tolerance of 10 % around the target the
    autoscaler keeps what it counts, so a rollout at full load would make the fleet larger for good, again and again.
    """
    without = "the autoscaler keeps its tolerance of 10 %, and each rollout at full load makes the fleet larger"
    words = _without_gate(settings.cluster, _TOLERANCE_GATE, without)
    for name, model in settings.models.items():
        if words is not None and model.autoscaling.targets.requests_per_second is not None:
            yield error("hpa-tolerance", ("models", name, "autoscaling", "targets", "requestsPerSecond"), *words)


def zero_is_possible(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """A model without pods has a target that needs none, on a cluster whose autoscaler can start from 0."""
    words = _without_gate(settings.cluster, _ZERO_GATE, "the API server refuses minReplicas 0")
    for name, model in settings.models.items():
        path = ("models", name, "autoscaling", "minReplicas")
        if model.autoscaling.min_replicas > 0:
            continue
        if model.autoscaling.targets.requests_per_second is None:
            yield error(
                "scale-to-zero",
                path,
                "minReplicas 0 with a target for CPU alone: at 0 pods no CPU is measured, and none ever starts again",
                "add targets.requestsPerSecond, or raise minReplicas to 1",
            )
        elif words is not None:
            yield error("scale-to-zero", path, *words)


def _without_gate(cluster: ClusterSettings, gate: tuple[str, int], without: str) -> tuple[str, str] | None:
    """What is wrong and what to do where a gate of Kubernetes is off, or where nobody says whether it is on.

    Args:
        cluster: Says its version and gates.
        gate: Its name, and the minor version of Kubernetes 1 from which it is on by default.
        without: What happens where it is off.
    """
    name, minor = gate
    version, on = cluster.kubernetes_version, cluster.feature_gates.get(name)
    if on or (on is None and version is not None and int(version.removeprefix("1.")) >= minor):
        return None
    turned_on = (
        f"turn the gate on in API server and controller manager and say so, cluster.featureGates {{{name}: true}}"
    )
    if version is None and on is None:
        message = f"needs Kubernetes 1.{minor}, or its feature gate {name}, and cluster.kubernetesVersion is missing"
        return f"{message}: without it {without}", f"state it, such as '1.{minor}'; below that {turned_on}"
    state = "off in cluster.featureGates" if on is False else f"off by default in {version} < 1.{minor}"
    return f"the feature gate {name} is {state}: {without}", f"use Kubernetes 1.{minor}, or {turned_on}"


def _share(of_request: Fraction) -> str:
    return f"{float(of_request * 100):.0f}%"
