"""The processes of the control plane: etcd, API server, controller manager and scheduler."""

from pathlib import Path

from local import paths
from local.cluster.credentials import FRONT_PROXY_CLIENT, kubeconfig_file, pki
from local.cluster.program import Program, flags

ETCD_URL = f"https://{paths.LOOPBACK}:{paths.ETCD_PORT}"

SMALL_HEAP = {"GOGC": "60"}
"""Collect garbage earlier than Go's default of 100: less memory for a little of a mostly idle processor."""


def etcd() -> Program:
    """The only member of etcd; Debian's, so the data directory and flags are those of 3.4."""
    peer = f"https://{paths.LOOPBACK}:{paths.ETCD_PEER_PORT}"
    return Program(
        name="etcd",
        command=[
            "etcd",
            *flags(
                {
                    "name": paths.NODE,
                    "data-dir": paths.CLUSTER / "etcd",
                    "listen-client-urls": ETCD_URL,
                    "advertise-client-urls": ETCD_URL,
                    "listen-peer-urls": peer,
                    "initial-advertise-peer-urls": peer,
                    "initial-cluster": f"{paths.NODE}={peer}",
                    "client-cert-auth": "true",
                    "trusted-ca-file": pki("etcd-ca.crt"),
                    "cert-file": pki("etcd.crt"),
                    "key-file": pki("etcd.key"),
                    "peer-client-cert-auth": "true",
                    "peer-trusted-ca-file": pki("etcd-ca.crt"),
                    "peer-cert-file": pki("etcd.crt"),
                    "peer-key-file": pki("etcd.key"),
                    # Keep what can be watched from short: five minutes of changes, the API server asks for no more.
                    "auto-compaction-mode": "periodic",
                    "auto-compaction-retention": "5m",
                    "snapshot-count": "5000",
                    "logger": "zap",
                    "log-level": "warn",
                }
            ),
        ],
        environment=SMALL_HEAP,
    )


def api_server(binaries: Path) -> Program:
    """The API server, on loopback only and for certificate holders only."""
    return Program(
        name="kube-apiserver",
        command=[
            str(binaries / "kube-apiserver"),
            *flags(
                {
                    "bind-address": paths.LOOPBACK,
                    "secure-port": paths.API_PORT,
                    # Pods reach it there by our agent, and `default/kubernetes` has its endpoint from system.py.
                    "advertise-address": paths.BRIDGE_ADDRESS,
                    "endpoint-reconciler-type": "none",
                    "tls-cert-file": pki("kube-apiserver.crt"),
                    "tls-private-key-file": pki("kube-apiserver.key"),
                    "client-ca-file": pki("ca.crt"),
                    "anonymous-auth": "false",
                    "authorization-mode": "Node,RBAC",
                    "enable-admission-plugins": "NodeRestriction",
                    "profiling": "false",
                    # With etcd 3.4 WatchList fails, also for clients that never asked for it: watches from
                    # resourceVersion 0. HPAScaleToZero is on by default from 1.37.
                    "feature-gates": "WatchList=false,HPAScaleToZero=true",
                    "etcd-servers": ETCD_URL,
                    "etcd-cafile": pki("etcd-ca.crt"),
                    "etcd-certfile": pki("etcd-client.crt"),
                    "etcd-keyfile": pki("etcd-client.key"),
                    "service-cluster-ip-range": paths.SERVICE_CIDR,
                    "service-account-issuer": f"https://kubernetes.default.svc.{paths.CLUSTER_DOMAIN}",
                    "service-account-key-file": pki("service-accounts.pub"),
                    "service-account-signing-key-file": pki("service-accounts.key"),
                    # The kubelet listens on loopback; its node's name resolves in the cluster's mount namespace.
                    "kubelet-preferred-address-types": "Hostname",
                    "kubelet-certificate-authority": pki("ca.crt"),
                    "kubelet-client-certificate": pki("kubelet-client.crt"),
                    "kubelet-client-key": pki("kubelet-client.key"),
                    "requestheader-client-ca-file": pki("front-proxy-ca.crt"),
                    "requestheader-allowed-names": FRONT_PROXY_CLIENT,
                    "requestheader-username-headers": "X-Remote-User",
                    "requestheader-group-headers": "X-Remote-Group",
                    "requestheader-extra-headers-prefix": "X-Remote-Extra-",
                    "proxy-client-cert-file": pki("front-proxy-client.crt"),
                    "proxy-client-key-file": pki("front-proxy-client.key"),
                    # Straight to metrics-server's address: no dependence on kube-proxy.
                    "enable-aggregator-routing": "true",
                }
            ),
        ],
        environment=SMALL_HEAP,
    )


def controller_manager(binaries: Path) -> Program:
    """The controllers, each with a service account of its own."""
    return Program(
        name="kube-controller-manager",
        command=[
            str(binaries / "kube-controller-manager"),
            *_client_flags("kube-controller-manager", paths.CONTROLLER_MANAGER_PORT),
            *flags(
                {
                    "use-service-account-credentials": "true",
                    "service-account-private-key-file": pki("service-accounts.key"),
                    "root-ca-file": pki("ca.crt"),
                    "flex-volume-plugin-dir": VOLUME_PLUGINS,
                }
            ),
        ],
        environment=SMALL_HEAP,
    )


def scheduler(binaries: Path) -> Program:
    """The default scheduler."""
    command = [str(binaries / "kube-scheduler"), *_client_flags("kube-scheduler", paths.SCHEDULER_PORT)]
    return Program(name="kube-scheduler", command=command, environment=SMALL_HEAP)


VOLUME_PLUGINS = Path("/var/lib/kubelet/volume-plugins")
"""Instead of a default under /usr/libexec, which would be created on the host."""


def _client_flags(user: str, port: int) -> list[str]:
    kubeconfig = kubeconfig_file(user)
    return flags(
        {
            "kubeconfig": kubeconfig,
            "authentication-kubeconfig": kubeconfig,
            "authorization-kubeconfig": kubeconfig,
            "bind-address": paths.LOOPBACK,
            "secure-port": port,
            "tls-cert-file": pki(f"{user}.crt"),
            "tls-private-key-file": pki(f"{user}.key"),
            # There is only one of each.
            "leader-elect": "false",
            "profiling": "false",
        }
    )
