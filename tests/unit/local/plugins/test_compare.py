from typing import Any

import pytest

from local.plugins.kubernetes.compare import changes, is_built_in, keep_equal, normalise, prune
from local.plugins.kubernetes.paths import Path, is_ignored, parsed, written
from local.plugins.wire import UNKNOWN, Object

CONFIG: dict[str, Any] = {"apiVersion": "v1", "kind": "ConfigMap"}


def planned(live: dict[str, Any], old: dict[str, Any], new: dict[str, Any]) -> dict[str, str]:
    found = changes(CONFIG | live, CONFIG | old, CONFIG | new)
    return {written(path): difference.change for path, difference in found.items()}


def test_fields_the_cluster_filled_in_are_no_difference() -> None:
    assert planned({"data": {"a": "1"}, "metadata": {"uid": "u"}}, {"data": {"a": "1"}}, {"data": {"a": "1"}}) == {}


def test_a_field_somebody_else_changed_is_a_difference() -> None:
    assert planned({"data": {"a": "2"}}, {"data": {"a": "1"}}, {"data": {"a": "1"}}) == {"data.a": "UPDATE"}


def test_a_field_new_in_the_inputs_is_added_even_with_the_live_value() -> None:
    assert planned({"spec": {"replicas": 1}}, {"spec": {}}, {"spec": {"replicas": 1}}) == {"spec.replicas": "ADD"}


def test_a_field_the_inputs_drop_is_deleted() -> None:
    assert planned({"data": {"a": "1", "b": "2"}}, {"data": {"a": "1", "b": "2"}}, {"data": {"a": "1"}}) == {
        "data.b": "DELETE"
    }


def test_an_empty_value_the_server_dropped_is_no_difference() -> None:
    assert planned({"spec": {}}, {"spec": {"ingress": []}}, {"spec": {"ingress": []}}) == {}


def test_an_empty_array_is_the_same_as_none() -> None:
    assert planned({"spec": {"a": 1}}, {"spec": {"a": 1}}, {"spec": {"a": 1, "ingress": []}}) == {}
    old: Object = {"spec": {"ingress": [1]}}
    assert planned(old, old, {"spec": {"ingress": []}}) == {"spec.ingress": "DELETE"}


def test_an_empty_value_is_a_difference_for_custom_resources() -> None:
    kind = {"apiVersion": "example.com/v1", "kind": "Widget"}
    found = changes(kind | {"spec": {}}, kind | {"spec": {"a": []}}, kind | {"spec": {"a": []}})
    assert [written(path) for path in found] == ["spec.a"]


def test_false_is_not_zero() -> None:
    assert planned({"spec": {"a": 0}}, {"spec": {"a": 0}}, {"spec": {"a": False}}) == {"spec.a": "UPDATE"}


def test_unknown_values_are_differences() -> None:
    assert planned({"data": {"a": "1"}}, {"data": {"a": "1"}}, {"data": {"a": UNKNOWN, "b": UNKNOWN}}) == {
        "data.a": "UPDATE",
        "data.b": "ADD",
    }


def test_array_items_are_compared_one_by_one() -> None:
    live, new = {"spec": {"l": [1, 2, 3]}}, {"spec": {"l": [1, 5]}}
    assert planned(live, live, new) == {"spec.l[1]": "UPDATE", "spec.l[2]": "DELETE"}


def test_a_secret_given_as_text_equals_the_encoded_one() -> None:
    secret = {"apiVersion": "v1", "kind": "Secret"}
    normal = normalise(secret | {"stringData": {"p": "x"}, "data": {"p": "bad", "q": "eA=="}})
    assert normal == secret | {"data": {"p": "eA==", "q": "eA=="}}


def test_normal_inputs_carry_nothing_only_the_server_writes() -> None:
    assert normalise({"metadata": {"name": "a", "uid": "u", "resourceVersion": "1"}}) == {"metadata": {"name": "a"}}


def test_pruning_keeps_the_described_part_of_arrays_of_objects() -> None:
    live = {"l": [{"a": 1, "b": 2}, {"a": 3}], "x": 1}
    assert prune(live, {"l": [{"a": 0}]}) == {"l": [{"a": 1}]}


def test_a_refresh_keeps_how_the_program_wrote_equal_values() -> None:
    old: Object = {"spec": {"hard": {"requests.cpu": "1000m", "pods": "1"}, "scopes": []}}
    live = {"spec": {"hard": {"requests.cpu": "1", "pods": "2"}}}
    kept = keep_equal(prune(live, old), old, built_in=True)
    assert kept == {"spec": {"hard": {"requests.cpu": "1000m", "pods": "2"}, "scopes": []}}


@pytest.mark.parametrize(
    ("api_version", "expected"),
    [
        ("v1", True),
        ("apps/v1", True),
        ("rbac.authorization.k8s.io/v1", True),
        ("gateway.networking.k8s.io/v1", False),
        ("kueue.x-k8s.io/v1beta1", False),
        ("example.com/v1", False),
    ],
)
def test_custom_resources_are_told_from_built_in_kinds(api_version: str, expected: bool) -> None:
    assert is_built_in({"apiVersion": api_version}) is expected


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("spec", "containers", 0, "args"), "spec.containers[0].args"),
        (("metadata", "labels", "a.b/c"), 'metadata.labels["a.b/c"]'),
        (("data", 'x"y'), 'data["x\\"y"]'),
    ],
)
def test_paths_are_written_and_read_as_the_engine_does(path: Path, text: str) -> None:
    assert written(path) == text
    assert parsed(text) == path


def test_an_ignored_path_covers_what_is_inside_it() -> None:
    assert is_ignored(("spec", "template", "spec"), [parsed("spec")])
    assert is_ignored(("spec", "containers", 3, "image"), [parsed("spec.containers[*].image")])
    assert not is_ignored(("spec",), [parsed("spec.replicas")])
