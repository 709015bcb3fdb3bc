"""Whether pods find room on nodes: a pod needs one node with room for all of it, so free amounts do not add up."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from infra.plan.amounts import Amounts, Demand
from infra.settings.platform import NodePool


@dataclass(frozen=True, kw_only=True)
class Packing:
    """What came of putting pods on nodes."""

    wanted: int
    """Pods that had to find room."""

    left: Mapping[str, int]
    """Pods that found none, by their demand's path; empty where all fit."""

    free_gpus: tuple[int, ...]
    """Devices that stayed free, node by node, most first; nodes without are left out."""

    @property
    def fits(self) -> bool:
        """Every pod found room."""
        return not self.left


@dataclass(kw_only=True)
class _Node:
    """One node while it fills."""

    size: Amounts
    free: Amounts = field(init=False)

    def __post_init__(self) -> None:
        self.free = self.size

    def takes(self, pod: Amounts) -> bool:
        return fits(pod, self.free)

    def take(self, pod: Amounts) -> None:
        self.free = self.free + pod * -1

    def share_free(self) -> float:
        """The scheduler's own measure of how empty a node is (NodeResourcesFit, LeastAllocated)."""
        sizes = ((self.free.cpu, self.size.cpu), (self.free.memory, self.size.memory))
        return sum(float(free / size) for free, size in sizes if size)


def fits(pod: Amounts, room: Amounts) -> bool:
    """Whether the room holds the pod."""
    return pod.cpu <= room.cpu and pod.memory <= room.memory and pod.gpu <= room.gpu and pod.pods <= room.pods


def one_pod(demand: Demand) -> Amounts:
    """What one of its pods requests, which is what the scheduler looks at."""
    whole, pods = demand.requests, demand.pods
    return Amounts(cpu=whole.cpu / pods, memory=whole.memory / pods, gpu=whole.gpu // pods, pods=1)


def node_of(pool: NodePool) -> Amounts:
    """What one node of a pool can give."""
    return Amounts(cpu=pool.cpu.amount, memory=pool.memory.amount, gpu=pool.gpu, pods=pool.pods)


def pack(demands: Iterable[Demand], pools: Mapping[str, NodePool]) -> Packing:
    """Puts the largest pods first, each on the first node that takes it, nodes with few devices before others.

    That is close to the best there is: first-fit decreasing needs at most 11/9 of the fewest nodes and one more
    (for one resource). What does not fit this way would take luck to fit.
    """
    return _place(sorted(_pods(demands), key=_size, reverse=True), pools, spread=False)


def spread(demands: Iterable[Demand], pools: Mapping[str, NodePool]) -> Packing:
    """Puts the smallest pods first, each on the emptiest node: the default scheduler on a bad day."""
    return _place(sorted(_pods(demands), key=_size), pools, spread=True)


def _pods(demands: Iterable[Demand]) -> list[tuple[str, Amounts]]:
    return [(demand.path, one_pod(demand)) for demand in demands for _ in range(demand.pods)]


def _size(pod: tuple[str, Amounts]) -> tuple[int, float, float]:
    return pod[1].gpu, float(pod[1].cpu), float(pod[1].memory)


def _place(pods: list[tuple[str, Amounts]], pools: Mapping[str, NodePool], *, spread: bool) -> Packing:
    ordered = sorted(pools.values(), key=lambda pool: pool.gpu)
    nodes = [_Node(size=node_of(pool)) for pool in ordered for _ in range(pool.count)]
    left = Counter[str]()
    for path, pod in pods:
        taking = [node for node in nodes if node.takes(pod)] if spread else None
        node = (
            max(taking, key=_Node.share_free, default=None)
            if taking is not None
            else next((node for node in nodes if node.takes(pod)), None)
        )
        if node is None:
            left[path] += 1
        else:
            node.take(pod)
    free = sorted((node.free.gpu for node in nodes if node.free.gpu), reverse=True)
    return Packing(wanted=len(pods), left=dict(left), free_gpus=tuple(free))
