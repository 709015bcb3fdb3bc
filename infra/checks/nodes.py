"""Pods find room on the cluster's nodes, where the stack file says what these are."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal

from infra.checks.old_first import OLD_FIRST, pods_old_first
from infra.checks.report import error, warning
from infra.finding import Finding
from infra.plan import Amounts, Demand, Packing, Plan, fits, node_of, one_pod, pack, shown
from infra.settings import Settings
from infra.settings.standin import Location


def pods_fit_a_node(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """Every pod fits on a node that is otherwise empty; one that does not stays Pending for ever."""
    pools = settings.cluster.node_pools
    if not pools:
        return
    for demand in plan.all_demands:
        pod = one_pod(demand)
        if not any(fits(pod, node_of(pool)) for pool in pools.values()):
            offers = "; ".join(f"{name} has {_words(node_of(pool))}" for name, pool in pools.items())
            yield error(
                "pod-fits-node",
                (*demand.path.split("."), "resources"),
                f"a pod requests {_words(pod)}, and no node is that large: {offers}",
                "ask for less, or add a node pool with larger nodes",
            )


def nodes_hold_the_worst_case(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """The nodes hold every tenant at its worst case; everything together should fit too, however pods are placed."""
    if plan.nodes is None or any(pods_fit_a_node(settings, plan, today)):
        return
    for tenant, packing in plan.nodes.tenants.items():
        if not packing.fits:
            demands = plan.demands[tenant]
            yield error(
                "nodes",
                ("tenants", tenant),
                f"{_left(packing)} of its worst case find no room on {_nodes(settings)}, even if it has them alone: "
                f"{_shortage(demands, settings, packing)}",
                f"add nodes to cluster.nodePools, or lower maxReplicas or gpus{_way_out(settings, demands)}",
            )
    if any(not packing.fits for packing in plan.nodes.tenants.values()):
        return
    demands = plan.all_demands
    for packing, placed, remedy in (
        (plan.nodes.packed, "packed as tightly as can be", "add nodes, or let tenants wait for each other"),
        (
            plan.nodes.spread,
            "spread as the default scheduler does it",
            "let the scheduler pack (NodeResourcesFit with MostAllocated), add a node, or ask for fewer GPUs a pod",
        ),
    ):
        if not packing.fits:
            yield warning(
                "nodes",
                _place_of(packing),
                f"with every tenant at its worst, {placed}, {_left(packing)} find no room on {_nodes(settings)}: "
                f"{_shortage(demands, settings, packing)}",
                remedy,
            )
            return


def _way_out(settings: Settings, demands: tuple[Demand, ...]) -> str:
    """Models whose pods would all find devices if a rollout took old ones first; nothing where that does not help."""
    fewer = {
        demand.path: replace(demand, requests=one_pod(demand) * pods)
        for demand in demands
        if (pods := pods_old_first(settings, demand)) is not None
    }
    if not fewer or not pack((fewer.get(demand.path, demand) for demand in demands), settings.cluster.node_pools).fits:
        return ""
    return f", or set {' and '.join(f'{path}.rollout' for path in fewer)} to {OLD_FIRST}, which takes old pods first"


def _place_of(packing: Packing) -> Location:
    return tuple(max(packing.left, key=lambda path: packing.left[path]).split(".", 1))


def _left(packing: Packing) -> str:
    parts = " and ".join(f"{count} of {path}" for path, count in packing.left.items())
    return f"{parts} ({sum(packing.left.values())} of {packing.wanted} pods)"


def _nodes(settings: Settings) -> str:
    return " and ".join(f"{pool.count} nodes of {name}" for name, pool in settings.cluster.node_pools.items())


def _shortage(demands: tuple[Demand, ...], settings: Settings, packing: Packing) -> str:
    """Which sum is short; where none is, what lies about in pieces."""
    short = [
        f"{shown(wanted, resource)} {resource} of {shown(have, resource)}"
        for resource in ("cpu", "memory", "gpu", "pods")
        if (wanted := _wanted(demands, resource)) > (have := _have(settings, resource))
    ]
    if short:
        return "they request " + " and ".join(short)
    pieces = ", ".join(map(str, packing.free_gpus)) or "no"
    return f"the sums would do, but free room is in pieces: {pieces} GPUs free on single nodes"


def _wanted(demands: tuple[Demand, ...], resource: str) -> Decimal:
    return sum((Decimal(getattr(demand.requests, resource)) for demand in demands), Decimal(0))


def _have(settings: Settings, resource: str) -> Decimal:
    pools = settings.cluster.node_pools.values()
    return sum((Decimal(getattr(node_of(pool), resource)) * pool.count for pool in pools), Decimal(0))


def _words(amounts: Amounts) -> str:
    gpus = f" and {amounts.gpu} GPUs" if amounts.gpu else ""
    return f"{shown(amounts.cpu, 'cpu')} CPU, {shown(amounts.memory, 'memory')} of memory{gpus}"
