"""Figures of served models: how pods leave, how a change rolls out, what it takes at the worst moment."""

import math
from bisect import bisect_right
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from infra.plan import prices as card
from infra.plan import server
from infra.plan.scaling import CREATED_PER_SECOND, SYNC, ScaleUp, scale_up, scale_up_pods
from infra.plan.server import BatchingPlan
from infra.settings import Duration, GpuSettings, ModelSettings, Money, Percent
from infra.settings.platform import PriceSettings

GRACE_MARGIN: Final = Duration.parse("5s")
"""Between the end of preStop and SIGKILL; TensorFlow Serving as PID 1 ignores the SIGTERM that falls into it."""

_FASTER: Final = 2
"""Times as fast as usual that pods may start: the faster they do, the more old ones drain at the same time, and the
sooner a new version's first replica is ready."""

_QUICKEST: Final = Duration.parse("5s")
"""A pod's quickest start where the stack file does not state the usual one."""


@dataclass(frozen=True, kw_only=True)
class RolloutPlan:
    """How long a change of the pods takes at maxReplicas when pods start in their usual time."""

    waves: int
    """`maxSurge` pods at a time, or `maxUnavailable` of them where there is no surge."""

    wave: Duration
    """`coldStart` and minReadySeconds; the old pods of a wave drain while the next one starts. Without a surge they
    drain before it, since they hold the devices it waits for."""

    exchange: Duration
    """Whole seconds in which kube-controller-manager deletes and creates the pods of a wave. It comes once and not in
    each wave: one starts as the one before it becomes ready pod by pod."""

    @property
    def time(self) -> Duration:
        """From the change until the last new pod is available."""
        return Duration(self.wave.seconds * self.waves) + self.exchange


@dataclass(frozen=True, kw_only=True)
class ModelPlan:
    """Figures of one served model."""

    versions: int
    """Served at the same time, one for each track; each has all these pods."""

    surge: int
    """Pods above maxReplicas while a rollout runs at the maximum."""

    unavailable: int
    """Pods that are missing meanwhile; 0 where there is a surge."""

    at_a_time: int
    """Pods replaced in one wave."""

    leaving: int
    """Pods that drain at the same time then: they hold quota and devices, and no controller counts them."""

    incoming: int
    """Pods of the next version that start beside the present one."""

    peak_pods: int
    """Most pods at the same time: see `peak_pods()`."""

    pre_stop: Duration
    """Propagation, the longest gRPC connection and the longest request: how long a leaving pod goes on serving."""

    needed_grace: Duration
    """The drain with its margin; the least terminationGracePeriodSeconds."""

    grace: Duration
    """terminationGracePeriodSeconds."""

    min_ready: Duration
    """minReadySeconds."""

    progress_deadline: Duration
    """Longest time between two steps of a rollout: a new pod's start-up, then an old pod's drain."""

    rollout_timeout: Duration
    """Longest time of a whole rollout at maxReplicas: how long the engine waits."""

    rollout: RolloutPlan
    """Its usual course."""

    scale_up: ScaleUp | None
    """What follows the stated step of the load; None where none is stated."""

    scale_up_pods: int
    """Pods that the autoscaler may add in 15 s, whatever there are."""

    threads: int
    """TensorFlow's threads: see `infra.plan.server.threads`."""

    rest_threads: int
    """REST requests that the server works on at a time; others wait for one of these threads."""

    batching: BatchingPlan | None
    """How requests run together; None where they do not."""

    connection_age: Duration
    """Longest life of a gRPC connection, and part of the drain; 0 without gRPC."""

    price_per_hour_min: Money
    price_per_hour_max: Money


