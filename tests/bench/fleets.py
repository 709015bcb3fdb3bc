"""Fleets of the program's own objects on pretend nodes: rendered, sent, watched and taken away."""

import contextlib
import time
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from ops.recording import record
from tests.e2e.manifests import Kinds
from tests.e2e.platform import until
from tests.unit.words import sound

KINDS = {
    "Namespace", "ResourceQuota", "LimitRange", "ServiceAccount", "HorizontalPodAutoscaler", "PodDisruptionBudget",
    "Deployment",
}  # fmt: skip
"""What a fleet meets; pretend nodes have neither network nor volumes."""
LOOK_SECONDS = 0.25
"""Pause between two looks."""


def alone(name: str, model: Mapping[str, object]) -> dict[str, object]:
    """Words of a stack with this model alone, in a tenant of the same name with room for it."""
    room = {"cpu": 10_000, "memory": "10000Gi"}
    archive = {"url": "https://models.example.org/1.tar", "sha256": "a1" * 32}
    served = {
        "tenant": name,
        "resources": {"cpu": 1, "memory": "1Gi", "gpu": 1},
        "tracks": {"stable": {"version": 1, "fetch": archive}},
        **model,
    }
    return {
        **sound(),
        "gpu": {"mode": "pretend"},
        "tenants": {name: {"quota": {"requests": {**room, "gpu": 10_000}, "limits": room}}},
        "trainingJobs": {},
        "models": {name: served},
    }


def objects(words: Mapping[str, object]) -> list[Any]:
    """What the program makes of the words, of `KINDS`."""
    return [resource.inputs for resource in record(words).objects() if resource.inputs["kind"] in KINDS]


def only(kind: str, manifests: Sequence[Any]) -> Any:
    """The one manifest of a kind."""
    (one,) = (manifest for manifest in manifests if manifest["kind"] == kind)
    return one


def create(client: httpx.Client, manifests: Sequence[Any]) -> str:
    """Sends them, and says the path of their Deployment."""
    kinds = Kinds(client)
    for manifest in manifests:
        client.post(kinds.collection(manifest), json=manifest).raise_for_status()
    deployment = only("Deployment", manifests)
    return f"{kinds.collection(deployment)}/{deployment['metadata']['name']}"


def remove(client: httpx.Client, name: str) -> None:
    """Takes a fleet's namespace away, its pods at once instead of after their grace period."""
    namespace = f"/api/v1/namespaces/{name}"
    client.delete(namespace)
    # Of 800 it may take longer than the API server grants a request; the rest goes with the namespace.
    with contextlib.suppress(httpx.TransportError):
        client.delete(f"{namespace}/pods", params={"gracePeriodSeconds": "0"}, timeout=60)
    until(f"{name} is gone", 240, lambda: client.get(namespace).status_code == 404)


def rolled_out(deployment: Any) -> bool:
    """All pods are of the newest template and available, and none of an older one is left but draining ones."""
    wanted, status = deployment["spec"]["replicas"], deployment["status"]
    counts = [status.get(count, 0) for count in ("updatedReplicas", "availableReplicas", "replicas")]
    return status.get("observedGeneration") == deployment["metadata"]["generation"] and counts == [wanted] * 3


def pods(client: httpx.Client, namespace: str) -> int:
    """All that exist, draining ones included."""
    page = client.get(f"/api/v1/namespaces/{namespace}/pods", params={"limit": "1"}).raise_for_status().json()
    return len(page["items"]) + page["metadata"].get("remainingItemCount", 0)


def change_pods(client: httpx.Client, deployed: str, template: Mapping[str, Any]) -> float:
    """Starts a rollout, and says when, on the monotonic clock."""
    started = time.monotonic()
    merge = {"Content-Type": "application/merge-patch+json"}
    client.patch(deployed, json={"spec": {"template": template}}, headers=merge).raise_for_status()
    return started
