import threading
from typing import Any

import pytest

from local.plugins.kubernetes import waiting
from local.plugins.kubernetes.waiting import Wait, WaitFailed, check, is_awaited
from local.plugins.wire import Object
from tests.unit.local.plugins.fake_api import FakeApi

QUOTA_URL = "/api/v1/namespaces/n/resourcequotas/q"
QUOTA: Object = {
    "apiVersion": "v1",
    "kind": "ResourceQuota",
    "metadata": {"name": "q", "namespace": "n", "uid": "1"},
    "spec": {"hard": {"pods": "2"}},
}
JOB_URL = "/apis/batch/v1/namespaces/n/jobs/j"
JOB: Object = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "j", "namespace": "n", "uid": "job-uid"},
    "spec": {"selector": {"matchLabels": {"job": "j"}}},
}
SERVICE: Object = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "s", "namespace": "n"},
    "spec": {"selector": {"app": "a"}},
}


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "SHORTEST_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(waiting, "LONGEST_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(waiting, "QUIET_SECONDS", 0.0)


def a_wait(api: FakeApi, *, timeout_seconds: float = 5, reports: list[str] | None = None) -> Wait:
    return Wait(api.client, threading.Event(), (reports if reports is not None else []).append, timeout_seconds)


def test_a_wait_ends_when_the_object_is_ready_and_returns_it_live(api: FakeApi) -> None:
    api.objects[QUOTA_URL] = {**QUOTA}
    reads: list[str] = []

    def controller(url: str, obj: dict[str, Any]) -> None:
        reads.append(url)
        if len(reads) == 3:
            obj["status"] = {"hard": {"pods": "2"}}

    api.on_get = controller
    reports: list[str] = []
    assert a_wait(api, reports=reports).until_ready(QUOTA)["status"] == {"hard": {"pods": "2"}}
    assert "waiting for the quota controller" in reports
    assert reports[-1] == ""


def test_a_wait_that_takes_too_long_says_what_is_missing(api: FakeApi) -> None:
    api.objects[QUOTA_URL] = QUOTA
    with pytest.raises(WaitFailed, match=r"^not ready after 0 s: waiting for the quota controller$"):
        a_wait(api, timeout_seconds=0.01).until_ready(QUOTA)


def test_the_annotation_limits_a_wait_where_the_resource_does_not(api: FakeApi) -> None:
    annotated = QUOTA | {"metadata": QUOTA["metadata"] | {"annotations": {"pulumi.com/timeoutSeconds": "0"}}}
    api.objects[QUOTA_URL] = annotated
    with pytest.raises(WaitFailed, match="not ready after 0 s"):
        a_wait(api, timeout_seconds=0).until_ready(annotated)


def test_a_failed_job_ends_the_wait_with_its_reason_and_its_pods_last_words(api: FakeApi) -> None:
    failed = {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "no more tries"}
    api.objects[JOB_URL] = JOB | {"status": {"conditions": [failed]}}
    ended = {"exitCode": 1, "reason": "Error", "message": "ValueError: epochs must be positive"}
    status = {"phase": "Failed", "containerStatuses": [{"name": "train", "state": {"terminated": ended}}]}
    api.objects["/api/v1/namespaces/n/pods/j-1"] = {"metadata": {"name": "j-1"}, "status": status}
    with pytest.raises(WaitFailed) as failure:
        a_wait(api).until_ready(JOB)
    assert failure.value.reasons == [
        "[BackoffLimitExceeded] no more tries",
        "[Pod j-1] container train exited with code 1 (Error):\n      ValueError: epochs must be positive",
    ]


def test_a_job_whose_pods_can_never_be_admitted_is_not_waited_for(api: FakeApi) -> None:
    api.objects[JOB_URL] = JOB
    refusal = "exceeded quota: q, requested: pods=3, used: pods=0, limited: pods=2"
    involved = {"uid": "job-uid", "kind": "Job", "name": "j"}
    api.objects["/api/v1/namespaces/n/events/e"] = {
        "reason": "FailedCreate",
        "message": refusal,
        "involvedObject": involved,
    }
    with pytest.raises(WaitFailed) as failure:
        a_wait(api).until_ready(JOB)
    assert failure.value.reasons[0] == f"[FailedCreate] {refusal}"


def test_a_cancel_ends_a_wait_and_keeps_the_object(api: FakeApi) -> None:
    api.objects[QUOTA_URL] = QUOTA
    wait = a_wait(api)
    wait.cancelled.set()
    with pytest.raises(WaitFailed, match="cancelled while waiting") as failure:
        wait.until_ready(QUOTA)
    assert failure.value.live == QUOTA


def test_an_object_deleted_during_the_wait_is_not_waited_for(api: FakeApi) -> None:
    with pytest.raises(WaitFailed, match="deleted by somebody else"):
        a_wait(api).until_ready(QUOTA)


