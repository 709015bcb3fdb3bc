from typing import Any

import pytest

from local.plugins.kubernetes.problems import REVISION, SHOWN, Problems, is_hopeless, pod_problems
from tests.unit.local.plugins.fake_api import FakeApi

EXCEEDED = (
    'Error creating: pods "a" is forbidden: exceeded quota: q, requested: limits.cpu=4,requests.nvidia.com/gpu={gpus}, '
    "used: limits.cpu=0,requests.nvidia.com/gpu=6, limited: limits.cpu=8,requests.nvidia.com/gpu=8"
)
JOB: dict[str, Any] = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "j", "namespace": "n", "uid": "job-uid"},
    "spec": {"selector": {"matchLabels": {"job": "j"}}},
}


def a_pod(name: str = "p", **status: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "uid": f"uid-{name}"}, "status": {"phase": "Pending", **status}}


def container(**state: Any) -> dict[str, Any]:
    return {"containerStatuses": [{"name": "train", "state": state}]}


def test_a_failed_container_tells_its_code_and_its_last_words() -> None:
    ended = {"exitCode": 1, "reason": "Error", "message": "Traceback\nno such file\n"}
    assert pod_problems(a_pod(**container(terminated=ended))) == [
        "container train exited with code 1 (Error):\n      Traceback\n      no such file"
    ]


@pytest.mark.parametrize(
    ("code", "told"),
    [(2, "container train exited with code 2 (Error)"), (0, "container train: [CrashLoopBackOff] back-off 10s")],
)
def test_a_crash_loop_tells_how_the_container_ended_if_that_says_more(code: int, told: str) -> None:
    status = container(waiting={"reason": "CrashLoopBackOff", "message": "back-off 10s"})
    status["containerStatuses"][0]["lastState"] = {"terminated": {"exitCode": code, "reason": "Error"}}
    assert pod_problems(a_pod(**status)) == [told]


def test_init_containers_and_scheduling_are_told_too() -> None:
    status: dict[str, Any] = {
        "conditions": [{"type": "PodScheduled", "status": "False", "message": "0/1 nodes: Insufficient cpu"}],
        "initContainerStatuses": [{"name": "fetch", "state": {"terminated": {"exitCode": 3, "reason": "Error"}}}],
    }
    assert pod_problems(a_pod(**status)) == [
        "not scheduled: 0/1 nodes: Insufficient cpu",
        "container fetch exited with code 3 (Error)",
    ]


def test_a_starting_or_finished_container_is_no_problem() -> None:
    assert pod_problems(a_pod(**container(waiting={"reason": "ContainerCreating"}))) == []
    assert pod_problems(a_pod(**container(terminated={"exitCode": 0, "reason": "Completed"}))) == []


@pytest.mark.parametrize(
    ("refusal", "expected"),
    [
        (EXCEEDED.format(gpus=16), True),
        (EXCEEDED.format(gpus=4), False),
        ('pods "a" is forbidden: violates PodSecurity "restricted:latest"', True),
        ('pods "a" is forbidden: maximum cpu usage per Container is 4, but limit is 8', True),
        ('pods "a" is forbidden: error looking up service account n/s: not found', False),
    ],
)
def test_only_refusals_that_no_waiting_can_change_are_hopeless(refusal: str, expected: bool) -> None:
    assert is_hopeless(refusal) is expected


def an_event(uid: str, reason: str, message: str, kind: str = "Job", name: str = "j") -> dict[str, Any]:
    return {"reason": reason, "message": message, "involvedObject": {"uid": uid, "kind": kind, "name": name}}


def test_a_refused_pod_is_found_in_the_events_of_its_job(api: FakeApi) -> None:
    api.objects["/api/v1/namespaces/n/events/e"] = an_event("job-uid", "FailedCreate", EXCEEDED.format(gpus=16))
    problems = Problems(api.client)
    problems.look(JOB)
    refusal = f"[FailedCreate] {EXCEEDED.format(gpus=16)}".replace('pods "a"', "pods")
    assert problems.told() == [f"[Job j] {refusal}"]
    assert problems.hopeless == refusal
    assert problems.told(known=refusal) == []


