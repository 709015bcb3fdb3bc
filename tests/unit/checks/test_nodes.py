from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.plan import Amounts, Demand, pack, spread
from infra.settings.platform import NodePool
from tests.unit.words import found, only

NO_JOB = ("trainingJobs.digits.gpus", 1)
POOL = {"count": 7, "cpu": 8, "memory": "32Gi", "gpu": 1}


def demand(path: str, pods: int, gpu: int, cpu: int = 1) -> Demand:
    amounts = Amounts(cpu=Decimal(cpu * pods), gpu=gpu * pods, pods=pods)
    return Demand(path=path, reason="", requests=amounts, limits=amounts)


def pool(count: int, gpu: int, cpu: int = 64) -> NodePool:
    return NodePool.model_validate({"count": count, "cpu": cpu, "memory": "1Ti", "gpu": gpu})


def test_nodes_that_hold_everything_however_it_is_placed_pass() -> None:
    assert found(("cluster.nodePools", {"gpu": {"count": 8, "cpu": 8, "memory": "32Gi", "gpu": 2}})) == ()


def test_a_pod_larger_than_any_node_is_refused_with_both_sizes() -> None:
    finding = only(
        "pod-fits-node", ("cluster.nodePools", {"small": {**POOL, "count": 9}}), ("trainingJobs.digits.version", 3)
    )
    assert finding.path == "tfk8s:trainingJobs.digits.resources"
    assert finding.message == (
        "a pod requests 2 CPU, 4Gi of memory and 2 GPUs, and no node is that large: "
        "small has 8 CPU, 32Gi of memory and 1 GPUs"
    )


def test_a_tenant_that_alone_needs_more_than_there_is_is_refused_with_the_sum() -> None:
    finding = only("nodes", ("cluster.nodePools", {"gpu": {"count": 2, "cpu": 8, "memory": "32Gi", "gpu": 2}}))
    assert (finding.path, finding.severity) == ("tfk8s:tenants.serve", "error")
    assert finding.message == (
        "1 of models.digits (1 of 5 pods) of its worst case find no room on 2 nodes of gpu, even if it has them alone: "
        "they request 5 gpu of 4"
    )
    assert finding.fix == (
        "add nodes to cluster.nodePools, or lower maxReplicas or gpus, or set models.digits.rollout to "
        "{maxSurge: 0, maxUnavailable: 1}, which takes old pods first"
    )


def test_losing_pods_in_a_rollout_is_proposed_only_where_the_devices_then_suffice() -> None:
    finding = only("nodes", ("cluster.nodePools", {"gpu": {"count": 3, "cpu": 8, "memory": "32Gi", "gpu": 1}}), NO_JOB)
    assert finding.fix == "add nodes to cluster.nodePools, or lower maxReplicas or gpus"


def test_losing_pods_in_a_rollout_is_not_proposed_for_cores() -> None:
    cores = ("models.digits.resources", {"cpu": 1, "memory": "1Gi", "limits": {"cpu": 1, "memory": "1Gi"}})
    quota = ("tenants.serve.quota.requests.cpu", 5)
    finding = only(
        "nodes", ("cluster.nodePools", {"a": {"count": 1, "cpu": 4, "memory": "32Gi", "gpu": 1}}), NO_JOB, cores, quota
    )
    assert finding.fix == "add nodes to cluster.nodePools, or lower maxReplicas or gpus"


def test_tenants_that_do_not_fit_together_are_a_warning_with_the_sum() -> None:
    finding = only("nodes", ("cluster.nodePools", {"gpu": {"count": 3, "cpu": 8, "memory": "32Gi", "gpu": 2}}))
    assert finding.severity == "warning"
    assert "with every tenant at its worst, packed as tightly as can be, 1 of models.digits" in finding.message
    assert finding.message.endswith("they request 7 gpu of 6")


def test_what_spreading_strands_is_a_warning_with_the_pieces() -> None:
    finding = only("nodes", ("cluster.nodePools", {"gpu": {"count": 4, "cpu": 8, "memory": "32Gi", "gpu": 2}}))
    assert finding.severity == "warning"
    assert finding.path == "tfk8s:trainingJobs.digits"
    assert "spread as the default scheduler does it, 1 of trainingJobs.digits (1 of 6 pods)" in finding.message
    assert finding.message.endswith("the sums would do, but free room is in pieces: 1, 1, 1 GPUs free on single nodes")


def test_the_most_pods_a_node_takes_count_too() -> None:
    pools = {"gpu": {"count": 2, "cpu": 8, "memory": "32Gi", "gpu": 8, "pods": 2}}
    assert "they request 5 pods of 4" in only("nodes", ("cluster.nodePools", pools)).message


def test_small_pods_do_not_take_nodes_with_devices_first() -> None:
    packed = pack([demand("small", 4, 0), demand("large", 1, 8)], {"gpu": pool(1, 8, cpu=4), "cpu": pool(1, 0, cpu=4)})
    assert packed.fits


@pytest.mark.parametrize("place", [pack, spread])
@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 5), st.integers(0, 8), st.integers(1, 16)), min_size=1, max_size=4),
    st.integers(1, 4),
)
def test_pods_and_devices_are_conserved(place: object, wanted: list[tuple[int, int, int]], nodes: int) -> None:
    demands = [demand(str(index), pods, gpu, cpu) for index, (pods, gpu, cpu) in enumerate(wanted)]
    packing = (pack if place is pack else spread)(demands, {"pool": pool(nodes, 8)})
    left = sum(packing.left.get(str(index), 0) * gpu for index, (_, gpu, _) in enumerate(wanted))
    assert packing.wanted == sum(pods for pods, _, _ in wanted)
    assert sum(packing.free_gpus) == nodes * 8 - sum(pods * gpu for pods, gpu, _ in wanted) + left
