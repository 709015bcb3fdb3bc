from typing import Any

import pytest

from local.plugins.kubernetes.readiness import Readiness, daemon_set, deployment, job, pod, resource_quota, stateful_set


def a_deployment(*, replicas: int | None = None, progressing: str = "NewReplicaSetAvailable", **status: Any) -> Any:
    conditions = [
        {"type": "Progressing", "status": "True", "reason": progressing},
        {"type": "Available", "status": "True"},
    ]
    full = {"observedGeneration": 2, "updatedReplicas": 1, "availableReplicas": 1, "conditions": conditions} | status
    return {"metadata": {"generation": 2}, "spec": {} if replicas is None else {"replicas": replicas}, "status": full}


def test_a_rolled_out_deployment_is_ready() -> None:
    assert deployment(a_deployment()).ready


@pytest.mark.parametrize(
    "unfinished",
    [
        a_deployment(observedGeneration=1),
        a_deployment(progressing="ReplicaSetUpdated"),
        a_deployment(replicas=2),
        a_deployment(availableReplicas=0),
        a_deployment(conditions=[{"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}]),
        {"metadata": {"generation": 1}, "spec": {}},
    ],
)
def test_a_deployment_that_is_still_rolling_out_is_neither_ready_nor_failed(unfinished: Any) -> None:
    assert not deployment(unfinished).ready
    assert deployment(unfinished).failure is None


def test_a_deployment_scaled_to_zero_is_ready() -> None:
    assert deployment(a_deployment(replicas=0, updatedReplicas=0, availableReplicas=0)).ready


def test_a_deployment_past_its_progress_deadline_has_failed_with_that_reason() -> None:
    conditions = [
        {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "timed out"}
    ]
    assert deployment(a_deployment(conditions=conditions)).failure == "[ProgressDeadlineExceeded] timed out"


def test_a_refused_pod_shows_in_what_a_deployment_waits_for() -> None:
    conditions = [{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota"}]
    state = deployment(a_deployment(conditions=conditions, updatedReplicas=0))
    assert state.missing == "0/1 pods of the newest version are available; [FailedCreate] exceeded quota"


def a_job(kind: str, reason: str = "", message: str = "") -> Any:
    return {"status": {"conditions": [{"type": kind, "status": "True", "reason": reason, "message": message}]}}


def test_a_complete_job_is_ready() -> None:
    assert job(a_job("Complete")).ready


@pytest.mark.parametrize("reason", ["BackoffLimitExceeded", "DeadlineExceeded", "PodFailurePolicy", "FailedIndexes"])
def test_a_failed_job_fails_with_its_own_reason(reason: str) -> None:
    assert job(a_job("Failed", reason, "it did")) == Readiness(ready=False, failure=f"[{reason}] it did")


def test_a_running_job_and_one_about_to_fail_are_waited_for() -> None:
    assert job({"status": {"active": 1}}) == Readiness(ready=False, missing="1 active, 0 succeeded, 0 failed")
    assert job(a_job("FailureTarget")).failure is None


def test_a_suspended_job_says_so() -> None:
    assert job({"spec": {"suspend": True}}).missing == "suspended, waiting to be admitted"


def test_a_daemon_set_without_nodes_is_ready_once_its_controller_looked() -> None:
    assert not daemon_set({"metadata": {"generation": 1}}).ready
    assert daemon_set({"metadata": {"generation": 1}, "status": {"observedGeneration": 1}}).ready


def test_a_daemon_set_needs_an_updated_available_pod_on_every_node() -> None:
    status = {"observedGeneration": 1, "desiredNumberScheduled": 2, "updatedNumberScheduled": 2, "numberAvailable": 1}
    assert daemon_set({"metadata": {"generation": 1}, "status": status}).missing == "1/2 nodes have an available pod"
    assert daemon_set({"metadata": {"generation": 1}, "status": status | {"numberAvailable": 2}}).ready


def test_a_stateful_set_does_not_wait_for_what_its_partition_holds_back() -> None:
    spec = {"replicas": 3, "updateStrategy": {"rollingUpdate": {"partition": 2}}}
    status = {"observedGeneration": 1, "updatedReplicas": 1, "readyReplicas": 3}
    assert stateful_set({"metadata": {"generation": 1}, "spec": spec, "status": status}).ready
    assert not stateful_set({"metadata": {"generation": 1}, "spec": {"replicas": 3}, "status": status}).ready


def test_a_pod_is_ready_when_it_serves_or_has_finished_well() -> None:
    assert pod({"status": {"conditions": [{"type": "Ready", "status": "True"}]}}).ready
    assert pod({"status": {"phase": "Succeeded"}}).ready
    assert pod({"status": {"phase": "Failed"}}).failure
    assert pod({"status": {"phase": "Pending"}}).missing == "phase Pending"


def test_a_quota_is_ready_once_the_controller_took_over_its_limits() -> None:
    assert not resource_quota({"spec": {"hard": {"pods": "2"}}, "status": {}}).ready
    assert resource_quota({"spec": {"hard": {"pods": "2"}}, "status": {"hard": {"pods": "2"}}}).ready
