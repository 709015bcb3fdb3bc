"""The HorizontalPodAutoscaler of a version: up at once and by as much as is asked for, down slowly.

Two targets are two metrics, of which the one that wants more replicas counts. While one of them cannot be read, the
other may still add replicas, and none are taken away: "If any of these metrics cannot be converted into a desired
replica count … and a scale down is suggested by the metrics which can be fetched, scaling is skipped"
(https://kubernetes.io/docs/concepts/workloads/autoscaling/horizontal-pod-autoscale/#algorithm-details).
"""

from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from pulumi_kubernetes.autoscaling.v2 import (
    CrossVersionObjectReferenceArgs,
    ExternalMetricSourceArgs,
    HorizontalPodAutoscalerBehaviorArgs,
    HorizontalPodAutoscalerSpecArgs,
    HPAScalingPolicyArgs,
    HPAScalingRulesArgs,
    MetricIdentifierArgs,
    MetricSpecArgs,
    MetricTargetArgs,
    ResourceMetricSourceArgs,
)
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs

from infra.plan import SCALE_UP_PERCENT, ModelPlan, tolerance
from infra.settings.monitoring import REQUESTS
from infra.settings.workloads import Autoscaling

_STABILIZATION_SECONDS: Final = 300
"""Down only to the most that was wanted so long, since a lost GPU pod is minutes away."""


def spec(model: str, version: int, autoscaling: Autoscaling, plan: ModelPlan) -> HorizontalPodAutoscalerSpecArgs:
    """Of the Deployment `<model>-v<version>`."""
    # The cluster's own where the plan has one; a number here needs a feature gate, see the check `hpa-tolerance`.
    tolerated = None if tolerance(autoscaling) else "0"
    return HorizontalPodAutoscalerSpecArgs(
        scale_target_ref=CrossVersionObjectReferenceArgs(
            api_version="apps/v1", kind="Deployment", name=f"{model}-v{version}"
        ),
        min_replicas=autoscaling.min_replicas,
        max_replicas=autoscaling.max_replicas,
        metrics=list(_metrics(model, version, autoscaling)),
        behavior=HorizontalPodAutoscalerBehaviorArgs(
            scale_up=HPAScalingRulesArgs(
                stabilization_window_seconds=0,
                select_policy="Max",
                policies=[
                    HPAScalingPolicyArgs(type="Percent", value=SCALE_UP_PERCENT, period_seconds=15),
                    HPAScalingPolicyArgs(type="Pods", value=plan.scale_up_pods, period_seconds=15),
                ],
                tolerance=tolerated,
            ),
            scale_down=HPAScalingRulesArgs(
                stabilization_window_seconds=_STABILIZATION_SECONDS,
                select_policy="Max",
                policies=[
                    HPAScalingPolicyArgs(type="Percent", value=10, period_seconds=60),
                    HPAScalingPolicyArgs(type="Pods", value=1, period_seconds=60),
                ],
                tolerance=tolerated,
            ),
        ),
    )


def _metrics(model: str, version: int, autoscaling: Autoscaling) -> Iterator[MetricSpecArgs]:
    targets = autoscaling.targets
    if targets.requests_per_second is not None:
        selector = LabelSelectorArgs(match_labels={"model": model, "version": str(version)})
        each = MetricTargetArgs(type="AverageValue", average_value=quantity(targets.requests_per_second))
        metric = MetricIdentifierArgs(name=REQUESTS, selector=selector)
        yield MetricSpecArgs(type="External", external=ExternalMetricSourceArgs(metric=metric, target=each))
    if autoscaling.looks_at_cpu:
        use = MetricTargetArgs(type="Utilization", average_utilization=targets.cpu.value)
        yield MetricSpecArgs(type="Resource", resource=ResourceMetricSourceArgs(name="cpu", target=use))


def quantity(number: float) -> str:
    """A whole number, or in thousandths, which is as exact as the autoscaler computes; it refuses 0."""
    thousandths = max(1, int((Decimal(str(number)) * 1000).to_integral_value(ROUND_HALF_UP)))
    whole, rest = divmod(thousandths, 1000)
    return f"{thousandths}m" if rest else str(whole)
