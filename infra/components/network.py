"""NetworkPolicies: nothing goes in or out, except what is allowed by name.

They hold where the cluster's network plugin enforces them; the API server accepts them in any case.
"""

from collections.abc import Mapping, Sequence

import pulumi
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs
from pulumi_kubernetes.networking.v1 import (
    IPBlockArgs,
    NetworkPolicy,
    NetworkPolicyEgressRuleArgs,
    NetworkPolicyIngressRuleArgs,
    NetworkPolicyPeerArgs,
    NetworkPolicyPortArgs,
    NetworkPolicySpecArgs,
)

_DNS_PORT = 53
_NAMESPACE_NAME = "kubernetes.io/metadata.name"
"""The label every namespace carries with its own name."""


def deny_all(name: str, metadata: ObjectMetaArgs, opts: pulumi.ResourceOptions) -> NetworkPolicy:
    """Every pod of the namespace: nothing in, nothing out."""
    spec = NetworkPolicySpecArgs(pod_selector=LabelSelectorArgs(), policy_types=["Ingress", "Egress"])
    return NetworkPolicy(name, metadata=metadata, spec=spec, opts=opts)


def allow_dns(name: str, metadata: ObjectMetaArgs, opts: pulumi.ResourceOptions) -> NetworkPolicy:
    """Every pod of the namespace may ask the cluster's DNS."""
    cluster_dns = NetworkPolicyPeerArgs(
        namespace_selector=LabelSelectorArgs(match_labels={_NAMESPACE_NAME: "kube-system"}),
        pod_selector=LabelSelectorArgs(match_labels={"k8s-app": "kube-dns"}),
    )
    return _allow_out(name, metadata, {}, [cluster_dns], ports("UDP", _DNS_PORT) + ports("TCP", _DNS_PORT), opts=opts)


def allow_in(
    name: str,
    metadata: ObjectMetaArgs,
    pods: Mapping[str, str],
    sources: Sequence[NetworkPolicyPeerArgs],
    port: int,
    *,
    opts: pulumi.ResourceOptions,
) -> NetworkPolicy:
    """These pods may be reached from these sources on one TCP port, and on no other."""
    spec = NetworkPolicySpecArgs(
        pod_selector=LabelSelectorArgs(match_labels=pods),
        policy_types=["Ingress"],
        ingress=[NetworkPolicyIngressRuleArgs(from_=sources, ports=ports("TCP", port))],
    )
    return NetworkPolicy(name, metadata=metadata, spec=spec, opts=opts)


def allow_calls(
    name: str, metadata: ObjectMetaArgs, pods: Mapping[str, str], port: int, opts: pulumi.ResourceOptions
) -> NetworkPolicy:
    """Every pod of the namespace may call these pods on one TCP port."""
    called = NetworkPolicyPeerArgs(pod_selector=LabelSelectorArgs(match_labels=pods))
    return _allow_out(name, metadata, {}, [called], ports("TCP", port), opts=opts)


def allow_among(
    name: str, metadata: ObjectMetaArgs, pods: Mapping[str, str], port: int, opts: pulumi.ResourceOptions
) -> NetworkPolicy:
    """These pods may reach each other on one TCP port; nobody else reaches it."""
    each_other = [NetworkPolicyPeerArgs(pod_selector=LabelSelectorArgs(match_labels=pods))]
    spec = NetworkPolicySpecArgs(
        pod_selector=LabelSelectorArgs(match_labels=pods),
        policy_types=["Ingress", "Egress"],
        ingress=[NetworkPolicyIngressRuleArgs(from_=each_other, ports=ports("TCP", port))],
        egress=[NetworkPolicyEgressRuleArgs(to=each_other, ports=ports("TCP", port))],
    )
    return NetworkPolicy(name, metadata=metadata, spec=spec, opts=opts)


def allow_https_out(
    name: str, metadata: ObjectMetaArgs, pods: Mapping[str, str], opts: pulumi.ResourceOptions
) -> NetworkPolicy:
    """These pods may fetch over https from anywhere."""
    return _allow_out(name, metadata, pods, [], ports("TCP", 443), opts=opts)


def allow_out_to(
    name: str,
    metadata: ObjectMetaArgs,
    pods: Mapping[str, str],
    names: Sequence[str] | None,
    allowed: Sequence[int],
    *,
    opts: pulumi.ResourceOptions,
) -> NetworkPolicy:
    """These pods may call every pod of these namespaces on these TCP ports; anything at all, where none are given."""
    targets = [] if names is None else namespaces(names)
    return _allow_out(name, metadata, pods, targets, [one for port in allowed for one in ports("TCP", port)], opts=opts)


def own_namespace() -> NetworkPolicyPeerArgs:
    """Every pod of the policy's namespace."""
    return NetworkPolicyPeerArgs(pod_selector=LabelSelectorArgs())


def namespaces(names: Sequence[str]) -> list[NetworkPolicyPeerArgs]:
    """Every pod of each of these namespaces."""
    return [
        NetworkPolicyPeerArgs(namespace_selector=LabelSelectorArgs(match_labels={_NAMESPACE_NAME: name}))
        for name in names
    ]


def networks(ranges: Sequence[str]) -> list[NetworkPolicyPeerArgs]:
    """Every address of these CIDRs."""
    return [NetworkPolicyPeerArgs(ip_block=IPBlockArgs(cidr=cidr)) for cidr in ranges]


def ports(protocol: str, port: int) -> list[NetworkPolicyPortArgs]:
    """One port."""
    return [NetworkPolicyPortArgs(protocol=protocol, port=port)]


def _allow_out(
    name: str,
    metadata: ObjectMetaArgs,
    pods: Mapping[str, str],
    targets: Sequence[NetworkPolicyPeerArgs],
    allowed: Sequence[NetworkPolicyPortArgs],
    *,
    opts: pulumi.ResourceOptions,
) -> NetworkPolicy:
    spec = NetworkPolicySpecArgs(
        pod_selector=LabelSelectorArgs(match_labels=pods or None),
        policy_types=["Egress"],
        egress=[NetworkPolicyEgressRuleArgs(to=targets or None, ports=allowed)],
    )
    return NetworkPolicy(name, metadata=metadata, spec=spec, opts=opts)
