"""The cluster's own objects, its node and the journal of what it changed."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from local import paths
from local.cluster import adapter, credentials, journal, system
from local.cluster.api import path_of
from local.cluster.gpus import gpu_status, has_gpus
from local.cluster.readiness import node_is_ready
from local.private import write_private
from local.processes import Identity


@pytest.fixture
def objects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, Any]]:
    monkeypatch.setattr(paths, "CLUSTER", tmp_path)
    write_private(credentials.pki("ca.crt"), b"authority")
    return {f"{one['kind']}/{one['metadata']['name']}": one for one in [*system.objects(), *adapter.objects()]}


def test_dns_has_the_address_that_pods_ask(objects: dict[str, dict[str, Any]]) -> None:
    assert objects["Service/kube-dns"]["spec"]["clusterIP"] == paths.DNS_ADDRESS
    (endpoint,) = objects["EndpointSlice/kube-dns"]["endpoints"]
    assert endpoint["addresses"] == ["10.213.0.1"]


def test_metrics_api_is_verified_against_the_clusters_authority(objects: dict[str, dict[str, Any]]) -> None:
    spec = objects["APIService/v1beta1.metrics.k8s.io"]["spec"]
    assert spec["caBundle"] == "YXV0aG9yaXR5"
    assert "insecureSkipTLSVerify" not in spec


def test_pods_find_the_api_server_and_the_gateways_counters_on_the_bridge(objects: dict[str, dict[str, Any]]) -> None:
    for name, port in (("kubernetes", paths.API_PORT), ("gateway-metrics", paths.BRIDGE_GATEWAY_METRICS_PORT)):
        there = objects[f"EndpointSlice/{name}"]
        assert [one["port"] for one in there["ports"]] == [port]
        assert [one["addresses"] for one in there["endpoints"]] == [[paths.BRIDGE_ADDRESS]]
    assert objects["Service/gateway-metrics"]["spec"]["clusterIP"] == "None"


def test_the_adapter_may_ask_one_prometheus_and_nothing_else(objects: dict[str, dict[str, Any]]) -> None:
    [rule] = objects["ClusterRole/tfk8s:prometheus-adapter"]["rules"]
    assert (rule["resources"], rule["resourceNames"]) == (["services/proxy"], ["prometheus:9090"])


def test_no_external_metrics_api_stays_where_nobody_answers_for_it() -> None:
    asked: list[tuple[str, str]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append((request.method, request.url.path))
        return httpx.Response(404)

    with httpx.Client(transport=httpx.MockTransport(answer), base_url="http://api") as client:
        adapter.withdraw(client)
    assert asked == [("DELETE", "/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.external.metrics.k8s.io")]


def test_roles_are_bound_to_users_that_have_credentials(objects: dict[str, dict[str, Any]]) -> None:
    users = {user.name for user in credentials.USERS} | {credentials.KUBELET_CLIENT}
    bindings = [one for one in objects.values() if one["kind"].endswith("RoleBinding") or one["kind"] == "RoleBinding"]
    assert {subject["name"] for binding in bindings for subject in binding["subjects"]} <= users


def test_roles_are_no_wider_than_needed(objects: dict[str, dict[str, Any]]) -> None:
    roles = [one for one in objects.values() if one["kind"] == "ClusterRole"]
    rules = [rule for role in roles for rule in role["rules"]]
    assert not [rule for rule in rules if "*" in {*rule["verbs"], *rule["resources"], *rule["apiGroups"]}]
    agent = objects["ClusterRole/tfk8s:agent"]["rules"]
    assert {verb for rule in agent for verb in rule["verbs"]} == {"list", "watch", "patch"}


@pytest.mark.parametrize(
    ("version", "kind", "namespace", "path"),
    [
        ("v1", "Service", "kube-system", "/api/v1/namespaces/kube-system/services/x"),
        ("rbac.authorization.k8s.io/v1", "ClusterRole", None, "/apis/rbac.authorization.k8s.io/v1/clusterroles/x"),
        ("gateway.networking.k8s.io/v1", "GatewayClass", None, "/apis/gateway.networking.k8s.io/v1/gatewayclasses/x"),
    ],
)
def test_path_of_an_object(version: str, kind: str, namespace: str | None, path: str) -> None:
    metadata = {"name": "x", **({"namespace": namespace} if namespace else {})}
    assert path_of({"apiVersion": version, "kind": kind, "metadata": metadata}) == path


def node(ready: str, *, gpus: bool) -> dict[str, Any]:
    status: dict[str, Any] = {
        "conditions": [{"type": "DiskPressure", "status": "False"}, {"type": "Ready", "status": ready}]
    }
    return {"status": {**status, **(gpu_status() if gpus else {})}}


@pytest.mark.parametrize(
    ("ready", "gpus", "expected"), [("True", True, True), ("True", False, False), ("Unknown", True, False)]
)
def test_node_is_ready_with_its_gpus(ready: str, gpus: bool, expected: bool) -> None:
    assert node_is_ready(node(ready, gpus=gpus)) is expected


def test_gpus_count_only_if_there_and_allocatable() -> None:
    assert has_gpus({"status": {"capacity": {"nvidia.com/gpu": "8"}, "allocatable": {"nvidia.com/gpu": "8"}}})
    assert not has_gpus({"status": {"capacity": {"nvidia.com/gpu": "8"}, "allocatable": {"nvidia.com/gpu": "0"}}})
    assert not has_gpus({})


def test_journal_is_read_back_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "FILE", tmp_path / "host.json")
    written = journal.Journal(directories=["/a"], sysctls={"x": "1"}, tables=["ip t"], process=[7, 99])
    written.save()
    assert journal.load(tmp_path / "host.json") == written
    assert written.holder == Identity(7, 99)


def test_missing_journal_means_that_nothing_was_changed(tmp_path: Path) -> None:
    empty = journal.load(tmp_path / "host.json")
    assert empty == journal.Journal()
    assert empty.holder is None
