"""How long the autoscaler takes from a jump of the load until enough replicas are ready.

A CPU target saturates: however large the load, a pod cannot use more CPU than its limit, so a round of the autoscaler
multiplies the replicas by `(limit / request) / target` at most, and pods that are not ready yet count as idle, so the
next round waits for them
(https://kubernetes.io/docs/concepts/workloads/autoscaling/horizontal-pod-autoscale/#algorithm-details).
"""

import math
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from fractions import Fraction
from typing import Final

from infra.settings import Duration, ModelSettings
from infra.settings.workloads import Load

SYNC: Final = Duration.parse("15s")
"""Between two looks of the autoscaler (kube-controller-manager, --horizontal-pod-autoscaler-sync-period)."""

METRIC_LAG: Final = Duration.parse("30s")
"""Until use shows in the metrics: metrics-server looks every 15 s, and a rate needs two looks."""

SCALE_UP_PERCENT: Final = 900
SCALE_UP_PODS: Final = 4
"""The autoscaler may add the larger of the two in 15 s: no brake in practice."""

TOLERANCE: Final = Fraction(1, 10)
"""Nothing is done within it (--horizontal-pod-autoscaler-tolerance)."""

_CREATED_PER_SECOND: Final = 20
"""Pods that kube-controller-manager creates at its default client rate (--kube-api-qps)."""


@dataclass(frozen=True, kw_only=True)
class ScaleStep:
    """One round of the autoscaler."""

    seconds: int
    """Since the load jumped."""

    replicas: int
    """Ready then."""


@dataclass(frozen=True, kw_only=True)
class ScaleUp:
    """From the usual load to the stated step."""

    replicas_before: int
    replicas_needed: int
    """For the step at the target; may be above maxReplicas."""

    steps: tuple[ScaleStep, ...]
    """The first is the jump itself. The last is where the autoscaler stops, at maxReplicas at most."""

    capacity_per_replica: float
    """Requests per second of one replica at the target."""

    growth: float
    """What one round can multiply the replicas by."""

    @property
    def time(self) -> Duration:
        """From the jump until the last replicas are ready."""
        return Duration(Decimal(self.steps[-1].seconds))

    @property
    def replicas_after(self) -> int:
        """Where the autoscaler stops."""
        return self.steps[-1].replicas


def replicas_for(requests_per_second: float, load: Load, model: ModelSettings) -> int:
    """Replicas that answer so many requests at the CPU target."""
    target = Fraction(model.autoscaling.targets.cpu.value, 100)
    return math.ceil(Fraction(requests_per_second) / (Fraction(load.per_replica) * target))


def scale_up(model: ModelSettings) -> ScaleUp | None:
    """The rounds that follow a jump of the load; None where the stack file states no load."""
    load = model.load
    if load is None:
        return None
    least, most = model.autoscaling.min_replicas, model.autoscaling.max_replicas
    step = Fraction(load.step or load.requests_per_second)
    target = Fraction(model.autoscaling.targets.cpu.value, 100)
    most_use = saturation(model)
    before = max(least, min(most, replicas_for(load.requests_per_second, load, model)))
    replicas, seconds, steps = before, Decimal(0), [ScaleStep(seconds=0, replicas=before)]
    while True:
        use = min(most_use, step / (replicas * Fraction(load.per_replica)))
        wanted = min(most, _allowed(replicas), math.ceil(replicas * use / target))
        if use / target <= 1 + TOLERANCE or wanted <= replicas:
            break
        created = Decimal(wanted - replicas) / _CREATED_PER_SECOND
        seconds += model.cold_start.seconds + METRIC_LAG.seconds + SYNC.seconds + created
        replicas = wanted
        steps.append(ScaleStep(seconds=int(seconds.to_integral_value(ROUND_CEILING)), replicas=replicas))
    return ScaleUp(
        replicas_before=before,
        replicas_needed=max(least, replicas_for(float(step), load, model)),
        steps=tuple(steps),
        capacity_per_replica=float(Fraction(load.per_replica) * target),
        growth=float(most_use / target),
    )


def saturation(model: ModelSettings) -> Fraction:
    """Most CPU a pod can use, as a share of its request."""
    request = Fraction(model.resources.cpu.amount)
    return Fraction(model.resources.limit.cpu.amount) / request if request else Fraction(1)


def _allowed(replicas: int) -> int:
    return replicas + max(replicas * SCALE_UP_PERCENT // 100, SCALE_UP_PODS)
