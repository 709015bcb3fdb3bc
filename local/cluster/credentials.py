"""An installation's credentials: random, made once, readable by root only, and gone with `make down`."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from local import paths
from local.cluster.certificates import Authority, KeyPair, key_pem, new_key, public_pem
from local.private import write_private

ADMIN = "admin"


@dataclass(frozen=True, kw_only=True)
class User:
    """A process that talks to the API server and the name it does so under."""

    file: str
    """Its kubeconfig is `config/<file>.kubeconfig`."""
    name: str
    groups: Sequence[str] = ()


USERS = (
    User(file=ADMIN, name="tfk8s:admin", groups=["system:masters"]),
    User(file="kube-controller-manager", name="system:kube-controller-manager"),
    User(file="kube-scheduler", name="system:kube-scheduler"),
    User(file="kube-proxy", name="system:kube-proxy"),
    User(file="kubelet", name=f"system:node:{paths.NODE}", groups=["system:nodes"]),
    User(file="coredns", name="tfk8s:coredns"),
    User(file="metrics-server", name="tfk8s:metrics-server"),
    User(file="prometheus-adapter", name="tfk8s:prometheus-adapter"),
    User(file="agent", name="tfk8s:agent"),
    User(file="gateway", name="tfk8s:gateway"),
)

KUBELET_CLIENT = "tfk8s:kubelet-client"
"""User under which the API server calls the kubelet."""
FRONT_PROXY_CLIENT = "front-proxy-client"
"""User under which the API server calls aggregated API servers."""


def pki(name: str) -> Path:
    """A file of the installation's certificates and keys."""
    return paths.CLUSTER / "pki" / name


def kubeconfig_file(user: str) -> Path:
    """The kubeconfig of one of USERS, by its `file`."""
    return paths.CLUSTER / "pki" / f"{user}.kubeconfig"


def ensure() -> None:
    """Write all credentials unless the installation has them, and the person's kubeconfig."""
    done = pki("complete")
    if not done.exists():
        _write_all()
        write_private(done, b"")
    write_private(paths.KUBECONFIG, kubeconfig_file(ADMIN).read_bytes())


def _write_all() -> None:
    cluster, etcd, front_proxy = (Authority(f"tfk8s {name}") for name in ("cluster", "etcd", "front proxy"))
    write_private(pki("ca.crt"), cluster.certificate)
    write_private(pki("etcd-ca.crt"), etcd.certificate)
    write_private(pki("front-proxy-ca.crt"), front_proxy.certificate)

    kubernetes = [f"kubernetes.default.svc.{paths.CLUSTER_DOMAIN}", "kubernetes.default.svc", "kubernetes.default"]
    api_server = ["localhost", *kubernetes, paths.LOOPBACK, paths.API_SERVICE_ADDRESS]
    _write_pair("kube-apiserver", cluster.server("kube-apiserver", addresses=api_server))
    _write_pair("kubelet", cluster.server("kubelet", addresses=[paths.NODE, paths.LOOPBACK]))
    for name in ("metrics-server", "prometheus-adapter"):
        addresses = [f"{name}.kube-system.svc", paths.BRIDGE_ADDRESS]
        _write_pair(name, cluster.server(name, addresses=addresses))
    for component in ("kube-controller-manager", "kube-scheduler"):
        _write_pair(component, cluster.server(component, addresses=["localhost", paths.LOOPBACK]))
    _write_pair("kubelet-client", cluster.client(KUBELET_CLIENT))
    _write_pair("front-proxy-client", front_proxy.client(FRONT_PROXY_CLIENT))
    _write_pair("etcd", etcd.peer("etcd", addresses=["localhost", paths.LOOPBACK]))
    _write_pair("etcd-client", etcd.client("kube-apiserver"))

    service_accounts = new_key()
    write_private(pki("service-accounts.key"), key_pem(service_accounts))
    write_private(pki("service-accounts.pub"), public_pem(service_accounts))

    for user in USERS:
        pair = cluster.client(user.name, groups=user.groups)
        write_private(kubeconfig_file(user.file), kubeconfig(cluster.certificate, pair).encode())
        # Python's ssl module reads certificate and key from one file.
        write_private(pki(f"{user.file}.pem"), pair.certificate + pair.key)


def kubeconfig(authority: bytes, pair: KeyPair) -> str:
    """A kubeconfig with everything inside, for the embedded cluster's API server. JSON, which is YAML too."""
    name = paths.CONTEXT
    cluster = {"server": paths.API_SERVER, "certificate-authority-data": _base64(authority)}
    user = {"client-certificate-data": _base64(pair.certificate), "client-key-data": _base64(pair.key)}
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }
    return json.dumps(content, indent=2) + "\n"


def _write_pair(name: str, pair: KeyPair) -> None:
    write_private(pki(f"{name}.crt"), pair.certificate)
    write_private(pki(f"{name}.key"), pair.key)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
