"""The GPUs that tenants share: what one does not use another may borrow, and gives back when it is wanted."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.components import kueue, labels
from infra.components.tenant import Tenant
from infra.plan import SharePlan
from infra.settings import GpuPoolSettings, GpuSettings, TenantSettings
from infra.settings.platform import QuotaRequests
from infra.settings.pool import Preemption

_COMPONENT: Final = "gpu-pool"
_NO_LIMIT: Final = "1Pi"
"""Of ephemeral storage, which nodes alone bound: Kueue admits no Job that requests what its queue does not cover."""


@dataclass(frozen=True, kw_only=True)
class QueueArgs:
    """A tenant of the pool."""

    tenant: Tenant
    settings: TenantSettings
    """With the name of its LocalQueue in `queue`."""

    share: SharePlan


@dataclass(frozen=True, kw_only=True)
class GpuPoolArgs:
    """Who shares what."""

    settings: GpuPoolSettings
    tenants: Mapping[str, QueueArgs]
    """By name; each is a namespace."""

    gpu: GpuSettings | None = None
    """How pods get GPUs, which decides what the devices are called."""


class GpuPool(pulumi.ComponentResource):
    """A ResourceFlavor, and for each tenant a ClusterQueue in one cohort and a LocalQueue in its namespace.

    Kueue must run in the cluster. A ClusterQueue takes Jobs of its tenant's namespace only, and counts requests; the
    tenant's ResourceQuota bounds them all the same.
    """

    flavor: CustomResource
    cluster_queues: Mapping[str, CustomResource]
    """By tenant."""

    local_queues: Mapping[str, CustomResource]
    """By tenant: what its Jobs wait for."""

    def __init__(self, name: str, args: GpuPoolArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tfk8s:index:GpuPool", name, None, opts)
        self._name, self._args = name, args
        flavor = args.settings.flavor
        self.flavor = kueue.declare(
            f"{name}-flavor",
            ObjectMetaArgs(name=flavor.name, labels=labels.common(_COMPONENT, {})),
            kueue.ResourceFlavorSpec(node_labels=flavor.node_labels),
            pulumi.ResourceOptions(parent=self),
        )
        self.cluster_queues = {tenant: self._cluster_queue(tenant) for tenant in args.tenants}
        self.local_queues = {tenant: self._local_queue(tenant) for tenant in args.tenants}
        self.register_outputs({"cohort": args.settings.cohort})

    def _cluster_queue(self, tenant: str) -> CustomResource:
        settings, queue = self._args.settings, self._args.tenants[tenant]
        quotas = _quotas(queue.settings.quota.requests, queue.share, self._args.gpu)
        return kueue.declare(
            f"{self._name}-{tenant}",
            ObjectMetaArgs(name=_queue_name(settings, tenant), labels=labels.common(_COMPONENT, queue.settings.labels)),
            kueue.ClusterQueueSpec(
                cohort_name=settings.cohort,
                namespace_selector=kueue.NamespaceSelector(match_labels={"kubernetes.io/metadata.name": tenant}),
                queueing_strategy="BestEffortFIFO",
                preemption=_preemption(settings.preemption),
                resource_groups=(
                    kueue.ResourceGroup(
                        covered_resources=tuple(quota.name for quota in quotas),
                        flavors=(kueue.FlavorQuotas(name=settings.flavor.name, resources=quotas),),
                    ),
                ),
            ),
            pulumi.ResourceOptions(parent=self, depends_on=[self.flavor]),
        )

    def _local_queue(self, tenant: str) -> CustomResource:
        queue = self._args.tenants[tenant]
        return kueue.declare(
            f"{self._name}-{tenant}-queue",
            ObjectMetaArgs(
                name=queue.settings.queue,
                namespace=queue.tenant.namespace_name,
                labels=labels.common(_COMPONENT, queue.settings.labels),
            ),
            kueue.LocalQueueSpec(cluster_queue=_queue_name(self._args.settings, tenant)),
            # The name of its ClusterQueue cannot be changed in place, and its own stays the same.
            pulumi.ResourceOptions(
                parent=self,
                depends_on=[self.cluster_queues[tenant]],
                replace_on_changes=["spec.clusterQueue"],
                delete_before_replace=True,
            ),
        )


def _queue_name(settings: GpuPoolSettings, tenant: str) -> str:
    """Of a ClusterQueue; these names are the whole cluster's."""
    return f"{settings.cohort}-{tenant}"


def _quotas(requests: QuotaRequests, share: SharePlan, gpu: GpuSettings | None) -> tuple[kueue.ResourceQuota, ...]:
    devices = "nvidia.com/gpu" if gpu is None else gpu.resource

    def kept(name: str, amount: str) -> kueue.ResourceQuota:
        """Neither lent nor borrowed: the namespace's ResourceQuota, which nobody lends, is as large."""
        return kueue.ResourceQuota(name=name, nominal_quota=amount, borrowing_limit="0", lending_limit="0")

    return (
        kept("cpu", str(requests.cpu)),
        kept("memory", str(requests.memory)),
        kept("ephemeral-storage", _NO_LIMIT),
        kueue.ResourceQuota(
            name=devices,
            nominal_quota=str(share.nominal),
            borrowing_limit=str(share.borrowing_limit),
            lending_limit=str(share.lending_limit),
        ),
    )


def _preemption(settings: Preemption) -> kueue.ClusterQueuePreemption:
    return kueue.ClusterQueuePreemption(
        reclaim_within_cohort=settings.reclaim_within_cohort,
        borrow_within_cohort=kueue.BorrowWithinCohort(policy=settings.borrow_within_cohort),
        within_cluster_queue=settings.within_cluster_queue,
    )
