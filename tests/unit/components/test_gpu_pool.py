import functools
from collections.abc import Mapping

import pytest
from pydantic import ValidationError

from infra.components import kueue
from tests.unit.recorder import Recorder, Resource, Tree, record_changed, sound_platform

V1BETA2 = "kueue.x-k8s.io/v1beta2"
TENANTS: Mapping[str, object] = {"train": {"gpu": 2}, "serve": {"gpu": 3, "borrowingLimit": 2, "lendingLimit": 1}}
SHARED = (
    ("tenants.train.queue", "gpus"),
    ("tenants.train.labels", {"team": "vision"}),
    ("tenants.serve.queue", "other"),
    ("gpuPool", {"cohort": "lab", "flavor": {"name": "a100", "nodeLabels": {"pool": "a100"}}, "tenants": TENANTS}),
)


@functools.cache
def platform() -> Recorder:
    return record_changed(*SHARED)


def cluster_queue(recorder: Recorder, tenant: str) -> Resource:
    return recorder.one(f"{V1BETA2}:ClusterQueue", f"gpu-pool-{tenant}")


def quotas(recorder: Recorder, tenant: str) -> Mapping[str, Tree]:
    [group] = cluster_queue(recorder, tenant).inputs["spec"]["resourceGroups"]
    [flavor] = group["flavors"]
    assert [quota["name"] for quota in flavor["resources"]] == group["coveredResources"]
    return {quota["name"]: quota for quota in flavor["resources"]}


def test_without_shares_there_is_no_pool_and_no_job_is_queued() -> None:
    assert [one for one in sound_platform().objects() if "kueue" in one.type] == []
    job = sound_platform().one("batch/v1:Job", "digits-v3")
    assert "kueue.x-k8s.io/queue-name" not in job.inputs["metadata"]["labels"]
    assert sound_platform().all("tfk8s:index:GpuPool") == []


def test_each_tenant_has_a_queue_of_one_cohort_that_only_its_namespace_may_use() -> None:
    for tenant in ("train", "serve"):
        queue = cluster_queue(platform(), tenant)
        assert queue.object_name == f"lab-{tenant}"
        assert queue.inputs["spec"]["cohortName"] == "lab"
        assert queue.inputs["spec"]["namespaceSelector"] == {"matchLabels": {"kubernetes.io/metadata.name": tenant}}
    assert cluster_queue(platform(), "train").inputs["metadata"]["labels"]["team"] == "vision"


def test_devices_are_lent_and_borrowed_as_the_stack_file_says() -> None:
    assert quotas(platform(), "serve")["nvidia.com/gpu"] == {
        "name": "nvidia.com/gpu",
        "nominalQuota": "3",
        "borrowingLimit": "2",
        "lendingLimit": "1",
    }


def test_unsaid_everything_is_lent_and_borrowed_up_to_the_tenants_quota() -> None:
    roomy = record_changed(*SHARED, ("tenants.train.quota.requests.gpu", 5))
    train = quotas(roomy, "train")["nvidia.com/gpu"]
    assert (train["nominalQuota"], train["borrowingLimit"], train["lendingLimit"]) == ("2", "3", "2")


def test_shares_of_devices_go_by_their_own_name() -> None:
    shared = record_changed(*SHARED, ("gpu", {"mode": "mps", "podsPerGpu": 2}), ("trainingJobs.digits.gpus", 1))
    assert "nvidia.com/gpu.shared" in quotas(shared, "train")
    assert "nvidia.com/gpu" not in quotas(shared, "train")


def test_cpu_and_memory_are_the_tenants_own_and_not_lent() -> None:
    train = quotas(platform(), "train")
    assert (train["cpu"]["nominalQuota"], train["memory"]["nominalQuota"]) == ("2", "4Gi")
    assert {(train[name]["borrowingLimit"], train[name]["lendingLimit"]) for name in ("cpu", "memory")} == {("0", "0")}


def test_a_queue_covers_everything_that_a_jobs_pods_request() -> None:
    [container] = platform().one("batch/v1:Job", "digits-v3").inputs["spec"]["template"]["spec"]["containers"]
    assert set(container["resources"]["requests"]) <= set(quotas(platform(), "train"))


def test_owners_get_their_devices_back_and_nobody_else_takes_any_from_others() -> None:
    assert cluster_queue(platform(), "train").inputs["spec"]["preemption"] == {
        "reclaimWithinCohort": "Any",
        "borrowWithinCohort": {"policy": "Never"},
        "withinClusterQueue": "LowerPriority",
    }


def test_preemption_is_as_the_stack_file_says() -> None:
    words = {
        "reclaimWithinCohort": "LowerPriority",
        "borrowWithinCohort": "LowerPriority",
        "withinClusterQueue": "Never",
    }
    spec = cluster_queue(record_changed(*SHARED, ("gpuPool.preemption", words)), "train").inputs["spec"]
    assert spec["preemption"] == {**words, "borrowWithinCohort": {"policy": "LowerPriority"}}


def test_the_flavor_comes_before_the_queues_and_says_on_which_nodes_the_devices_are() -> None:
    flavor = platform().one(f"{V1BETA2}:ResourceFlavor", "gpu-pool-flavor")
    assert flavor.object_name == "a100"
    assert flavor.inputs["spec"] == {"nodeLabels": {"pool": "a100"}}
    assert platform().waits_for(cluster_queue(platform(), "train"), flavor)


def test_a_job_waits_in_the_queue_that_is_made_first_and_its_pods_know_nothing_of_it() -> None:
    local = platform().one(f"{V1BETA2}:LocalQueue", "gpu-pool-train-queue")
    assert (local.object_name, local.inputs["metadata"]["namespace"]) == ("gpus", "train")
    assert local.inputs["spec"] == {"clusterQueue": "lab-train"}
    job = platform().one("batch/v1:Job", "digits-v3")
    assert job.inputs["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "gpus"
    assert "kueue.x-k8s.io/queue-name" not in job.inputs["spec"]["template"]["metadata"]["labels"]
    assert platform().waits_for(job, local)
    assert platform().waits_for(local, cluster_queue(platform(), "train"))


def test_the_engine_waits_as_long_as_a_job_may_queue_and_run() -> None:
    def seconds(recorder: Recorder) -> int:
        return int(recorder.one("batch/v1:Job", "digits-v3").create_timeout.removesuffix("s"))

    unqueued = seconds(sound_platform())
    assert seconds(platform()) == unqueued + 3600
    assert seconds(record_changed(*SHARED, ("gpuPool.patience", "2h"))) == unqueued + 7200


def test_a_mistyped_field_of_an_object_is_an_error() -> None:
    with pytest.raises(ValidationError, match="cohort"):
        kueue.ClusterQueueSpec.model_validate({"cohort": "lab"})
    with pytest.raises(ValidationError, match="Sometimes"):
        kueue.BorrowWithinCohort.model_validate({"policy": "Sometimes"})
