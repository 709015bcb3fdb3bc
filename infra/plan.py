"""Every sum about a stack, done once: what it may need at worst, how long things take, what it costs.

Components and checks read the plan; nothing else computes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce

from infra.settings import Duration, ModelSettings, Money, Percent, Quantity, Settings, TrainingJobSettings
from infra.settings.base import ContainerResources, CpuMemory
from infra.settings.platform import PriceSettings

GRACE_MARGIN = Duration.parse("5s")
"""Between the end of preStop and SIGKILL; TensorFlow Serving as PID 1 ignores the SIGTERM that falls into it."""

_GIB = Decimal(2**30)


@dataclass(frozen=True, kw_only=True)
class Amounts:
    """A sum of what pods take."""

    cpu: Decimal = Decimal(0)
    """Cores."""

    memory: Decimal = Decimal(0)
    """Bytes."""

    gpu: int = 0
    pods: int = 0

    def __add__(self, other: "Amounts") -> "Amounts":
        return Amounts(
            cpu=self.cpu + other.cpu,
            memory=self.memory + other.memory,
            gpu=self.gpu + other.gpu,
            pods=self.pods + other.pods,
        )

    def __mul__(self, count: int) -> "Amounts":
        return Amounts(cpu=self.cpu * count, memory=self.memory * count, gpu=self.gpu * count, pods=self.pods * count)


@dataclass(frozen=True, kw_only=True)
class Demand:
    """What one job or model may ask of its tenant at worst."""

    path: str
    """Its key in the stack file, such as `models.digits`."""

    reason: str
    """How many pods, and why so many."""

    requests: Amounts
    limits: Amounts


@dataclass(frozen=True, kw_only=True)
class ModelPlan:
    """Figures of one served model."""

    surge: int
    """Pods above maxReplicas while a rollout runs at the maximum."""

    pre_stop: Duration
    """Propagation plus the longest request: how long a leaving pod goes on serving."""

    needed_grace: Duration
    """The drain with its margin; the least terminationGracePeriodSeconds."""

    grace: Duration
    """terminationGracePeriodSeconds."""

    progress_deadline: Duration
    """Longest time between two steps of a rollout: a new pod's start-up, then an old pod's drain."""

    rollout_timeout: Duration
    """Longest time of a whole rollout at maxReplicas."""

    threads: int
    """TensorFlow's threads: the CPU limit in whole cores, since it does not look at CPU quotas itself."""

    price_per_hour_min: Money
    price_per_hour_max: Money


@dataclass(frozen=True, kw_only=True)
class JobPlan:
    """Figures of one training run."""

    run: str
    """`<job>-v<version>`: its logical and its Kubernetes name."""

    timeout: Duration
    """How long the engine waits: the deadline, and what the Job controller may take to report it."""

    price_per_hour: Money


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All sums of a stack."""

    demands: Mapping[str, tuple[Demand, ...]]
    """By tenant."""

    models: Mapping[str, ModelPlan]
    jobs: Mapping[str, JobPlan]
    price_per_hour: Money
    """Of everything that serves at its minimum, without training."""

    def worst(self, tenant: str) -> tuple[Amounts, Amounts]:
        """Requests and limits of everything the tenant may run at the same time."""
        demands = self.demands[tenant]
        return total(demand.requests for demand in demands), total(demand.limits for demand in demands)


def total(amounts: Iterable[Amounts]) -> Amounts:
    """Their sum."""
    return reduce(lambda left, right: left + right, amounts, Amounts())


def make_plan(settings: Settings) -> Plan:
    """All sums of a stack. Never fails: judging them is the checks' part."""
    prices = settings.policy.prices
    models = {name: _model_plan(model, prices) for name, model in settings.models.items()}
    return Plan(
        demands={name: tuple(_demands(settings, models, name)) for name in settings.tenants},
        models=models,
        jobs={name: _job_plan(name, job, prices) for name, job in settings.training_jobs.items()},
        price_per_hour=_money(sum((plan.price_per_hour_min.amount for plan in models.values()), Decimal(0)), prices),
    )


def surge_pods(max_surge: int | Percent, replicas: int) -> int:
    """Pods above the wanted number while a rollout runs."""
    return max_surge.of(replicas) if isinstance(max_surge, Percent) else max_surge


def largest_replicas(max_surge: int | Percent, pods: int) -> int:
    """The most replicas that fit, with their surge, into that many pods; 0 or less where none do."""
    if not isinstance(max_surge, Percent):
        return pods - max_surge
    # n replicas and a surge of ceil(n * p / 100) are ceil(n * (100 + p) / 100) pods.
    return pods * 100 // (100 + max_surge.value)


def _demands(settings: Settings, models: Mapping[str, ModelPlan], tenant: str) -> Iterable[Demand]:
    for name, job in settings.training_jobs.items():
        if job.tenant == tenant:
            yield _demand(f"trainingJobs.{name}", job.container, 1, "1 worker")
    for name, model in settings.models.items():
        if model.tenant == tenant:
            surge = models[name].surge
            pods = model.autoscaling.max_replicas + surge
            reason = f"{model.autoscaling.max_replicas} replicas at most + {surge} while rolling out = {pods} pods"
            yield _demand(f"models.{name}", model.resources, pods, reason)


def _demand(path: str, resources: ContainerResources, pods: int, reason: str) -> Demand:
    return Demand(
        path=path,
        reason=reason,
        requests=_amounts(resources, resources.gpu) * pods,
        limits=_amounts(resources.limit, resources.gpu) * pods,
    )


def _amounts(resources: CpuMemory, gpu: int) -> Amounts:
    return Amounts(cpu=resources.cpu.amount, memory=resources.memory.amount, gpu=gpu, pods=1)


def _model_plan(model: ModelSettings, prices: PriceSettings) -> ModelPlan:
    replicas = model.autoscaling.max_replicas
    surge = surge_pods(model.rollout.max_surge, replicas)
    pre_stop = model.drain.propagation + model.request_timeout
    needed = pre_stop + GRACE_MARGIN
    grace = model.drain.grace_period or needed
    step = model.startup + grace
    waves = -(-replicas // surge)
    return ModelPlan(
        surge=surge,
        pre_stop=pre_stop,
        needed_grace=needed,
        grace=grace,
        progress_deadline=step,
        rollout_timeout=Duration(step.seconds * waves),
        threads=max(1, int(model.resources.limit.cpu.amount)),
        price_per_hour_min=_price(model.resources, prices, model.autoscaling.min_replicas),
        price_per_hour_max=_price(model.resources, prices, replicas),
    )


def _job_plan(name: str, job: TrainingJobSettings, prices: PriceSettings) -> JobPlan:
    return JobPlan(
        run=f"{name}-v{job.version}",
        timeout=job.deadline + Duration.parse("2m"),
        price_per_hour=_price(job.container, prices, 1),
    )


def _price(resources: ContainerResources, prices: PriceSettings, pods: int) -> Money:
    """Price per hour of that many pods by what they request."""
    one = (
        resources.cpu.amount * prices.cpu_core.amount
        + resources.memory.amount / _GIB * prices.memory_gib.amount
        + resources.gpu * prices.gpu.amount
    )
    return _money(one * pods, prices)


def _money(amount: Decimal, prices: PriceSettings) -> Money:
    return Money(amount.quantize(Decimal("0.0001")), prices.gpu.currency)


def shown(amount: Decimal, resource: str) -> Quantity:
    """A sum as Kubernetes writes it: cores or bytes."""
    return Quantity.size(amount) if resource == "memory" else Quantity.cores(amount)
