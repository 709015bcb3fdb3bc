"""Waits for the parts of the cluster to answer, and names the part that does not."""

import time
from collections.abc import Callable, Sequence

import httpx

from local import paths
from local.cluster import adapter, supervisor
from local.cluster.api import Object, apply
from local.cluster.gpus import has_gpus
from local.progress import LocalError, Progress, elapsed

_POLL_SECONDS = 0.1
_REPORT_SECONDS = 5.0
_REGISTRY_SECONDS = 15.0
_API_SECONDS = 90.0
_NODE_SECONDS = 120.0
_GATEWAY_SECONDS = 30.0
_ADAPTER_SECONDS = 60.0
_NOT_FOUND = 404


def wait_registry(progress: Progress) -> None:
    """Until the image registry answers, and not somebody else's in its place."""

    def ready() -> bool:
        return supervisor.runs("registry") and _answers(f"http://{paths.REGISTRY}/v2/")

    _wait("the image registry", ["registry"], ready, _REGISTRY_SECONDS, progress)


def wait_api(client: httpx.Client, progress: Progress) -> None:
    """Until the API server is ready."""
    _wait("the API server", ["etcd", "kube-apiserver"], lambda: api_ready(client), _API_SECONDS, progress)


def api_ready(client: httpx.Client) -> bool:
    """Whether the API server says that it is ready."""
    try:
        return client.get("/readyz").is_success
    except httpx.TransportError:
        return False


def apply_all(client: httpx.Client, objects: Sequence[Object], progress: Progress) -> None:
    """Apply the cluster's own objects; their namespace is made by the API server in its first seconds."""
    left = list(objects)

    def applied() -> bool:
        while left:
            try:
                apply(client, left[0])
            except httpx.HTTPStatusError as error:
                if error.response.status_code != _NOT_FOUND:
                    raise LocalError(f"the API server refused {left[0]['kind']}: {error.response.text}") from None
                return False
            left.pop(0)
        return True

    _wait("the namespace kube-system", ["kube-apiserver"], applied, _API_SECONDS, progress)


def wait_node(client: httpx.Client, progress: Progress) -> None:
    """Until the node is Ready with its GPUs, and cluster DNS answers."""
    needed = ["containerd", "kubelet", "kube-proxy", "coredns", "agent", "kube-scheduler", "kube-controller-manager"]

    def ready() -> bool:
        kubelet = f"http://{paths.LOOPBACK}:{paths.KUBELET_HEALTH_PORT}/healthz"
        dns = f"http://{paths.LOOPBACK}:{paths.DNS_HEALTH_PORT}/health"
        proxy = f"http://{paths.LOOPBACK}:{paths.PROXY_HEALTH_PORT}/healthz"
        return all(map(_answers, (kubelet, dns, proxy))) and _node_ready(client)

    _wait("the node", needed, ready, _NODE_SECONDS, progress)


def wait_gateway(progress: Progress) -> None:
    """Until the gateway answers for its health, and not somebody else in its place."""

    def ready() -> bool:
        return supervisor.runs("gateway") and _answers(f"http://{paths.LOOPBACK}:{paths.GATEWAY_HEALTH_PORT}/ping")

    _wait("the gateway", ["gateway"], ready, _GATEWAY_SECONDS, progress)


def wait_adapter(client: httpx.Client, progress: Progress) -> None:
    """Until the API server has the autoscalers' metrics from the adapter."""
    _wait("the metrics adapter", [adapter.NAME], lambda: adapter.available(client), _ADAPTER_SECONDS, progress)


def node_is_ready(node: Object) -> bool:
    """Whether a Node object is Ready and advertises its GPUs."""
    conditions = {one["type"]: one["status"] for one in node.get("status", {}).get("conditions", [])}
    return conditions.get("Ready") == "True" and has_gpus(node)


def _node_ready(client: httpx.Client) -> bool:
    try:
        answer = client.get(f"/api/v1/nodes/{paths.NODE}")
    except httpx.TransportError:
        return False
    return answer.is_success and node_is_ready(answer.json())


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False, timeout=2.0).is_success
    except httpx.TransportError:
        return False


def _wait(what: str, needed: Sequence[str], done: Callable[[], bool], seconds: float, progress: Progress) -> None:
    began = told = time.monotonic()
    while not done():
        supervisor.require_running(needed)
        now = time.monotonic()
        if now - began > seconds:
            logs = "\n".join(f"{name}:\n{supervisor.tail(name)}" for name in needed[:2])
            raise LocalError(f"{what} was not ready within {seconds:g} s.\n{logs}")
        if now - told > _REPORT_SECONDS:
            progress(f"waiting for {what}, {elapsed(began)}")
            told = now
        time.sleep(_POLL_SECONDS)