def model_plan(model: ModelSettings, gpu: GpuSettings | None, prices: PriceSettings) -> ModelPlan:
    """All figures of one model."""
    replicas = model.autoscaling.max_replicas
    surge = surge_pods(model.rollout.max_surge, replicas)
    grace, min_ready = _grace(model), _min_ready(model)
    step = model.startup + min_ready + grace
    # A stack that says neither is refused by a check.
    at_a_time = surge or model.rollout.max_unavailable or 1
    waves = -(-replicas // at_a_time)
    # Of a single wave, the old pods are deleted as the new ones become ready, all of which are created by then.
    exchanged = 2 * at_a_time if waves > 1 else replicas
    first = model.cold_start if surge else grace + model.cold_start
    versions = len(model.tracks.named())
    return ModelPlan(
        versions=versions,
        surge=surge,
        unavailable=0 if surge else min(model.rollout.max_unavailable, replicas),
        at_a_time=at_a_time,
        leaving=_leaving(model, surge),
        incoming=_incoming(model),
        peak_pods=peak_pods(model, replicas),
        pre_stop=_pre_stop(model),
        needed_grace=_needed_grace(model),
        grace=grace,
        min_ready=min_ready,
        progress_deadline=step,
        rollout_timeout=Duration(step.seconds * waves),
        rollout=RolloutPlan(
            waves=waves,
            wave=first + min_ready,
            exchange=Duration(Decimal(exchanged // CREATED_PER_SECOND)),
        ),
        scale_up=scale_up(model),
        scale_up_pods=scale_up_pods(model),
        threads=server.threads(model),
        rest_threads=server.rest_threads(model),
        batching=server.batching_plan(model),
        connection_age=server.connection_age(model),
        price_per_hour_min=card.per_hour(model.resources, prices, gpu, versions * model.autoscaling.min_replicas),
        price_per_hour_max=card.per_hour(model.resources, prices, gpu, versions * replicas),
    )


def surge_pods(max_surge: int | Percent, replicas: int) -> int:
    """Pods above the wanted number while a rollout runs."""
    return max_surge.of(replicas) if isinstance(max_surge, Percent) else max_surge


def peak_pods(model: ModelSettings, replicas: int) -> int:
    """Most pods of a model at the same time, if each of its versions wants so many replicas.

    For each version that is the larger of two moments. A change of the pods rolls out: the surge starts while the wave
    before it drains. Or a new version starts at minReplicas beside the present one, which goes when the new one is
    ready; the new one's autoscaler asks for more only after that, when the old pods have drained. Without a surge the
    old pods go first, so the first moment needs no more room than the replicas have.
    """
    surge = surge_pods(model.rollout.max_surge, replicas)
    each = replicas + max(surge + _leaving(model, surge), _incoming(model))
    return each * len(model.tracks.named())


def without_surge(model: ModelSettings) -> ModelSettings:
    """The model, taking one old pod away before it adds a new one."""
    one_by_one = model.rollout.model_copy(update={"max_surge": 0, "max_unavailable": 1})
    return model.model_copy(update={"rollout": one_by_one})


def largest_replicas(model: ModelSettings, pods: int) -> int:
    """The most replicas whose worst moment fits into that many pods; 0 where none do."""
    return bisect_right(range(1, max(pods, 0) + 1), pods, key=lambda replicas: peak_pods(model, replicas))


def _incoming(model: ModelSettings) -> int:
    """Pods of a version that starts: one at least, since a Deployment that states no replicas has one."""
    return max(1, model.autoscaling.min_replicas)


def _leaving(model: ModelSettings, surge: int) -> int:
    """As many waves as end while one drains, of `surge` pods each, if pods start faster than usual."""
    wave = model.cold_start.seconds / _FASTER + _min_ready(model).seconds
    return surge * math.ceil(_grace(model).seconds / wave)


def _needed_grace(model: ModelSettings) -> Duration:
    return _pre_stop(model) + GRACE_MARGIN


def _pre_stop(model: ModelSettings) -> Duration:
    return model.drain.propagation + server.connection_age(model) + model.request_timeout


def _grace(model: ModelSettings) -> Duration:
    return model.drain.grace_period or _needed_grace(model)


def _min_ready(model: ModelSettings) -> Duration:
    """A new version has one replica until the autoscaler looks for the first time; nobody takes it for all before."""
    if model.autoscaling.min_replicas <= 1:
        return Duration(Decimal(0))
    stated = "cold_start" in model.model_fields_set
    quickest = model.cold_start.seconds / _FASTER if stated else _QUICKEST.seconds
    return Duration(Decimal(math.ceil(max(Decimal(0), SYNC.seconds - quickest))))
