"""The processes of the node: registry, containerd, kubelet, kube-proxy, DNS, metrics and our agent, with their files.

Pods get addresses on one bridge. The bridge plugin enforces no NetworkPolicy: policies are accepted by the API server
and have no effect on this cluster.
"""

import json
import secrets
import sys
from pathlib import Path
from typing import Any

from local import paths
from local.cluster.control_plane import SMALL_HEAP, VOLUME_PLUGINS
from local.cluster.credentials import kubeconfig_file, pki
from local.cluster.program import Program, flags
from local.private import write_private

CNI_PLUGINS = Path("/usr/lib/cni")
"""Where Debian's containernetworking-plugins puts them."""
CONTAINERD_SOCKET = Path("/run/containerd/containerd.sock")
"""In the cluster's mount namespace, where /run is its own."""

JSON = dict[str, Any]


def config(name: str) -> Path:
    """A configuration file of the installation."""
    return paths.CLUSTER / "config" / name


def registry() -> Program:
    """The image registry: plain HTTP, on loopback only, its content in the cache."""
    file = config("registry.json")
    return Program(name="registry", command=["docker-registry", "serve", str(file)], files=[file])


def containerd() -> Program:
    """containerd; at the cluster's start what an earlier cluster left in its metadata is removed first."""
    file = config("containerd.toml")
    command = [sys.executable, "-m", "local.cluster.containerd", str(file)]
    return Program(name="containerd", command=command, environment={"PYTHONPATH": str(paths.ROOT)}, files=[file])


def kubelet(binaries: Path) -> Program:
    """The kubelet."""
    command = [
        str(binaries / "kubelet"),
        *flags(
            {
                "config": config("kubelet.json"),
                "kubeconfig": kubeconfig_file("kubelet"),
                "hostname-override": paths.NODE,
                # A node's address must not be a loopback one.
                "node-ip": paths.BRIDGE_ADDRESS,
                "node-labels": "nvidia.com/gpu.present=true",
            }
        ),
    ]
    return Program(name="kubelet", command=command, environment=SMALL_HEAP, files=[config("kubelet.json")])


def kube_proxy(binaries: Path) -> Program:
    """kube-proxy in nftables mode."""
    file = config("kube-proxy.json")
    command = [str(binaries / "kube-proxy"), *flags({"config": file})]
    return Program(name="kube-proxy", command=command, environment=SMALL_HEAP, files=[file])


def coredns(binaries: Path) -> Program:
    """DNS of the cluster, on the bridge's address."""
    file = config("Corefile")
    command = [str(binaries / "coredns"), "-conf", str(file)]
    return Program(name="coredns", command=command, environment=SMALL_HEAP, files=[file])


def metrics_server(binaries: Path) -> Program:
    """The resource metrics API, on the bridge's address, for `kubectl top` and autoscaling."""
    kubeconfig = kubeconfig_file("metrics-server")
    command = [
        str(binaries / "metrics-server"),
        *flags(
            {
                "kubeconfig": kubeconfig,
                "authentication-kubeconfig": kubeconfig,
                "authorization-kubeconfig": kubeconfig,
                "bind-address": paths.BRIDGE_ADDRESS,
                "secure-port": paths.BRIDGE_METRICS_PORT,
                "tls-cert-file": pki("metrics-server.crt"),
                "tls-private-key-file": pki("metrics-server.key"),
                "kubelet-preferred-address-types": "Hostname",
                "kubelet-use-node-status-port": "true",
                "kubelet-certificate-authority": pki("ca.crt"),
                # The smallest allowed; a request may take half of it (metrics-server refuses to start otherwise).
                "metric-resolution": "10s",
                "kubelet-request-timeout": "5s",
            }
        ),
    ]
    return Program(name="metrics-server", command=command, environment=SMALL_HEAP)


def agent() -> Program:
    """Our own agent: LoadBalancer Services and pretend GPUs."""
    command = [sys.executable, "-m", "local.cluster.agent"]
    return Program(name="agent", command=command, environment={"PYTHONPATH": str(paths.ROOT)})


def write_registry_config() -> None:
    """Write the registry's configuration; its secret signs the state of uploads and is new with every start."""
    paths.REGISTRY_CACHE.mkdir(parents=True, exist_ok=True)
    write_private(config("registry.json"), json.dumps(registry_config(secrets.token_hex(16)), indent=2).encode())


def write_configs() -> None:
    """Write all other configuration files of the node."""
    rendered = {
        "containerd.toml": containerd_config(),
        "containerd-clean.toml": containerd_base('["io.containerd.grpc.v1.cri"]'),
        f"registries/{paths.REGISTRY}/hosts.toml": registry_hosts(),
        "cni/10-tfk8s.conflist": json.dumps(network_config(), indent=2),
        "kubelet.json": json.dumps(kubelet_config(), indent=2),
        "kube-proxy.json": json.dumps(kube_proxy_config(), indent=2),
        "Corefile": corefile(),
    }
    for name, text in rendered.items():
        write_private(config(name), text.encode())


def registry_config(secret: str) -> JSON:
    """Configuration of docker-registry (Distribution 2.8)."""
    storage: JSON = {
        "filesystem": {"rootdirectory": str(paths.REGISTRY_CACHE)},
        "delete": {"enabled": True},
        "cache": {"blobdescriptor": "inmemory"},
    }
    return {
        "version": "0.1",
        "log": {"level": "warn", "accesslog": {"disabled": True}},
        "storage": storage,
        "http": {"addr": paths.REGISTRY, "secret": secret},
    }


