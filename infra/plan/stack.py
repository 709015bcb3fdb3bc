"""The plan of a whole stack."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain

from infra.plan import prices as card
from infra.plan.amounts import Amounts, Demand, demand, total
from infra.plan.nodes import Packing, pack, spread
from infra.plan.pool import SharePlan, pool_plan
from infra.plan.serving import ModelPlan, model_plan
from infra.plan.sweeps import SweepPlan, sweep_data_set, sweep_plan
from infra.settings import Duration, GpuSettings, ModelSettings, Money, Percent, Settings, TrainingJobSettings
from infra.settings.platform import NodePool


@dataclass(frozen=True, kw_only=True)
class JobPlan:
    """Figures of one training run."""

    run: str
    """`<job>-v<version>`: its logical and its Kubernetes name."""

    timeout: Duration
    """How long the engine waits: in a queue, until the deadline, and what the Job controller may take to report it."""

    price_per_hour: Money
    """Of all its workers."""

    price_max: Money
    """If it runs until its deadline, which counts retries too."""


@dataclass(frozen=True, kw_only=True)
class TenantPlan:
    """What a tenant costs."""

    price_per_hour_min: Money
    """Of its models at their minimum, and its TensorBoard."""

    price_per_hour_max: Money
    """Of its models at their maximum, and its TensorBoard."""

    price_runs_max: Money
    """Of its runs and sweeps, each until its deadline."""


@dataclass(frozen=True, kw_only=True)
class MonitoringPlan:
    """Prometheus, whose pod is no tenant's."""

    demand: Demand
    price_per_hour: Money


@dataclass(frozen=True, kw_only=True)
class NodesPlan:
    """How the worst cases find room on the nodes that the stack file names."""

    tenants: Mapping[str, Packing]
    """Each tenant alone, packed."""

    packed: Packing
    """Everything together, packed as tightly as can be."""

    spread: Packing
    """Everything together, as the default scheduler spreads it."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All sums of a stack."""

    demands: Mapping[str, tuple[Demand, ...]]
    """By tenant."""

    models: Mapping[str, ModelPlan]
    jobs: Mapping[str, JobPlan]
    sweeps: Mapping[str, SweepPlan]
    tenants: Mapping[str, TenantPlan]
    tensorboards: Mapping[str, Money]
    """Price per hour of each tenant's TensorBoard, where it has one."""

    monitoring: MonitoringPlan | None
    """None where the stack file asks for none."""

    pool: Mapping[str, SharePlan]
    """By tenant of the shared pool of GPUs."""

    gateways: Mapping[tuple[str, str], tuple[int, ...]]
    """Gateways to be made, by tenant and class: the ports on which each listens."""

    data_sets: frozenset[tuple[str, str]]
    """Tenant and data set: what is mounted where."""

    nodes: NodesPlan | None
    """None where the stack file names no nodes."""

    gpu_memory_fraction: Percent | None
    """Share of a device's memory that one pod may take; None where devices are not shared."""

    price_per_hour: Money
    """Of everything that stays, models at their minimum: without training."""

    price_per_hour_max: Money
    """Of everything that stays, models at their maximum: without training."""

    price_per_month_max: Money
    """A month of everything that stays at its maximum, and each declared run and sweep once until its deadline."""

    @property
    def all_demands(self) -> tuple[Demand, ...]:
        """Of every tenant, and of Prometheus."""
        return _all(self.demands, self.monitoring)

    def worst(self, tenant: str) -> tuple[Amounts, Amounts]:
        """Requests and limits of everything the tenant may run at the same time."""
        demands = self.demands[tenant]
        return total(demand.requests for demand in demands), total(demand.limits for demand in demands)


def make_plan(settings: Settings) -> Plan:
    """All sums of a stack. Never fails: judging them is the checks' part."""
    prices, gpu = settings.policy.prices, settings.gpu
    models = {name: model_plan(model, gpu, prices) for name, model in settings.models.items()}
    jobs = {name: _job_plan(name, job, settings) for name, job in settings.training_jobs.items()}
    sweeps = {name: sweep_plan(name, sweep, settings) for name, sweep in settings.sweeps.items()}
    boards = {
        name: card.per_hour(tenant.tensorboard.resources.container(), prices, None, 1)
        for name, tenant in settings.tenants.items()
        if tenant.tensorboard is not None
    }
    monitoring = _monitoring_plan(settings)
    always = [*boards.values(), *([] if monitoring is None else [monitoring.price_per_hour])]
    least = card.added([*(model.price_per_hour_min for model in models.values()), *always], prices)
    most = card.added([*(model.price_per_hour_max for model in models.values()), *always], prices)
    runs = card.added([run.price_max for run in (*jobs.values(), *sweeps.values())], prices)
    demands = {name: tuple(_demands(settings, models, name)) for name in settings.tenants}
    return Plan(
        demands=demands,
        models=models,
        jobs=jobs,
        sweeps=sweeps,
        tenants={name: _tenant_plan(settings, models, jobs, sweeps, boards, tenant=name) for name in settings.tenants},
        tensorboards=boards,
        monitoring=monitoring,
        pool=pool_plan(settings),
        gateways=_gateways(settings),
        data_sets=frozenset(_data_sets(settings)),
        nodes=_nodes_plan(demands, _all(demands, monitoring), settings.cluster.node_pools),
        gpu_memory_fraction=_memory_fraction(gpu),
        price_per_hour=least,
        price_per_hour_max=most,
        price_per_month_max=card.month(most, runs, prices),
    )