def a_deployment(*, observed: int = 2) -> dict[str, Any]:
    metadata = {"name": "d", "namespace": "n", "uid": "d", "generation": 2, "annotations": {REVISION: "2"}}
    selector = {"matchLabels": {"app": "d"}}
    return {"kind": "Deployment", "metadata": metadata, "spec": {"selector": selector}} | {
        "status": {"observedGeneration": observed}
    }


def refused(api: FakeApi, *, revision: str) -> None:
    metadata = {"name": "d-1", "uid": "rs", "annotations": {REVISION: revision}}
    api.objects["/apis/apps/v1/namespaces/n/replicasets/d-1"] = {"metadata": metadata}
    message = EXCEEDED.format(gpus=16)
    api.objects["/api/v1/namespaces/n/events/e"] = an_event("rs", "FailedCreate", message, "ReplicaSet", "d-1")


def test_a_refusal_counts_for_the_newest_replica_set_only(api: FakeApi) -> None:
    for revision, observed, hopeless in (("2", 2, True), ("1", 2, False), ("2", 1, False)):
        refused(api, revision=revision)
        problems = Problems(api.client)
        problems.look(a_deployment(observed=observed))
        assert bool(problems.hopeless) is bool(problems.told()) is hopeless


def test_events_of_its_pods_that_do_not_run_are_told(api: FakeApi) -> None:
    api.objects["/api/v1/namespaces/n/pods/p"] = a_pod()
    for number, event in enumerate(
        [
            an_event("uid-p", "FailedMount", "no such volume", "Pod", "p"),
            an_event("other", "FailedMount", "not ours", "Pod", "x"),
            an_event("uid-p", "BackOff", "said by the status", "Pod", "p"),
        ]
    ):
        api.objects[f"/api/v1/namespaces/n/events/{number}"] = event
    problems = Problems(api.client)
    problems.look(a_deployment())
    assert problems.told() == ["[Pod p] [FailedMount] no such volume"]


def test_what_a_vanished_pod_said_is_remembered(api: FakeApi) -> None:
    ended = {"exitCode": 1, "reason": "Error", "message": "bad input"}
    api.objects["/api/v1/namespaces/n/pods/p"] = a_pod(**container(terminated=ended))
    problems = Problems(api.client)
    assert problems.look(JOB) == "container train exited with code 1 (Error): bad input"
    del api.objects["/api/v1/namespaces/n/pods/p"]
    assert problems.look(JOB) is None
    assert problems.told() == ["[Pod p] container train exited with code 1 (Error):\n      bad input"]


def test_only_the_newest_problems_are_told_each_once(api: FakeApi) -> None:
    for number in range(SHOWN + 2):
        ended = {"exitCode": number + 1, "reason": "Error"}
        api.objects[f"/api/v1/namespaces/n/pods/p{number}"] = a_pod(f"p{number}", **container(terminated=ended))
    problems = Problems(api.client)
    problems.look(JOB)
    assert len(problems.told()) == SHOWN
    assert "code 7" in problems.told()[-1]


def test_one_problem_of_several_pods_is_told_once(api: FakeApi) -> None:
    for name in ("a", "b", "c"):
        ended = {"exitCode": 1, "reason": "Error"}
        api.objects[f"/api/v1/namespaces/n/pods/{name}"] = a_pod(name, **container(terminated=ended))
    problems = Problems(api.client)
    problems.look(JOB)
    assert problems.told() == ["[Pod c and 2 more] container train exited with code 1 (Error)"]


def test_kinds_without_pods_ask_nothing(api: FakeApi) -> None:
    assert Problems(api.client).look({"kind": "ResourceQuota"}) is None
    assert api.requests == []


def test_a_suspended_job_is_told_what_its_queue_lacks_and_a_running_one_is_not(api: FakeApi) -> None:
    for name, message in (("job-j-1a2b3", "insufficient unused quota"), ("job-j-k-1a2b3", "another Job's")):
        api.objects[f"/api/v1/namespaces/n/events/{name}"] = an_event(name, "Pending", message, "Workload", name)
    queued = {**JOB, "spec": {**JOB["spec"], "suspend": True}}
    assert Problems(api.client).look(queued) == "[Pending] insufficient unused quota"
    assert Problems(api.client).look(JOB) is None
