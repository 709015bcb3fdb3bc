"""What would be done to each resource."""

from dataclasses import replace

import pytest

from ops.difference.plan import difference
from ops.recording import Answers, Resource
from tests.unit.ops.resources import config_map, image, job, made, only, provider, resource, workload
from tests.unit.recorder import committed_platform, sound_platform


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