def _demands(settings: Settings, models: Mapping[str, ModelPlan], tenant: str) -> Iterable[Demand]:
    tensorboard = settings.tenants[tenant].tensorboard
    if tensorboard is not None:
        yield demand(f"tenants.{tenant}.tensorboard", tensorboard.resources.container(), 1, "1 TensorBoard")
    for name, job in settings.training_jobs.items():
        if job.tenant == tenant:
            yield demand(f"trainingJobs.{name}", job.container, job.workers, _workers(job))
    for name, sweep in settings.sweeps.items():
        if sweep.tenant == tenant:
            pods = sweep.parallelism
            yield demand(f"sweeps.{name}", sweep.container, pods, f"{pods} trial{'s' if pods > 1 else ''} at a time")
    for name, model in settings.models.items():
        if model.tenant == tenant:
            yield demand(f"models.{name}", model.resources, models[name].peak_pods, _reason(model, models[name]))


def _workers(job: TrainingJobSettings) -> str:
    return "1 worker" if job.workers == 1 else f"{job.workers} workers"


def _reason(model: ModelSettings, plan: ModelPlan) -> str:
    most = f"{model.autoscaling.max_replicas} replicas at most"
    besides = f"{plan.surge} while rolling out + {plan.leaving} draining"
    if plan.surge + plan.leaving < plan.incoming:
        besides = f"{plan.incoming} of the next version beside them"
    if plan.versions == 1:
        return f"{most} + {besides} = {plan.peak_pods} pods"
    return f"{plan.versions} versions x ({most} + {besides}) = {plan.peak_pods} pods"


def _job_plan(name: str, job: TrainingJobSettings, settings: Settings) -> JobPlan:
    prices, tenant = settings.policy.prices, settings.tenants.get(job.tenant)
    price = card.per_hour(job.container, prices, settings.gpu, job.workers)
    # Kueue suspends a waiting Job: no deadline runs yet, and the provider hears nothing of it.
    patience = settings.gpu_pool.patience if tenant is not None and tenant.queue is not None else Duration(Decimal(0))
    return JobPlan(
        run=f"{name}-v{job.version}",
        timeout=patience + job.deadline + Duration.parse("2m"),
        price_per_hour=price,
        price_max=card.for_seconds(price, job.deadline.seconds, prices),
    )


def _tenant_plan(
    settings: Settings,
    models: Mapping[str, ModelPlan],
    jobs: Mapping[str, JobPlan],
    sweeps: Mapping[str, SweepPlan],
    boards: Mapping[str, Money],
    *,
    tenant: str,
) -> TenantPlan:
    prices = settings.policy.prices
    served = [models[name] for name, model in settings.models.items() if model.tenant == tenant]
    trained = [jobs[name] for name, job in settings.training_jobs.items() if job.tenant == tenant]
    searched = [sweeps[name] for name, sweep in settings.sweeps.items() if sweep.tenant == tenant]
    board = [boards[tenant]] if tenant in boards else []
    return TenantPlan(
        price_per_hour_min=card.added([*(model.price_per_hour_min for model in served), *board], prices),
        price_per_hour_max=card.added([*(model.price_per_hour_max for model in served), *board], prices),
        price_runs_max=card.added([run.price_max for run in (*trained, *searched)], prices),
    )


def _monitoring_plan(settings: Settings) -> MonitoringPlan | None:
    if settings.monitoring is None:
        return None
    asked = settings.monitoring.resources.container()
    return MonitoringPlan(
        demand=demand("monitoring", asked, 1, "1 Prometheus"),
        price_per_hour=card.per_hour(asked, settings.policy.prices, None, 1),
    )


def _all(demands: Mapping[str, tuple[Demand, ...]], monitoring: MonitoringPlan | None) -> tuple[Demand, ...]:
    return (*chain.from_iterable(demands.values()), *([] if monitoring is None else [monitoring.demand]))


def _nodes_plan(
    demands: Mapping[str, tuple[Demand, ...]], everything: tuple[Demand, ...], pools: Mapping[str, NodePool]
) -> NodesPlan | None:
    if not pools:
        return None
    return NodesPlan(
        tenants={name: pack(own, pools) for name, own in demands.items()},
        packed=pack(everything, pools),
        spread=spread(everything, pools),
    )


def _gateways(settings: Settings) -> Mapping[tuple[str, str], tuple[int, ...]]:
    ports = dict[tuple[str, str], set[int]]()
    for model in settings.models.values():
        gateway = model.expose.gateway
        if gateway is not None and gateway.class_name is not None and model.tenant in settings.tenants:
            ports.setdefault((model.tenant, gateway.class_name), set()).add(gateway.port)
    return {key: tuple(sorted(found)) for key, found in ports.items()}


def _data_sets(settings: Settings) -> Iterable[tuple[str, str]]:
    jobs = ((job.tenant, job.data_set) for job in settings.training_jobs.values())
    sweeps = ((sweep.tenant, sweep_data_set(settings, sweep)) for sweep in settings.sweeps.values())
    for tenant, data_set in chain(jobs, sweeps):
        # A name that is declared nowhere is an error of its own.
        if data_set is not None and data_set in settings.data_sets and tenant in settings.tenants:
            yield tenant, data_set


def _memory_fraction(gpu: GpuSettings | None) -> Percent | None:
    if gpu is None or not gpu.shares:
        return None
    return gpu.memory_fraction or Percent(100 // (gpu.pods_per_gpu or 1))
