"""Which fields of an object differ, and which of those replace it, against recorded plans of the official provider."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops.difference.fields import MISSING, Change, keeping, mapping, object_changes, plain_changes, written
from ops.replacing import REFUSED, REPLACING, replacing_fields, touches

RECORDED = Path(__file__).parents[1] / "local" / "plugins" / "plans.jsonl"
PLANS: list[dict[str, Any]] = [json.loads(line) for line in RECORDED.read_text().splitlines()]

KEYS = st.text("abcxyz", min_size=1, max_size=3)
VALUES = st.recursive(
    st.one_of(st.integers(-9, 9), st.booleans(), st.text("pqr", max_size=3)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=12,
)
OBJECTS = st.dictionaries(KEYS, VALUES, max_size=4)


def quota(**hard: object) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "quota"}, "spec": {"hard": hard}}


def kinds_of(before: Any, after: Any) -> dict[str, str]:
    return {written(change.path): _kind(change) for change in object_changes(before, after)}


def _kind(change: Change) -> str:
    return "ADD" if change.before is MISSING else "DELETE" if change.after is MISSING else "UPDATE"


@pytest.mark.parametrize("plan", PLANS, ids=[plan["case"] for plan in PLANS])
def test_an_objects_changes_are_those_the_official_provider_planned(plan: dict[str, Any]) -> None:
    fields = replacing_fields(plan["new"])
    found = {
        written(change.path): _kind(change) + ("_REPLACE" if touches(fields, change.path, change.after) else "")
        for change in object_changes(plan["old"], plan["new"])
    }
    assert found == plan["changes"]


@pytest.mark.parametrize(("one", "other"), [("1", "1000m"), (1, "1"), ("1024Mi", "1Gi"), ("1k", "1e3"), (2, "2000m")])
def test_equal_quantities_are_no_difference(one: object, other: object) -> None:
    assert object_changes(quota(cpu=one), quota(cpu=other)) == ()


@pytest.mark.parametrize(("one", "other"), [("1", "100m"), ("1G", "1Gi"), ("1", "one"), ("1E", "1")])
def test_other_quantities_are_a_difference(one: object, other: object) -> None:
    assert kinds_of(quota(cpu=one), quota(cpu=other)) == {"spec.hard.cpu": "UPDATE"}


def test_a_text_is_another_value_than_the_number_it_spells() -> None:
    def service(port: object) -> dict[str, Any]:
        return {"apiVersion": "v1", "kind": "Service", "metadata": {}, "spec": {"ports": [{"targetPort": port}]}}

    assert kinds_of(service(80), service("80")) == {"spec.ports[0].targetPort": "UPDATE"}
    assert kinds_of(service(80), service(80.0)) == {}


def test_lists_are_compared_place_by_place() -> None:
    before, after = ({"metadata": {}, "spec": {"args": args}} for args in (["a", "b"], ["b", "a", "c"]))
    assert kinds_of(before, after) == {"spec.args[0]": "UPDATE", "spec.args[1]": "UPDATE", "spec.args[2]": "ADD"}


def test_a_number_in_the_environment_is_no_quantity() -> None:
    def pod(value: str) -> dict[str, Any]:
        return {"apiVersion": "v1", "kind": "Pod", "metadata": {}, "spec": {"env": [{"name": "A", "value": value}]}}

    assert kinds_of(pod("1"), pod("1000m")) == {"spec.env[0].value": "UPDATE"}


@settings(max_examples=20)
@given(OBJECTS)
def test_nothing_differs_from_itself(one: dict[str, Any]) -> None:
    assert plain_changes(one, json.loads(json.dumps(one))) == ()


@settings(max_examples=20)
@given(OBJECTS, OBJECTS)
def test_each_difference_is_found_once_and_nothing_else(before: dict[str, Any], after: dict[str, Any]) -> None:
    found = plain_changes(before, after)
    paths = [change.path for change in found]
    assert len(set(paths)) == len(paths)
    assert all(one == other or one != other[: len(one)] for one in paths for other in paths), "none within another"
    assert _patched(before, found) == after


@settings(max_examples=20)
@given(OBJECTS, OBJECTS)
def test_changes_the_other_way_are_the_same_places(before: dict[str, Any], after: dict[str, Any]) -> None:
    there, back = plain_changes(before, after), plain_changes(after, before)
    assert {change.path for change in there} == {change.path for change in back}


@settings(max_examples=20)
@given(OBJECTS, OBJECTS)
def test_what_is_ignored_stays_as_it_was_and_nothing_else_does(before: dict[str, Any], after: dict[str, Any]) -> None:
    kept = keeping(before, after, ["a"])
    assert kept.get("a", MISSING) == before.get("a", MISSING)
    assert {key: kept[key] for key in kept if key != "a"} == {key: after[key] for key in after if key != "a"}


def test_a_nested_path_can_be_ignored() -> None:
    before = {"metadata": {"labels": {"a.b/c": "1"}}, "spec": {"replicas": 1}}
    after = {"metadata": {"labels": {"a.b/c": "2", "d": "3"}}, "spec": {}}
    ignored = ['metadata.labels["a.b/c"]', "spec.replicas", "status.ready"]
    assert keeping(before, after, ignored) == {
        "metadata": {"labels": {"a.b/c": "1", "d": "3"}},
        "spec": {"replicas": 1},
    }


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("spec", "containers", 0, "args"), "spec.containers[0].args"),
        (("metadata", "labels", "a.b/c"), 'metadata.labels["a.b/c"]'),
        (("data", 'say "x"'), 'data["say \\"x\\""]'),
    ],
)
def test_paths_are_written_as_the_engine_writes_them(path: tuple[str | int, ...], text: str) -> None:
    assert written(path) == text


def test_a_field_inside_an_added_value_replaces_too() -> None:
    assert touches(["spec.selector"], ("spec",), {"selector": {}})
    assert not touches(["spec.selector"], ("spec",), {"replicas": 1})
    assert touches(["spec.containers.*.image"], ("spec", "containers"), [{"name": "a"}, {"image": "b"}])
    assert not touches(["spec.selector"], ("spec", "template"), {})


@pytest.mark.parametrize("kind", ["ConfigMap", "Secret"])
def test_data_may_change_in_place_where_the_provider_is_told_so_and_the_object_is_not_immutable(kind: str) -> None:
    inputs = {"apiVersion": "v1", "kind": kind}
    options = {"mutable_config_maps": True, "mutable_secrets": True}
    assert "data" in replacing_fields(inputs)
    assert "data" not in replacing_fields(inputs, **options)
    assert "data" in replacing_fields({**inputs, "immutable": True}, **options)


def test_no_field_is_both_replaced_and_refused() -> None:
    for kind, fields in REFUSED.items():
        assert not set(fields) & set(REPLACING.get(kind, ()))


def test_mapping_reaches_through_what_is_not_there() -> None:
    assert mapping({"a": {"b": {"c": 1}}}, "a", "b") == {"c": 1}
    assert mapping({"a": None}, "a", "b") == {}


def _patched(before: Any, changes: Any) -> Any:
    result = json.loads(json.dumps(before))
    for change in sorted(changes, key=lambda one: [str(step).zfill(9) for step in one.path], reverse=True):
        *parents, last = change.path
        here: Any = result
        for step in parents:
            here = here[step]
        if change.after is MISSING:
            del here[last]
        elif isinstance(last, int) and change.before is MISSING:
            here.insert(_length_before(before, parents), change.after)
        else:
            here[last] = change.after
    return result


def _length_before(before: Any, parents: list[str | int]) -> int:
    for step in parents:
        before = before[step]
    return len(before)
