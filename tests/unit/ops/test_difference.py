"""What would be done to each resource, and what that means."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from ops.difference.plan import difference
from ops.difference.step import Step
from ops.recording import Answers, Resource
from tests.unit.recorder import committed_platform, sound_platform

STACK = "urn:pulumi:test::tfk8s::pulumi:pulumi:Stack::tfk8s-test"


def urn(type_: str, name: str) -> str:
    return f"urn:pulumi:test::tfk8s::{type_}::{name}"


CLUSTER = urn("pulumi:providers:kubernetes", "cluster")


def resource(type_: str, name: str, inputs: Any, **options: Any) -> Resource:
    given: dict[str, Any] = {
        "urn": urn(type_, name),
        "type": type_.removeprefix("kubernetes:"),
        "name": name,
        "custom": True,
        "inputs": inputs,
        "secrets": frozenset(),
        "parent": STACK,
        "provider": "",
        "dependencies": frozenset(),
        "ignore_changes": (),
        "replacement_trigger": None,
        "delete_before_replace": False,
        "create_timeout": "",
        "update_timeout": "",
    }
    return Resource(**{**given, **options})


def provider(**inputs: object) -> Resource:
    return resource("pulumi:providers:kubernetes", "cluster", {"context": "a", **inputs})


def made(
    api: str, kind: str, name: str, body: Mapping[str, Any], metadata: Mapping[str, Any] | None = None, **options: Any
) -> Resource:
    """An object, named like its resource unless told otherwise."""
    group = api if "/" in api else f"core/{api}"
    inputs = {
        "apiVersion": api,
        "kind": kind,
        "metadata": {"name": name, "namespace": "ml"} if metadata is None else metadata,
        **body,
    }
    return resource(f"kubernetes:{group}:{kind}", name, inputs, provider=f"{CLUSTER}::id", **options)


def config_map(name: str = "map", data: Any = None, **options: Any) -> Resource:
    return made("v1", "ConfigMap", name, {"data": data or {"a": "1"}}, **options)


def job(spec: Any, **options: Any) -> Resource:
    labels = {"app.kubernetes.io/component": "training"}
    metadata = {"name": "digits-v1", "namespace": "ml", "labels": labels}
    return made("batch/v1", "Job", "digits-v1", {"spec": spec}, metadata, **options)


def service(selector: Any = None, **spec: Any) -> Resource:
    return made("v1", "Service", "digits", {"spec": {"selector": selector or {"app": "a"}, **spec}})


def workload(labels: Mapping[str, str] | None = None, **spec: Any) -> Resource:
    metadata: dict[str, Any] = {"name": "digits-v1", "namespace": "ml", "labels": labels or {}}
    return made(
        "apps/v1", "Deployment", "digits-v1", {"spec": {"selector": {"matchLabels": {"a": "b"}}, **spec}}, metadata
    )


def image(name: str = "host/train", **build: Any) -> Resource:
    return resource("docker:index/image:Image", "training-image", {"imageName": f"{name}:test", "build": build})


def only(before: list[Resource], after: list[Resource]) -> Step:
    (step,) = difference(before, after)
    return step


def ops(before: list[Resource], after: list[Resource]) -> dict[str, str]:
    return {step.name: step.op for step in difference(before, after)}


# -- operations


def test_urns_are_those_of_the_engine() -> None:
    urns = {one.name: one.urn.split("::")[2] for one in committed_platform("local").resources if one.is_object}
    assert urns["ml"] == "tfk8s:index:Tenant$kubernetes:core/v1:Namespace"
    assert urns["digits-v1-config"] == "tfk8s:index:ServedModel$tfk8s:index:ModelVersion$kubernetes:core/v1:ConfigMap"


@pytest.mark.parametrize("stack", ["local", "dev", "prod"])
def test_a_stack_does_not_differ_from_itself(stack: str) -> None:
    resources = committed_platform(stack).resources
    assert difference(resources, resources) == ()


def test_everything_is_created_where_there_was_nothing_and_deleted_where_nothing_stays() -> None:
    resources = [one for one in sound_platform().resources if not one.read]
    assert [step.op for step in difference([], resources)] == ["create"] * len(resources)
    gone = difference(resources, [])
    assert {step.op for step in gone} == {"delete"}
    assert [step.urn for step in gone] == [one.urn for one in reversed(resources)], "dependents go first"


def test_a_changed_field_is_an_update_with_both_values() -> None:
    step = only([workload(replicas=1)], [workload(replicas=2)])
    assert step.op == "update"
    (change,) = step.fields
    assert (change.path, change.before, change.after, change.replaces) == ("spec.replicas", 1, 2, False)


def test_a_field_added_or_removed_has_no_value_on_one_side() -> None:
    assert only([workload()], [workload(replicas=2)]).fields[0].before is None
    assert only([workload(replicas=2)], [workload()]).fields[0].after is None


def test_an_object_of_a_fixed_name_is_deleted_before_its_replacement_comes() -> None:
    step = only([config_map()], [config_map(data={"a": "2"})])
    assert (step.op, step.delete_first, step.fields[0].replaces) == ("replace", True, True)


def test_an_object_named_by_the_provider_is_replaced_before_the_old_one_goes() -> None:
    names = {"namespace": "ml"}
    before, after = (config_map(data={"a": text}, metadata=names) for text in "12")
    step = only([before], [after])
    assert (step.op, step.delete_first) == ("replace", False)


def test_a_name_taken_from_the_provider_or_given_to_it_is_another_object() -> None:
    named, unnamed = config_map(), config_map(metadata={"namespace": "ml"})
    assert only([named], [unnamed]).op == "replace"
    assert only([unnamed], [named]).op == "replace"
    assert only([unnamed], [named]).fields[0].path == "metadata.name"


def test_the_default_namespace_may_be_written_or_not() -> None:
    unsaid, said = (config_map(metadata={"name": "map", **more}) for more in ({}, {"namespace": "default"}))
    assert difference([unsaid], [said]) == ()


def test_another_namespace_is_another_object_and_the_old_one_goes_last() -> None:
    step = only([config_map()], [config_map(metadata={"name": "map", "namespace": "other"})])
    assert (step.op, step.delete_first) == ("replace", False)


def test_a_resource_that_moved_under_another_parent_is_another_resource() -> None:
    moved = replace(config_map(), urn=config_map().urn.replace("kubernetes:", "tfk8s:index:Tenant$kubernetes:"))
    assert [step.op for step in difference([config_map()], [moved])] == ["create", "delete"]


def test_ignored_fields_are_no_change() -> None:
    before, after = (job({"template": text}, ignore_changes=("spec",)) for text in "12")
    assert difference([before], [after]) == ()


def test_another_trigger_replaces_whatever_is_ignored_and_shows_all_that_will_be_new() -> None:
    options = {"ignore_changes": ("spec",), "delete_before_replace": True}
    before, after = (job({"template": f"{attempt}"}, replacement_trigger=attempt, **options) for attempt in (1, 2))
    step = only([before], [after])
    assert (step.op, step.delete_first) == ("replace", True)
    assert "trigger changes from 1 to 2" in step.reason
    assert [change.path for change in step.fields] == ["spec.template"]


@pytest.mark.parametrize(("first", "second"), [(None, 1), (1, None), (2, 2)])
def test_a_trigger_that_comes_goes_or_stays_replaces_nothing(first: int | None, second: int | None) -> None:
    before, after = (config_map(replacement_trigger=trigger) for trigger in (first, second))
    assert difference([before], [after]) == ()


def test_a_stack_that_is_only_looked_up_is_no_resource_of_this_one() -> None:
    reference = resource("pulumi:pulumi:StackReference", "dev", {"name": "a/b/c"}, read=True)
    assert difference([], [reference]) == ()


# -- what hangs on others


def test_another_cluster_replaces_everything_in_it() -> None:
    before, after = ([provider(clusterIdentifier=name), config_map()] for name in ("a", "b"))
    steps = difference(before, after)
    assert [step.op for step in steps] == ["replace", "replace"]
    assert steps[1].reason == "its provider leads to another cluster"


def test_other_ways_to_the_same_cluster_replace_nothing_where_it_is_identified() -> None:
    before, after = ([provider(clusterIdentifier="a", context=name), config_map()] for name in ("a", "b"))
    assert ops(before, after) == {"cluster": "update"}


def test_another_context_without_an_identifier_is_taken_for_another_cluster() -> None:
    assert ops([provider()], [provider(context="b")]) == {"cluster": "replace"}


def test_options_of_the_provider_decide_whether_data_is_changed_in_place() -> None:
    cluster = provider(enableConfigMapMutable="true")
    assert ops([cluster, config_map()], [cluster, config_map(data={"a": "2"})]) == {"map": "update"}


def test_what_gets_replaced_data_from_something_deleted_first_goes_with_it() -> None:
    names = frozenset({config_map("first").urn})
    follower = config_map("data-from", {"name": "first"}, property_dependencies={"data": names})
    labelled = config_map("label-from", property_dependencies={"metadata": names})
    before = [config_map("first"), follower, labelled]
    after = [config_map("first", {"a": "2"}), follower, labelled]
    steps = {step.name: step for step in difference(before, after)}
    assert {name: step.op for name, step in steps.items()} == {"first": "replace", "data-from": "replace"}
    assert steps["data-from"].delete_first
    assert "first" in steps["data-from"].reason


def test_users_of_a_name_the_provider_gives_anew_change_with_it() -> None:
    user = workload(template={"configMap": f"map-{Answers().suffix}"})
    user = replace(user, property_dependencies={"spec": frozenset({config_map().urn})})
    before, after = ([config_map(data={"a": text}, metadata={}), user] for text in "12")
    step = next(step for step in difference(before, after) if step.kind == "Deployment")
    assert (step.op, step.fields[0].after) == ("update", "[known after the update]")


def test_an_image_that_is_built_again_rolls_the_pods_that_run_it() -> None:
    reference = f"host/train@{Answers().digest}"
    user = workload(template={"image": reference})
    user = replace(user, property_dependencies={"spec": frozenset({image().urn})})
    before, after = ([image(contextDigest=text), user] for text in "12")
    built, rolled = difference(before, after)
    assert (built.op, rolled.op) == ("update", "update")
    assert rolled.fields[0].before == "host/train@[digest of the last build]"
    assert rolled.fields[0].after == "[known after the build]"
    assert "build: " in built.effects[0]
    assert "rollout: " in rolled.effects[0]


def test_other_credentials_build_nothing() -> None:
    before, after = (image(), image())
    before.inputs["registry"] = {"server": "host", "password": "a"}
    after.inputs["registry"] = {"server": "host", "password": "b"}
    assert difference([before], [after]) == ()


# -- secrets


def test_values_of_secrets_are_never_shown() -> None:
    before, after = (made("v1", "Secret", "pull", {"data": {"a": text}}) for text in ("b2xk", "bmV3"))
    step = only([before], [after])
    assert (step.fields[0].before, step.fields[0].after) == ("[secret]", "[secret]")


@pytest.mark.parametrize("secret", ["data.a", "data", "data.a.b"])
def test_what_a_recording_marks_secret_is_hidden_and_so_is_what_holds_it(secret: str) -> None:
    before, after = (config_map(data={"a": text}, secrets=frozenset({secret})) for text in ("old", "new"))
    assert {change.after for change in only([before], [after]).fields} == {"[secret]"}


def test_a_field_beside_a_secret_one_is_shown() -> None:
    before, after = (config_map(data={"ab": text}, secrets=frozenset({"data.a"})) for text in ("old", "new"))
    assert only([before], [after]).fields[0].after == "new"


def test_a_kubeconfig_is_never_shown() -> None:
    step = only([provider(kubeconfig="old")], [provider(kubeconfig="new")])
    assert step.fields[0].after == "[secret]"


# -- effects


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
