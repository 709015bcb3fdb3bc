from typing import Any

import pytest
from pulumi.runtime.proto.provider_pb2 import CheckRequest

from local.plugins.kubernetes.state import (
    checkpoint,
    give_name,
    identity,
    is_replaced_in_place,
    kind_of,
    named,
    split,
    with_dashes,
)
from local.plugins.serve import PluginError
from local.plugins.wire import UNKNOWN, Secret, dig

URN = "urn:pulumi:local::tfk8s::kubernetes:core/v1:ConfigMap::settings"


def test_a_given_name_stays_also_while_unknown() -> None:
    for name in ("mine", UNKNOWN):
        inputs = {"metadata": {"name": name}}
        assert give_name(inputs, {}, CheckRequest(urn=URN)) == inputs


def test_an_unnamed_object_is_named_after_its_resource_with_eight_hexadecimal_digits() -> None:
    first, again = (give_name({}, {}, CheckRequest(urn=URN, randomSeed=b"seed")) for _ in range(2))
    stem, _, suffix = first["metadata"]["name"].rpartition("-")
    assert (stem, len(suffix), first) == ("settings", 8, again)
    assert dig(first, "metadata", "annotations", "pulumi.com/autonamed") == "true"


def test_an_unnamed_object_keeps_the_name_it_got_before() -> None:
    old = {"metadata": {"name": "settings-1", "annotations": {"pulumi.com/autonamed": "true"}}}
    assert give_name({"metadata": {"labels": {"a": "b"}}}, old, CheckRequest(urn=URN))["metadata"] == {
        "name": "settings-1",
        "labels": {"a": "b"},
        "annotations": {"pulumi.com/autonamed": "true"},
    }


def test_the_name_the_engine_proposes_is_taken() -> None:
    autonaming = CheckRequest.AutonamingOptions(proposed_name="settings-local")
    assert dig(give_name({}, {}, CheckRequest(urn=URN, autonaming=autonaming)), "metadata", "name") == "settings-local"


def test_an_unnamed_object_is_refused_where_the_project_wants_names() -> None:
    autonaming = CheckRequest.AutonamingOptions(mode=CheckRequest.AutonamingOptions.DISABLE)
    with pytest.raises(PluginError, match=r"needs `metadata\.name`"):
        give_name({}, {}, CheckRequest(urn=URN, autonaming=autonaming))


def test_an_identity_leads_back_to_its_object() -> None:
    for metadata in ({"name": "a"}, {"name": "a", "namespace": "n"}):
        obj = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata}
        assert named(identity(obj), "v1", "Pod") == obj


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("kubernetes:core/v1:Namespace", ("v1", "Namespace")),
        ("kubernetes:apps/v1:Deployment", ("apps/v1", "Deployment")),
        ("kubernetes:gateway.networking.k8s.io/v1:HTTPRoute", ("gateway.networking.k8s.io/v1", "HTTPRoute")),
    ],
)
def test_type_tokens_name_api_version_and_kind(token: str, expected: tuple[str, str]) -> None:
    assert kind_of(token) == expected


def test_a_type_that_is_no_kind_is_refused() -> None:
    with pytest.raises(PluginError, match="plain objects only"):
        kind_of("kubernetes:yaml:ConfigFile")


def a_secret(**parts: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, **parts}


def test_the_state_never_holds_a_secrets_data_in_the_clear() -> None:
    kept = checkpoint(a_secret(stringData={"p": "x"}), a_secret(data={"p": "eA=="}), "m")
    assert kept["data"] == Secret({"p": "eA=="})
    assert kept["__inputs"]["stringData"] == Secret({"p": "x"})


def test_the_state_gives_inputs_and_live_object_back() -> None:
    inputs = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": Secret("1")}}
    live = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "1"}, "metadata": {"uid": "u"}}
    kept = checkpoint(inputs, live, "pulumi-kubernetes-1")
    assert kept["data"] == {"a": Secret("1")}
    assert (kept["__initialApiVersion"], kept["__fieldManager"]) == ("v1", "pulumi-kubernetes-1")
    assert split(kept) == ({"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "1"}}, live)


def test_extension_keys_of_definitions_are_spelled_for_either_side() -> None:
    program = {"schema": {"x_kubernetes_int_or_string": True, "x_other": [{"x_kubernetes_list_type": "map"}]}}
    server = {"schema": {"x-kubernetes-int-or-string": True, "x_other": [{"x-kubernetes-list-type": "map"}]}}
    assert with_dashes(program) == server
    assert checkpoint({}, server, "m")["schema"] == program["schema"]


def test_only_a_replacement_of_the_same_name_and_namespace_goes_first() -> None:
    live = {"metadata": {"name": "a", "namespace": "n"}}
    autonamed = {"metadata": live["metadata"] | {"annotations": {"pulumi.com/autonamed": "true"}}}
    assert is_replaced_in_place({"metadata": {"name": "a", "namespace": "n"}}, live)
    assert not is_replaced_in_place({"metadata": {"name": "b", "namespace": "n"}}, live)
    assert not is_replaced_in_place({"metadata": {"name": "a", "namespace": "m"}}, live)
    assert not is_replaced_in_place(autonamed, live)
