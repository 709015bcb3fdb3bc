"""Where everything of the embedded default lies and listens: paths, ports, addresses and names.

An installation lies in `.local/` of the checkout and goes with `make down`; caches lie outside it, shared by all.
"""

import os
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
"""The checkout."""

TOOLS = ROOT / "tools"
"""One go.mod per pinned Go tool."""

# One installation.
LOCAL = ROOT / ".local"
KUBECONFIG = LOCAL / "kubeconfig"
OUTPUTS = LOCAL / "outputs.json"
FEEDBACK = LOCAL / "feedback.jsonl"
"""Drawings with what people said they are, from the example's page."""
STATE = LOCAL / "state"
"""Pulumi's file backend."""
WORK = LOCAL / "work"
"""Working directory of the Automation API."""
CLUSTER = LOCAL / "cluster"
"""Certificates, etcd, kubelet, configuration and logs of the cluster."""
STORE = LOCAL / "store"
"""The model store on the host; the cluster sees it at STORE_IN_CLUSTER."""


def cache_dir(environ: Mapping[str, str] | None = None) -> Path:
    """The cache directory: `TFK8S_CACHE`, else `XDG_CACHE_HOME/tfk8s`, else `~/.cache/tfk8s`.

    Args:
        environ: Read instead of the process's environment.
    """
    env = os.environ if environ is None else environ
    if chosen := env.get("TFK8S_CACHE"):
        return Path(chosen).expanduser().resolve()
    base = env.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "tfk8s"


# Caches, kept by `make down` and removed by `make clean`.
CACHE = cache_dir()
TOOLS_CACHE = CACHE / "tools"
IMAGES_CACHE = CACHE / "images"
REGISTRY_CACHE = CACHE / "registry"
BUILDAH_CACHE = CACHE / "buildah"
CONTAINERD_CACHE = CACHE / "containerd"
"""containerd's content store and snapshots, so that pulled images outlive the cluster."""

GO_CACHE = CACHE / "go"
"""The Go command's own module and build caches."""

# Names.
CONTEXT = "tfk8s-local"
"""Name of the cluster, the user and the context in the kubeconfig."""
NODE = "tfk8s-local"
STORE_IN_CLUSTER = Path("/var/lib/tfk8s/models")
"""Where pods' hostPath volumes find the store; a bind mount that only the cluster's mount namespace has."""
STORE_GROUP = 10001
"""Group of all our pods (fsGroup is not applied to hostPath-backed volumes)."""
CGROUP_ROOT = "/tfk8s"
"""All pods' cgroups lie under this one, so that `make down` can find what is left of them."""
GATEWAY_CLASS = "traefik"
"""GatewayClass of the cluster's gateway."""
PRETEND_GPUS = 8
"""`nvidia.com/gpu` that the node advertises; none of them exists."""

# Addresses.
LOOPBACK = "127.0.0.1"
BRIDGE = "tfk8s0"
BRIDGE_ADDRESS = "10.213.0.1"
POD_CIDR = "10.213.0.0/24"
SERVICE_CIDR = "10.214.0.0/16"
API_SERVICE_ADDRESS = "10.214.0.1"
"""ClusterIP of default/kubernetes: the first one of SERVICE_CIDR."""
DNS_ADDRESS = "10.214.0.10"
"""ClusterIP of kube-system/kube-dns."""
CLUSTER_DOMAIN = "cluster.local"

# Ports, on LOOPBACK unless the name says BRIDGE.
API_PORT = 16443
ETCD_PORT = 12379
ETCD_PEER_PORT = 12380
REGISTRY_PORT = 15000
KUBELET_PORT = 20250
KUBELET_HEALTH_PORT = 20248
CONTROLLER_MANAGER_PORT = 20257
SCHEDULER_PORT = 20259
PROXY_METRICS_PORT = 20249
PROXY_HEALTH_PORT = 20256
DNS_HEALTH_PORT = 20280
CONTAINERD_STREAM_PORT = 20210
GATEWAY_PORT = 18080
"""Where the gateway takes requests; a Gateway's listeners on this cluster name it."""
GATEWAY_HEALTH_PORT = 18081
BRIDGE_DNS_PORT = 53
BRIDGE_METRICS_PORT = 14443
BRIDGE_ADAPTER_PORT = 14444
BRIDGE_GATEWAY_METRICS_PORT = 18082

API_SERVER = f"https://{LOOPBACK}:{API_PORT}"

# Images in the local registry (plain HTTP, this machine only).
REGISTRY = f"{LOOPBACK}:{REGISTRY_PORT}"
PAUSE_IMAGE = f"{REGISTRY}/tfk8s/pause:1"
TENSORFLOW_IMAGE = f"{REGISTRY}/tfk8s/tensorflow:2.21.0"
SERVING_IMAGE = f"{REGISTRY}/tfk8s/serving:2.21.0"
PROMETHEUS_IMAGE = f"{REGISTRY}/tfk8s/prometheus:3.13.5"
