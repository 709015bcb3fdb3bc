"""The shared pool of GPUs: whose queues they are, what they can give, and whether there is as much."""

from collections.abc import Iterator
from datetime import date

from infra.checks.report import error, warning
from infra.finding import Finding
from infra.plan import Demand, Plan
from infra.settings import Settings


def queues_are_made_here(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """A tenant's queue is one that this stack makes; if nobody makes it, Jobs wait until the update gives up."""
    for name, tenant in settings.tenants.items():
        if tenant.queue is not None and name not in plan.pool:
            yield warning(
                "queue-owner",
                ("tenants", name, "queue"),
                f"tfk8s:gpuPool gives {name} no share: LocalQueue {tenant.queue} must be somebody else's, "
                "and whether it fits the Jobs is not checked",
                f"make sure it exists in namespace {name}, or give gpuPool.tenants.{name} a share",
            )


def shares_have_a_queue(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """Every tenant of the pool has a queue through which it gets at its share."""
    for name in plan.pool:
        if settings.tenants[name].queue is None:
            yield error(
                "pool-queue",
                ("tenants", name, "queue"),
                f"missing: gpuPool.tenants.{name} has {plan.pool[name].nominal} GPUs, and no Job would wait for them",
                "name its queue, such as gpus, or remove the share",
            )


def pool_is_there(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """The nodes have the devices that the pool shares out, and those of pods outside it."""
    pools = settings.cluster.node_pools.values()
    shared, have = sum(share.nominal for share in plan.pool.values()), sum(pool.count * pool.gpu for pool in pools)
    if not pools or not shared:
        return
    parts = " + ".join(f"{name} {share.nominal}" for name, share in plan.pool.items())
    outside = _outside(plan)
    if shared > have:
        yield error(
            "pool-devices",
            ("gpuPool", "tenants"),
            f"shares of {parts} = {shared} GPUs > {have} of cluster.nodePools: Kueue admits Jobs that stay Pending",
            f"lower the shares to {have} together, or add nodes",
        )
    elif shared + outside > have:
        yield warning(
            "pool-devices",
            ("gpuPool", "tenants"),
            f"shares of {parts} = {shared} GPUs, and pods outside the pool take up to {outside}: "
            f"{shared + outside} > {have} of cluster.nodePools",
            f"lower the shares to {max(0, have - outside)} together, or add nodes",
        )


def borrowing_stays_within(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """Own and borrowed devices fit the tenant's quota, and nobody lends more than it has or borrows what none lends."""
    for name, share in plan.pool.items():
        given, quota = settings.gpu_pool.tenants[name], settings.tenants[name].quota.requests.gpu
        path = ("gpuPool", "tenants", name)
        if share.nominal + share.borrowing_limit > quota:
            yield error(
                "pool-borrowing",
                path,
                f"{share.nominal} own + {share.borrowing_limit} borrowed > {quota} GPUs of tenants.{name}.quota: "
                "Kueue would admit Jobs whose pods the quota refuses",
                f"raise quota.requests.gpu to {share.nominal + share.borrowing_limit}, or lower the share",
            )
        if given.lending_limit is not None and given.lending_limit > share.nominal:
            yield error(
                "pool-borrowing",
                (*path, "lendingLimit"),
                f"lends {given.lending_limit} of {share.nominal} GPUs",
                f"lower it to {share.nominal}, or leave it out",
            )
        if given.borrowing_limit is not None and given.borrowing_limit > share.lent_by_others:
            yield warning(
                "pool-borrowing",
                (*path, "borrowingLimit"),
                f"may borrow {given.borrowing_limit} GPUs, and all others lend {share.lent_by_others}",
                f"lower it to {share.lent_by_others}, or let others lend more",
            )


def queues_can_admit(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """No Job wants more devices than its queue can ever give; it would wait for ever."""
    for tenant, share in plan.pool.items():
        for demand in filter(_is_queued, plan.demands[tenant]):
            if demand.requests.gpu > share.most:
                each = demand.requests.gpu // demand.pods
                yield error(
                    "pool-admission",
                    (*demand.path.split(".", 1), "gpus"),
                    f"{demand.pods} x {each} = {demand.requests.gpu} GPUs > {share.most} that {tenant} can have: "
                    f"{share.nominal} own + {share.most - share.nominal} borrowed (limit {share.borrowing_limit}, "
                    f"others lend {share.lent_by_others})",
                    "ask for fewer, raise the share, or let others lend more",
                )


def _is_queued(demand: Demand) -> bool:
    """Whether it is a Job's, which waits in its tenant's queue where that has one."""
    return demand.path.startswith(("trainingJobs.", "sweeps."))


def _outside(plan: Plan) -> int:
    """Devices that pods may take at worst which wait in no queue of the pool."""
    return sum(
        demand.requests.gpu
        for tenant, demands in plan.demands.items()
        for demand in demands
        if tenant not in plan.pool or not _is_queued(demand)
    )
