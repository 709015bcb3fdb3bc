"""The API server takes every manifest that `tfk8s render` writes, strictly, and each pod template as a pod as well."""

from collections.abc import Generator, Mapping
from typing import Any, cast

import httpx
import pytest

from infra.overrides import stack_file_words
from local import paths
from local.cluster import credentials, lifecycle
from local.cluster.api import connect
from local.progress import to_stdout
from ops.manifests import manifest
from ops.recording import Answers, record
from tests.e2e.manifests import Kinds
from tests.e2e.platform import Platform, until

STACKS = ("local", "dev", "prod")
RUNTIME_CLASSES = "/apis/node.k8s.io/v1/runtimeclasses"
PREFIX = "dry-run-"
"""Of namespaces that stand for a stack's own ones, which other tests may have in use."""
REAL = ("ServiceAccount", "LimitRange")
"""What the API server looks up when it takes a pod."""


@pytest.fixture(scope="module")
def kinds(platform: Platform) -> Generator[Kinds]:
    """With a client of a cluster that knows the runtime class of GPU nodes, which it refuses pods of otherwise."""
    lifecycle.start(to_stdout)
    runtime_class = {
        "apiVersion": "node.k8s.io/v1",
        "kind": "RuntimeClass",
        "metadata": {"name": "nvidia"},
        "handler": "nvidia",
    }
    with connect(credentials.ADMIN) as client:
        client.post(RUNTIME_CLASSES, json=runtime_class).raise_for_status()
        try:
            yield Kinds(client)
        finally:
            client.delete(f"{RUNTIME_CLASSES}/nvidia").raise_for_status()


@pytest.fixture(scope="module")
def rendered(request: pytest.FixtureRequest, kinds: Kinds) -> Generator[list[Any]]:
    """A stack's manifests, namespaces aside: those stand, under other names, with what pods need in them."""
    words, answers = stack_file_words(paths.ROOT / f"Pulumi.{request.param}.yaml", {}), Answers()
    objects = [manifest(resource, answers) for resource in record(words, stack=request.param).objects()]
    spaces = [renamed(one) for one in objects if one["kind"] == "Namespace"]
    others = [moved(one) for one in objects if one["kind"] != "Namespace"]
    try:
        for one in [*spaces, *(one for one in others if one["kind"] in REAL)]:
            accepted(kinds.client.post(kinds.collection(one), json=one, params={"fieldValidation": "Strict"}))
        yield others
    finally:
        left = [f"/api/v1/namespaces/{space['metadata']['name']}" for space in spaces]
        for path in left:
            kinds.client.delete(path)
        until(f"{left} are gone", 30, lambda: all(kinds.client.get(path).status_code == 404 for path in left))


def renamed(namespace: Mapping[str, Any]) -> dict[str, Any]:
    return {**namespace, "metadata": {**namespace["metadata"], "name": PREFIX + namespace["metadata"]["name"]}}


def moved(one: Mapping[str, Any]) -> dict[str, Any]:
    metadata = one["metadata"]
    if "namespace" not in metadata:
        return dict(one)
    return {**one, "metadata": {**metadata, "namespace": PREFIX + metadata["namespace"]}}


def accepted(answer: httpx.Response) -> Any:
    assert answer.is_success, answer.text
    assert "warning" not in answer.headers, f"{answer.request.url}: {answer.headers['warning']}"
    return answer.json()


def applied(kinds: Kinds, one: Mapping[str, Any]) -> httpx.Response:
    """The answer to a server-side apply, as the provider sends it, that changes nothing."""
    return kinds.client.patch(
        f"{kinds.collection(one)}/{one['metadata']['name']}",
        json=one,
        params={"dryRun": "All", "fieldValidation": "Strict", "fieldManager": "dry-run", "force": "true"},
        headers={"Content-Type": "application/apply-patch+yaml"},
    )


def pod_of(workload: Mapping[str, Any]) -> dict[str, Any]:
    template = workload["spec"]["template"]
    name = {"name": workload["metadata"]["name"], "namespace": workload["metadata"]["namespace"]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {**template["metadata"], **name}, "spec": template["spec"]}


@pytest.mark.parametrize("rendered", STACKS, indirect=True)
def test_every_manifest_is_accepted_without_a_warning(kinds: Kinds, rendered: list[Any]) -> None:
    assert {"Deployment", "Job", "HorizontalPodAutoscaler", "NetworkPolicy"} <= {one["kind"] for one in rendered}
    for one in rendered:
        accepted(applied(kinds, one))


@pytest.mark.parametrize("rendered", STACKS, indirect=True)
def test_every_pod_template_is_accepted_as_a_pod_by_its_namespaces_pod_security(
    kinds: Kinds, rendered: list[Any]
) -> None:
    workloads = [one for one in rendered if "template" in one.get("spec", {})]
    assert workloads
    for workload in workloads:
        space = workload["metadata"]["namespace"]
        labels = kinds.client.get(f"/api/v1/namespaces/{space}").raise_for_status().json()["metadata"]["labels"]
        # The device plugin opens the node's devices and sockets, so it has a namespace of its own.
        level = "privileged" if workload["kind"] == "DaemonSet" else "restricted"
        assert labels["pod-security.kubernetes.io/enforce"] == level, workload["metadata"]
        accepted(applied(kinds, pod_of(workload)))


@pytest.mark.parametrize("rendered", ["local"], indirect=True)
def test_what_is_wrong_with_a_manifest_is_not_accepted(kinds: Kinds, rendered: list[Any]) -> None:
    deployment = next(one for one in rendered if one["kind"] == "Deployment")
    misspelt = {**deployment, "spec": {**deployment["spec"], "minReadySecond": 1}}
    assert "minReadySecond" in applied(kinds, misspelt).text
    root = pod_of(deployment)
    cast("dict[str, Any]", root["spec"]).pop("securityContext")
    for container in [*root["spec"]["containers"], *root["spec"]["initContainers"]]:
        container.pop("securityContext")
    assert 'violates PodSecurity "restricted' in applied(kinds, root).json()["message"]