def test_a_deletion_is_over_when_the_object_is_gone_or_another_has_its_name(api: FakeApi) -> None:
    a_wait(api).until_gone(QUOTA)
    api.objects[QUOTA_URL] = QUOTA | {"metadata": QUOTA["metadata"] | {"uid": "2"}}
    a_wait(api).until_gone(QUOTA)


def test_a_deletion_that_takes_too_long_names_the_finalizers(api: FakeApi) -> None:
    api.objects[QUOTA_URL] = QUOTA | {"metadata": QUOTA["metadata"] | {"finalizers": ["example.com/hold"]}}
    with pytest.raises(WaitFailed, match=r"still there after 0 s; finalizers: example\.com/hold"):
        a_wait(api, timeout_seconds=0.01).until_gone(QUOTA)


def test_skip_await_skips_the_wait_and_for_workloads_that_for_the_deletion(api: FakeApi) -> None:
    skipped = JOB | {"metadata": JOB["metadata"] | {"annotations": {"pulumi.com/skipAwait": "true"}}}
    assert is_awaited(JOB)
    assert not is_awaited(skipped)
    a_wait(api).until_gone(skipped)
    assert api.requests == []


def test_kinds_without_a_rule_are_not_awaited() -> None:
    assert not is_awaited({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler"})
    assert not is_awaited({"apiVersion": "v1", "kind": "LimitRange"})


def endpoints(api: FakeApi, *conditions: dict[str, bool]) -> None:
    url = "/apis/discovery.k8s.io/v1/namespaces/n/endpointslices/s-1"
    api.objects[url] = {"endpoints": [{"conditions": entry} for entry in conditions]}


def test_a_service_waits_for_the_pods_behind_it(api: FakeApi) -> None:
    endpoints(api, {"ready": True}, {"ready": False}, {"ready": False, "terminating": True})
    assert check(api.client, SERVICE, 60).missing == "1/2 pods behind the Service are ready"
    endpoints(api, {"ready": True})
    assert check(api.client, SERVICE, 0).ready


def test_a_service_without_pods_is_ready_after_a_while(api: FakeApi) -> None:
    assert check(api.client, SERVICE, 1).missing == "waiting for pods behind the Service"
    assert check(api.client, SERVICE, 11).ready


@pytest.mark.parametrize(
    "spec", [{}, {"selector": {"a": "b"}, "clusterIP": "None"}, {"selector": {"a": "b"}, "type": "ExternalName"}]
)
def test_services_that_lead_to_no_pods_of_their_own_are_ready_at_once(api: FakeApi, spec: dict[str, Any]) -> None:
    assert check(api.client, SERVICE | {"spec": spec}, 0).ready


def test_a_load_balancer_waits_for_its_address(api: FakeApi) -> None:
    balanced = SERVICE | {"spec": SERVICE["spec"] | {"type": "LoadBalancer"}}
    endpoints(api, {"ready": True})
    assert check(api.client, balanced, 60).missing == "waiting for a load balancer's address"
    assert check(api.client, balanced | {"status": {"loadBalancer": {"ingress": [{"ip": "127.0.0.1"}]}}}, 0).ready


def test_a_claim_waits_to_be_bound_unless_a_pod_must_come_first(api: FakeApi) -> None:
    claim: Object = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "status": {"phase": "Pending"}}
    late = claim | {"spec": {"storageClassName": "late"}}
    api.objects["/apis/storage.k8s.io/v1/storageclasses/late"] = {"volumeBindingMode": "WaitForFirstConsumer"}
    assert check(api.client, claim, 0).missing == "phase Pending"
    assert check(api.client, late, 0).ready
    assert check(api.client, claim | {"status": {"phase": "Bound"}}, 0).ready


def programmed(
    status: str, *, generation: int = 2, observed: int = 2, wait_for: str = "condition=Programmed"
) -> Object:
    said = {"type": "Programmed", "status": status, "reason": "Pending", "observedGeneration": observed}
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "g", "generation": generation, "annotations": {"pulumi.com/waitFor": wait_for}},
        "status": {"conditions": [said]},
    }


def test_an_object_can_name_the_condition_that_it_waits_for(api: FakeApi) -> None:
    assert is_awaited(programmed("False"))
    assert not is_awaited(programmed("False", wait_for="condition="))
    waiting_for = check(api.client, programmed("False"), 0)
    assert not waiting_for.ready
    assert waiting_for.missing == "waiting for Programmed: [Pending]"
    assert check(api.client, programmed("True"), 0).ready


def test_a_condition_of_an_earlier_version_of_the_object_does_not_count(api: FakeApi) -> None:
    assert not check(api.client, programmed("True", observed=1), 0).ready