def containerd_base(disabled: str) -> str:
    """What containerd's two configurations share: where things lie, and which plugins are off."""
    return f"""\
version = 2
root = {json.dumps(str(paths.CONTAINERD_CACHE))}
state = "/run/containerd"
disabled_plugins = {disabled}

[grpc]
address = "{CONTAINERD_SOCKET}"
"""


def containerd_config() -> str:
    """Configuration of containerd 1.6 and later (they migrate version 2 themselves)."""
    base = containerd_base("[]")
    return f"""\
{base}
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{paths.PAUSE_IMAGE}"
stream_server_address = "{paths.LOOPBACK}"
stream_server_port = "{paths.CONTAINERD_STREAM_PORT}"
# Where CAP_SYS_RESOURCE is missing, as in many containers and virtual machines, no sandbox would start without it.
restrict_oom_score_adj = true

[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "overlayfs"
# The layers are in the registry as well, a few directories further.
discard_unpacked_layers = true

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{CNI_PLUGINS}"
conf_dir = {json.dumps(str(config("cni")))}

[plugins."io.containerd.grpc.v1.cri".registry]
config_path = {json.dumps(str(config("registries")))}
"""


def registry_hosts() -> str:
    """How containerd reaches the local registry: plain HTTP."""
    url = f"http://{paths.REGISTRY}"
    return f'server = "{url}"\n\n[host."{url}"]\ncapabilities = ["pull", "resolve"]\n'


def network_config() -> JSON:
    """CNI configuration: one bridge, addresses counted in a directory that goes with the cluster, no way out."""
    ranges = [[{"subnet": paths.POD_CIDR, "gateway": paths.BRIDGE_ADDRESS}]]
    ipam: JSON = {
        "type": "host-local",
        "dataDir": "/run/cni",
        "ranges": ranges,
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    bridge: JSON = {"type": "bridge", "bridge": paths.BRIDGE, "isGateway": True, "hairpinMode": True, "ipam": ipam}
    return {"cniVersion": "0.4.0", "name": "tfk8s", "plugins": [bridge]}


def kubelet_config() -> JSON:
    """KubeletConfiguration."""
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": paths.LOOPBACK,
        "port": paths.KUBELET_PORT,
        "readOnlyPort": 0,
        "healthzBindAddress": paths.LOOPBACK,
        "healthzPort": paths.KUBELET_HEALTH_PORT,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(pki("ca.crt"))},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(pki("kubelet.crt")),
        "tlsPrivateKeyFile": str(pki("kubelet.key")),
        "enableProfilingHandler": False,
        "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": paths.CGROUP_ROOT,
        "failCgroupV1": False,
        # Lower, as by default, takes CAP_SYS_RESOURCE.
        "oomScoreAdj": 0,
        "failSwapOn": False,
        "clusterDNS": [paths.DNS_ADDRESS],
        "clusterDomain": paths.CLUSTER_DOMAIN,
        # Not the host's: pods resolve names of the cluster and no others.
        "resolvConf": "",
        "makeIPTablesUtilChains": False,
        "volumePluginDir": str(VOLUME_PLUGINS),
        "serializeImagePulls": False,
        # A disk that others fill must neither throw cached images away nor taint the only node before it is full.
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1Gi", "imagefs.available": "1Gi"},
        "containerLogMaxSize": "10Mi",
        "containerLogMaxFiles": 2,
    }


def kube_proxy_config() -> JSON:
    """KubeProxyConfiguration."""
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "hostnameOverride": paths.NODE,
        "clientConnection": {"kubeconfig": str(kubeconfig_file("kube-proxy"))},
        "clusterCIDR": paths.POD_CIDR,
        "oomScoreAdj": 0,
        "healthzBindAddress": f"{paths.LOOPBACK}:{paths.PROXY_HEALTH_PORT}",
        "metricsBindAddress": f"{paths.LOOPBACK}:{paths.PROXY_METRICS_PORT}",
        # Node ports would otherwise be open to the machine's network.
        "nodePortAddresses": [f"{paths.BRIDGE_ADDRESS}/32"],
        # Two pods on one bridge answer each other directly; without this the answer to a call by ClusterIP would come
        # from an address that the caller never called.
        "nftables": {"masqueradeAll": True, "minSyncPeriod": "100ms"},
        # Connection tracking limits are the host's own business.
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    }


def corefile() -> str:
    """CoreDNS: the cluster's names at once and uncached, every other name unknown."""
    port = paths.BRIDGE_DNS_PORT
    return f"""\
{paths.CLUSTER_DOMAIN}:{port} in-addr.arpa:{port} {{
    bind {paths.BRIDGE_ADDRESS}
    errors
    health {paths.LOOPBACK}:{paths.DNS_HEALTH_PORT}
    kubernetes {paths.CLUSTER_DOMAIN} in-addr.arpa {{
        kubeconfig "{kubeconfig_file("coredns")}"
        ttl 5
    }}
}}

.:{port} {{
    bind {paths.BRIDGE_ADDRESS}
    errors
    template ANY ANY {{
        rcode NXDOMAIN
    }}
}}
"""
