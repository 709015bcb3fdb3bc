"""How long the autoscaler takes from a jump of the load until enough replicas are ready.

A CPU target saturates: however large the load, a pod cannot use more CPU than its limit, so a round of the autoscaler
multiplies the replicas by `(limit / request) / target` at most, and pods that are not ready yet count as idle, so the
next round waits for them
(https://kubernetes.io/docs/concepts/workloads/autoscaling/horizontal-pod-autoscale/#algorithm-details).

Requests that arrive do not saturate, and have no pods that could be unready: one round asks for as many replicas as
the load needs. So no round needs another, where the autoscaler may add that many at once.
"""

import math
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from fractions import Fraction
from typing import Final

from infra.settings import Duration, ModelSettings
from infra.settings.workloads import Autoscaling, Load

SYNC: Final = Duration.parse("15s")
"""Between two looks of the autoscaler (kube-controller-manager, --horizontal-pod-autoscaler-sync-period)."""

METRIC_LAG: Final = Duration.parse("30s")
"""Until use or requests show in the metrics: metrics-server looks every 15 s, and a rate needs two looks; the requests
of docs/scaling.md are scraped and summed up every 5 s, and are a rate over 20 s."""

SCALE_UP_PERCENT: Final = 900
SCALE_UP_PODS: Final = 4
"""The autoscaler may add the larger of the two in 15 s: no brake in practice."""

_TOLERANCE: Final = Fraction(1, 10)
"""Nothing is done within it (--horizontal-pod-autoscaler-tolerance)."""

CREATED_PER_SECOND: Final = 20
"""Pods that kube-controller-manager creates or deletes at its default client rate (--kube-api-qps)."""


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
    """For the step at the targets; may be above maxReplicas."""

    steps: tuple[ScaleStep, ...]
    """The first is the jump itself. The last is where the autoscaler stops, at maxReplicas at most."""

    capacity_per_replica: float
    """Requests per second of one replica at the targets."""

    growth: float | None
    """What one round can multiply the replicas by; None where it counts requests, which do not saturate."""

    @property
    def time(self) -> Duration:
        """From the jump until the last replicas are ready."""
        return Duration(Decimal(self.steps[-1].seconds))

    @property
    def replicas_after(self) -> int:
        """Where the autoscaler stops."""
        return self.steps[-1].replicas


def capacity(load: Load, model: ModelSettings) -> Fraction:
    """Requests per second of one replica at the targets: of two, the one that wants more replicas."""
    targets = model.autoscaling.targets
    busy = Fraction(load.per_replica) * targets.cpu.value / 100
    if targets.requests_per_second is None:
        return busy
    arriving = Fraction(targets.requests_per_second)
    return min(arriving, busy) if model.autoscaling.looks_at_cpu else arriving


def replicas_for(requests_per_second: float, load: Load, model: ModelSettings) -> int:
    """Replicas that answer so many requests at the targets."""
    return math.ceil(Fraction(requests_per_second) / capacity(load, model))


def weight_steps(model: ModelSettings, weight: int) -> tuple[int, ...]:
    """Weights, in percent, by which a version that starts at minReplicas comes to one; none where it cannot.

    A step is what its ready replicas carry with their whole CPU request. Its autoscaler then sees that share and keeps
    as many as the targets want for it, less its tolerance; these carry the next step.
    """
    load, bounds = model.load, model.autoscaling
    if load is None:
        return ()
    usual, kept = Fraction(load.requests_per_second), capacity(load, model) * (1 + tolerance(bounds))
    ready, steps = max(1, bounds.min_replicas), list[int]()
    while not steps or steps[-1] < weight:
        step = min(weight, int(ready * Fraction(load.per_replica) * 100 / usual))
        if step <= (steps[-1] if steps else 0):
            return ()
        steps.append(step)
        ready = max(ready, min(bounds.max_replicas, math.ceil(usual * step / 100 / kept)))
    return tuple(steps)


def scale_up_pods(model: ModelSettings) -> int:
    """Pods that the autoscaler may add in 15 s: from the fewest to all that the stated step takes, in one round.

    On a CPU target, more than the default would be of no use: it saturates long before.
    """
    bounds, load = model.autoscaling, model.load
    if load is None or bounds.targets.requests_per_second is None:
        return SCALE_UP_PODS
    most = min(replicas_for(largest_load(load), load, model), bounds.max_replicas)
    return max(SCALE_UP_PODS, most - bounds.min_replicas)


def scale_up(model: ModelSettings) -> ScaleUp | None:
    """The rounds that follow a jump of the load; None where the stack file states no load."""
    load = model.load
    if load is None:
        return None
    bounds = model.autoscaling
    least, most = bounds.min_replicas, bounds.max_replicas
    step = Fraction(load.step or load.requests_per_second)
    before = max(least, min(most, replicas_for(load.requests_per_second, load, model)))
    replicas, seconds, steps = before, Decimal(0), [ScaleStep(seconds=0, replicas=before)]
    while True:
        asked = max(_for_requests(model, step), _for_cpu(model, load, step, replicas))
        wanted = min(most, _allowed(replicas, scale_up_pods(model)), asked)
        if wanted <= replicas:
            break
        created = Decimal(wanted - replicas) / CREATED_PER_SECOND
        seconds += model.cold_start.seconds + METRIC_LAG.seconds + SYNC.seconds + created
        replicas = wanted
        steps.append(ScaleStep(seconds=int(seconds.to_integral_value(ROUND_CEILING)), replicas=replicas))
    counts_requests = bounds.targets.requests_per_second is not None
    return ScaleUp(
        replicas_before=before,
        replicas_needed=max(least, replicas_for(float(step), load, model)),
        steps=tuple(steps),
        capacity_per_replica=float(capacity(load, model)),
        growth=None if counts_requests else float(saturation(model) * 100 / bounds.targets.cpu.value),
    )


def largest_load(load: Load) -> float:
    """The largest stated load, in requests per second."""
    return max(load.step or 0.0, load.requests_per_second)


def tolerance(autoscaling: Autoscaling) -> Fraction:
    """How far a metric may be off its target, as a share of it, before anything is done.

    An autoscaler with a target for requests has none: a rollout's surge counts as replicas of its target, so within the
    tolerance it would keep the surge for good.
    """
    return _TOLERANCE if autoscaling.targets.requests_per_second is None else Fraction(0)


def saturation(model: ModelSettings) -> Fraction:
    """Most CPU a pod can use, as a share of its request."""
    request = Fraction(model.resources.cpu.amount)
    return Fraction(model.resources.limit.cpu.amount) / request if request else Fraction(1)


def _for_requests(model: ModelSettings, arriving: Fraction) -> int:
    target = model.autoscaling.targets.requests_per_second
    return 0 if target is None else math.ceil(arriving / Fraction(target))


def _for_cpu(model: ModelSettings, load: Load, arriving: Fraction, replicas: int) -> int:
    """What the pods that are ready use of their CPU asks for; they may have to stand a larger load than they can."""
    if not model.autoscaling.looks_at_cpu:
        return 0
    use = min(saturation(model), arriving / (replicas * Fraction(load.per_replica)))
    ratio = use * 100 / model.autoscaling.targets.cpu.value
    return replicas if ratio <= 1 + tolerance(model.autoscaling) else math.ceil(replicas * ratio)


def _allowed(replicas: int, pods: int) -> int:
    return replicas + max(replicas * SCALE_UP_PERCENT // 100, pods)
