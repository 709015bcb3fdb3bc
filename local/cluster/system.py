"""Objects of the embedded cluster itself: cluster DNS, metrics, the gateway's class, and what its processes may do.

What answers there is a process of the host on the bridge's address, so its Service has no selector and its
EndpointSlice is written here.
"""

import base64
from typing import Any

from local import paths
from local.cluster.api import Object
from local.cluster.credentials import KUBELET_CLIENT, pki

_LABELS = {"app.kubernetes.io/part-of": "tfk8s", "app.kubernetes.io/managed-by": "tfk8s-local"}


def objects() -> list[Object]:
    """All of them, in the order in which they are applied."""
    dns_ports = [{"name": "dns", "port": 53, "protocol": "UDP"}, {"name": "dns-tcp", "port": 53, "protocol": "TCP"}]
    dns_targets = [{**port, "port": paths.BRIDGE_DNS_PORT} for port in dns_ports]
    https: Object = {"name": "https", "port": 443, "protocol": "TCP"}
    counters: Object = {"name": "metrics", "port": paths.BRIDGE_GATEWAY_METRICS_PORT, "protocol": "TCP"}
    return [
        cluster_role("tfk8s:coredns", _DNS_RULES),
        cluster_role("tfk8s:metrics-server", _METRICS_RULES),
        cluster_role("system:aggregated-metrics-reader", _METRICS_READER_RULES, _AGGREGATED),
        cluster_role("tfk8s:agent", _AGENT_RULES),
        cluster_role("tfk8s:gateway", _GATEWAY_RULES),
        cluster_role_binding("tfk8s:coredns", "tfk8s:coredns", "tfk8s:coredns"),
        cluster_role_binding("tfk8s:metrics-server", "tfk8s:metrics-server", "tfk8s:metrics-server"),
        cluster_role_binding("tfk8s:metrics-server:delegator", "system:auth-delegator", "tfk8s:metrics-server"),
        cluster_role_binding("tfk8s:agent", "tfk8s:agent", "tfk8s:agent"),
        cluster_role_binding("tfk8s:gateway", "tfk8s:gateway", "tfk8s:gateway"),
        cluster_role_binding(KUBELET_CLIENT, "system:kubelet-api-admin", KUBELET_CLIENT),
        authentication_reader("tfk8s:metrics-server"),
        service("kube-dns", dns_ports, address=paths.DNS_ADDRESS),
        endpoints("kube-dns", dns_targets),
        service("metrics-server", [https]),
        endpoints("metrics-server", [{**https, "port": paths.BRIDGE_METRICS_PORT}]),
        api_service("metrics.k8s.io", "metrics-server"),
        endpoints("kubernetes", [{**https, "port": paths.API_PORT}], namespace="default"),
        service("gateway-metrics", [counters], address="None"),
        endpoints("gateway-metrics", [counters]),
        _gateway_class(),
    ]


_DNS_RULES = [
    {"apiGroups": [""], "resources": ["endpoints", "services", "pods", "namespaces"], "verbs": ["list", "watch"]},
    {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
]
_METRICS_RULES = [
    {"apiGroups": [""], "resources": ["nodes/metrics"], "verbs": ["get"]},
    {"apiGroups": [""], "resources": ["pods", "nodes"], "verbs": ["get", "list", "watch"]},
]
_METRICS_READER_RULES = [
    {"apiGroups": ["metrics.k8s.io"], "resources": ["pods", "nodes"], "verbs": ["get", "list", "watch"]},
]
_AGGREGATED = {f"rbac.authorization.k8s.io/aggregate-to-{role}": "true" for role in ("view", "edit", "admin")}
_AGENT_RULES = [
    {"apiGroups": [""], "resources": ["services", "nodes"], "verbs": ["list", "watch"]},
    {"apiGroups": [""], "resources": ["services/status", "nodes/status"], "verbs": ["patch"]},
]
_GATEWAY_KINDS = ["gatewayclasses", "gateways", "httproutes", "grpcroutes", "tlsroutes", "backendtlspolicies"]
_GATEWAY_RULES = [
    # What Traefik asks for, Secrets of listeners with TLS included; it does not start without any one of them.
    # (https://doc.traefik.io/traefik/reference/dynamic-configuration/kubernetes-gateway-rbac/)
    {
        "apiGroups": [""],
        "resources": ["namespaces", "services", "secrets", "configmaps", "nodes"],
        "verbs": ["get", "list", "watch"],
    },
    {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
    {
        "apiGroups": ["gateway.networking.k8s.io"],
        "resources": [*_GATEWAY_KINDS, "referencegrants", "listenersets"],
        "verbs": ["get", "list", "watch"],
    },
    {
        "apiGroups": ["gateway.networking.k8s.io"],
        "resources": [f"{kind}/status" for kind in [*_GATEWAY_KINDS, "listenersets"]],
        "verbs": ["update"],
    },
]


def cluster_role(name: str, rules: list[dict[str, Any]], labels: dict[str, str] | None = None) -> Object:
    """What a user may do, in every namespace."""
    metadata = {"name": name, "labels": {**_LABELS, **(labels or {})}}
    return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": metadata, "rules": rules}


def cluster_role_binding(name: str, role: str, user: str) -> Object:
    """Gives a user of `credentials.USERS` a role, in every namespace."""
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name, "labels": _LABELS},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
    }


def authentication_reader(user: str) -> Object:
    """An aggregated API server's right to read whom the API server calls it as."""
    role = "extension-apiserver-authentication-reader"
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": user, "namespace": "kube-system", "labels": _LABELS},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
    }


def service(name: str, ports: list[Object], address: str | None = None) -> Object:
    """A Service of kube-system; the API server chooses its address where none is given."""
    spec: Object = {"ports": ports}
    if address:
        spec["clusterIP"] = address
    metadata = {"name": name, "namespace": "kube-system", "labels": {**_LABELS, "app.kubernetes.io/name": name}}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def endpoints(service: str, ports: list[Object], namespace: str = "kube-system") -> Object:
    """The bridge's address behind a Service."""
    labels = {**_LABELS, "kubernetes.io/service-name": service, "endpointslice.kubernetes.io/managed-by": "tfk8s-local"}
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": service, "namespace": namespace, "labels": labels},
        "addressType": "IPv4",
        "ports": ports,
        "endpoints": [{"addresses": [paths.BRIDGE_ADDRESS], "conditions": {"ready": True}}],
    }


def api_service(group: str, service: str) -> Object:
    """Version v1beta1 of an aggregated API, behind a Service of kube-system."""
    return {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": f"v1beta1.{group}", "labels": _LABELS},
        "spec": {
            "group": group,
            "version": "v1beta1",
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
            "service": {"name": service, "namespace": "kube-system", "port": 443},
            "caBundle": base64.b64encode(pki("ca.crt").read_bytes()).decode(),
        },
    }


def _gateway_class() -> Object:
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "GatewayClass",
        "metadata": {"name": paths.GATEWAY_CLASS, "labels": _LABELS},
        "spec": {"controllerName": "traefik.io/gateway-controller"},
    }
