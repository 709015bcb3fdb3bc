"""Nodes that do not exist, and pods on them that take their time to become ready, played by KWOK."""

import subprocess
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from local import paths, tools
from local.cluster.gpus import GPU
from local.progress import to_stdout
from tests.e2e.platform import until

STAGES = Path(__file__).with_name("kwok.yaml")
MARK = "tfk8s.dev/pretend"
"""Label, annotation and taint of the nodes."""
COLD_START = "tfk8s.dev/cold-start"
"""Annotation of pods: seconds from being scheduled to being ready."""
RUNS = "tfk8s.dev/runs"
"""Annotation of pods: seconds from being scheduled to having done their work."""
GPUS = 8
"""Of each node, as of an A100 or H100 machine."""

_NODES = "/api/v1/nodes"


@contextmanager
def nodes(client: httpx.Client, labels: Sequence[Mapping[str, str]], log: Path) -> Generator[None]:
    """A node with each of these labels for as long as the block runs; only pods of `on_pretend_nodes` are put on it."""
    kwok = tools.kwok(to_stdout)
    with log.open("wb") as output:
        command = [str(kwok), "--config", str(STAGES), "--kubeconfig", str(paths.KUBECONFIG)]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        for number, own in enumerate(labels):
            client.post(_NODES, json=_node(f"pretend-{number}", own)).raise_for_status()
        until(f"{len(labels)} nodes are ready (see {log})", 60, lambda: _ready(client) == len(labels))
        yield
    finally:
        client.delete(_NODES, params={"labelSelector": MARK}).raise_for_status()
        process.terminate()
        process.wait(10)


def on_pretend_nodes(template: Mapping[str, Any], played: Mapping[str, str]) -> dict[str, Any]:
    """A pod template that these nodes take, with annotations that say how its pods are played."""
    spec = template["spec"]
    tolerations = [*spec.get("tolerations", []), {"key": MARK, "operator": "Exists"}]
    placed = {**spec, "tolerations": tolerations, "nodeSelector": {**spec.get("nodeSelector", {}), MARK: "true"}}
    metadata = {**template["metadata"], "annotations": played}
    return {"metadata": metadata, "spec": placed}


def _node(name: str, own: Mapping[str, str]) -> dict[str, Any]:
    room = {"cpu": "96", "memory": "1000Gi", "pods": "110", "ephemeral-storage": "1Ti", GPU: str(GPUS)}
    labels = {"kubernetes.io/hostname": name, MARK: "true", "nvidia.com/gpu.present": "true", **own}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "annotations": {MARK: "true"}, "labels": labels},
        "spec": {"taints": [{"key": MARK, "value": "true", "effect": "NoSchedule"}]},
        "status": {"capacity": room, "allocatable": room},
    }


def _ready(client: httpx.Client) -> int:
    items = client.get(_NODES, params={"labelSelector": MARK}).raise_for_status().json()["items"]
    conditions = (condition for node in items for condition in node["status"].get("conditions", []))
    return sum(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)
