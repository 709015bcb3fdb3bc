"""A tenant: a namespace that can only be used within its quota, its limits and its network."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi
from pulumi_kubernetes.core.v1 import (
    LimitRange,
    LimitRangeItemArgs,
    LimitRangeSpecArgs,
    Namespace,
    ResourceQuota,
    ResourceQuotaSpecArgs,
    ServiceAccount,
)
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.components import labels, network
from infra.components.pull_secret import pull_secrets
from infra.settings import GpuSettings, TenantSettings
from infra.settings.base import CpuMemory
from infra.settings.platform import QuotaSettings, RegistryCredentials

SERVICE_ACCOUNT = "workload"
"""Name of the one ServiceAccount in each tenant; it has no rights and mounts no token."""


@dataclass(frozen=True, kw_only=True)
class TenantArgs:
    """What a tenant may use."""

    settings: TenantSettings
    """Its section of the stack file."""

    gpu: GpuSettings | None = None
    """How pods get the GPUs that the quota counts; without it there are none to get."""

    registries: Mapping[str, RegistryCredentials] = field(default_factory=dict[str, RegistryCredentials])
    """Credentials its pods pull images with, by registry host."""


class Tenant(pulumi.ComponentResource):
    """Namespace, ResourceQuota, LimitRange, NetworkPolicies and ServiceAccount of one tenant, named like it.

    The quota never stands without a LimitRange: pods that state no requests would be rejected
    (https://kubernetes.io/docs/concepts/policy/resource-quotas/).
    """

    namespace_name: pulumi.Output[str]
    """Resolves once the namespace exists."""

    labels: Mapping[str, str]
    """The tenant's own labels, for everything that is put into it."""

    queue: str | None
    """LocalQueue that its Jobs wait in."""

    ready: tuple[pulumi.Resource, ...]
    """What must stand before anything else is created in the tenant, so that nothing escapes quota or network."""

    namespace: Namespace
    quota: ResourceQuota
    limit_range: LimitRange
    service_account: ServiceAccount

    def __init__(self, name: str, args: TenantArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tfk8s:index:Tenant", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.labels, self.queue = args.settings.labels, args.settings.queue
        object_labels = labels.common("tenant", self.labels)
        self.namespace = Namespace(
            name, metadata=ObjectMetaArgs(name=name, labels={**object_labels, **pod_security("restricted")}), opts=child
        )
        self.namespace_name = self.namespace.metadata.name

        def metadata(object_name: str) -> ObjectMetaArgs:
            return ObjectMetaArgs(name=object_name, namespace=self.namespace_name, labels=object_labels)

        self.quota = ResourceQuota(
            f"{name}-quota",
            metadata=metadata("quota"),
            spec=ResourceQuotaSpecArgs(hard=_hard(args.settings.quota, args.gpu)),
            opts=child,
        )
        defaults = args.settings.container_defaults
        self.limit_range = LimitRange(
            f"{name}-defaults",
            metadata=metadata("defaults"),
            spec=LimitRangeSpecArgs(
                limits=[
                    LimitRangeItemArgs(
                        type="Container", default_request=_amounts(defaults.requests), default=_amounts(defaults.limits)
                    )
                ]
            ),
            opts=child,
        )
        policies = (
            network.deny_all(f"{name}-deny-all", metadata("deny-all"), child),
            network.allow_dns(f"{name}-allow-dns", metadata("allow-dns"), child),
        )
        self.service_account = ServiceAccount(
            f"{name}-{SERVICE_ACCOUNT}",
            metadata=metadata(SERVICE_ACCOUNT),
            automount_service_account_token=False,
            image_pull_secrets=pull_secrets(name, self.namespace_name, object_labels, args.registries, child) or None,
            opts=child,
        )
        self.ready = (self.namespace, self.quota, self.limit_range, *policies, self.service_account)
        self.register_outputs({"namespaceName": self.namespace_name})


def pod_security(level: str) -> dict[str, str]:
    """Namespace labels that make the API server refuse, warn about and record pods below the level.

    https://kubernetes.io/docs/concepts/security/pod-security-admission/
    """
    return {f"pod-security.kubernetes.io/{mode}": level for mode in ("enforce", "warn", "audit")}


def _hard(quota: QuotaSettings, gpu: GpuSettings | None) -> dict[str, str]:
    devices = "nvidia.com/gpu" if gpu is None else gpu.resource
    hard = {
        "requests.cpu": str(quota.requests.cpu),
        "requests.memory": str(quota.requests.memory),
        f"requests.{devices}": str(quota.requests.gpu),
        "limits.cpu": str(quota.limits.cpu),
        "limits.memory": str(quota.limits.memory),
    }
    return hard if quota.pods is None else {**hard, "pods": str(quota.pods)}


def _amounts(amount: CpuMemory) -> dict[str, str]:
    return {"cpu": str(amount.cpu), "memory": str(amount.memory)}
