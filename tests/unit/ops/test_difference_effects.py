"""What the steps of an update mean for those who use what is changed."""

from typing import Any

import pytest

from ops.difference.plan import difference
from ops.recording import Resource
from tests.unit.ops.resources import job, made, only, provider, resource, service, workload


def effects(before: list[Resource], after: list[Resource]) -> str:
    return "\n".join(effect for step in difference(before, after) for effect in step.effects)


def namespace() -> Resource:
    return made("v1", "Namespace", "ml", {}, {"name": "ml"})


def volume(path: str = "/a", **spec: Any) -> Resource:
    claim = {"namespace": "ml", "name": "models"}
    body = {"spec": {"nfs": {"path": path}, "claimRef": claim, **spec}}
    return made("v1", "PersistentVolume", "models", body, {"name": "models"})


def claim() -> Resource:
    return made("v1", "PersistentVolumeClaim", "models", {"spec": {}})


def test_a_namespace_goes_with_everything_in_it() -> None:
    assert effects([namespace()], []).startswith("data loss: everything in namespace ml")


def test_a_volume_that_is_retained_keeps_its_files() -> None:
    retained = volume(persistentVolumeReclaimPolicy="Retain")
    assert effects([retained], []).startswith("kept: ")
    assert effects([volume(persistentVolumeReclaimPolicy="Delete")], []).startswith("data loss: ")
    assert effects([volume()], [volume("/b")]).startswith("kept: ")


def test_a_claim_is_as_safe_as_the_volume_made_for_it() -> None:
    kept = volume(persistentVolumeReclaimPolicy="Retain")
    lost = volume(persistentVolumeReclaimPolicy="Delete")
    assert effects([kept, claim()], [kept]).startswith("kept: ")
    assert effects([lost, claim()], [lost]).startswith("data loss: ")
    assert effects([claim()], []).startswith("data loss: ")


def test_a_front_that_selects_another_version_moves_traffic() -> None:
    before, after = (service({"app.kubernetes.io/version": version}) for version in "12")
    assert effects([before], [after]) == "traffic: moves from version 1 to version 2"


GATEWAY_API = "gateway.networking.k8s.io/v1"


def route(**weights: int) -> Resource:
    asked: Any = {"matches": [{"headers": [{"name": "x-track", "value": "canary"}]}], "backendRefs": [{"name": "v2"}]}
    shared = {"backendRefs": [{"name": name, "weight": weight} for name, weight in weights.items()]}
    return made(GATEWAY_API, "HTTPRoute", "digits", {"spec": {"rules": [asked, shared]}})


def test_a_routes_new_weights_are_said_as_the_exact_split() -> None:
    assert effects([route(v1=90, v2=10)], [route(v1=50, v2=50)]) == "traffic: v1 90 % => 50 %, v2 10 % => 50 %"
    assert effects([route(v1=50, v2=50)], [route(v2=100)]) == "traffic: v1 50 % => 0 %, v2 50 % => 100 %"
    assert effects([], [route(v1=100)]) == "traffic: v1 0 % => 100 %"
    assert effects([route(v1=100)], []) == "downtime: the gateway knows digits no more"


def test_a_gateway_that_goes_takes_its_address_along() -> None:
    gateway = made(GATEWAY_API, "Gateway", "traefik", {"spec": {"gatewayClassName": "traefik"}})
    assert effects([gateway], []).startswith("downtime: nothing listens at the address of traefik any more")
    assert effects([], [gateway]) == ""


def test_a_service_that_goes_changes_type_or_address_is_downtime() -> None:
    assert effects([service()], []).startswith("downtime: ")
    assert effects([service(type="LoadBalancer")], [service()]).startswith("downtime: ")
    assert effects([service()], [service(clusterIP="None")]).startswith("downtime: ")
    assert effects([service()], [service(ports=[{"port": 1}])]) == ""


def test_a_service_elsewhere_is_followed_by_its_callers() -> None:
    before, after = ([provider(clusterIdentifier=name), service()] for name in "ab")
    assert "answers at another address" in effects(before, after)


def test_new_pods_are_a_rollout_and_downtime_where_the_old_ones_go_first() -> None:
    assert effects([workload(template="a")], [workload(template="b")]).startswith("rollout: ")
    recreate: dict[str, Any] = {"strategy": {"type": "Recreate"}}
    assert effects([workload(template="a", **recreate)], [workload(template="b", **recreate)]).startswith("downtime: ")
    assert effects([workload()], [workload(selector={"matchLabels": {"a": "c"}})]).startswith("downtime: ")
    assert effects([workload(replicas=1)], [workload(replicas=2)]) == ""


def serving(version: str) -> dict[str, str]:
    return {
        "app.kubernetes.io/name": "digits",
        "app.kubernetes.io/component": "serving",
        "app.kubernetes.io/version": version,
    }


def test_a_version_that_traffic_has_left_retires() -> None:
    before = [workload(labels=serving("1")), service(serving("1"))]
    assert "retires: version 1" in effects(before, [service(serving("2"))])
    assert "downtime: nothing serves digits" in effects(before, [])


def test_jobs_train_again_or_are_forgotten() -> None:
    first, second = (job({}, replacement_trigger=attempt) for attempt in (1, 2))
    assert effects([], [first]).startswith("trains: ")
    assert effects([first], [second]).startswith("retrains: ")
    assert effects([first], []).startswith("forgets: ")


FROZEN = ("backoffLimitPerIndex", "completionMode", "managedBy", "podFailurePolicy", "successPolicy")


@pytest.mark.parametrize("field", FROZEN)
def test_fields_of_a_job_that_the_provider_does_not_replace_would_fail(field: str) -> None:
    step = only([job({})], [job({field: "a"})])
    assert step.op == "update"
    assert step.effects[0].startswith(f"would fail: spec.{field} ")


def test_an_immutable_map_cannot_be_made_mutable() -> None:
    before, after = (made("v1", "ConfigMap", "map", {"immutable": immutable}) for immutable in (True, False))
    assert effects([before], [after]).startswith("would fail: immutable ")


def test_other_words_for_a_declared_run_are_refused() -> None:
    def stash(words: str, attempt: int = 1) -> Resource:
        options: dict[str, Any] = {"ignore_changes": ("input",), "replacement_trigger": attempt}
        return resource("pulumi:index:Stash", "digits-v1-definition", {"input": words}, **options)

    step = only([stash("a")], [stash("b")])
    assert (step.op, step.effects[0].partition(":")[0]) == ("same", "refused")
    assert only([stash("a")], [stash("b", 2)]).op == "replace"
    assert difference([stash("a")], [stash("a")]) == ()
