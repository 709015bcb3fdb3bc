"""Kueue's objects as far as they are used here, typed: a mistyped field is an error before anything is sent.

Version v1beta2: Kueue 0.15, the first to serve it, keeps v1beta1 and converts; its own controllers speak v1beta2, and
from 0.16 on v1beta2 is what is kept. (https://kueue.sigs.k8s.io/docs/reference/kueue.v1beta2/)
"""

from collections.abc import Mapping
from typing import Final, Literal

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.components.fields import Fields

API_VERSION: Final = "kueue.x-k8s.io/v1beta2"


class ResourceFlavorSpec(Fields):
    """A kind of nodes."""

    node_labels: Mapping[str, str]


class ResourceQuota(Fields):
    """How much of a resource a queue has, may borrow and lends; quantities as Kubernetes writes them."""

    name: str
    nominal_quota: str
    borrowing_limit: str
    lending_limit: str


class FlavorQuotas(Fields):
    """Quotas on one kind of nodes."""

    name: str
    resources: tuple[ResourceQuota, ...]


class ResourceGroup(Fields):
    """Resources that come from the same nodes."""

    covered_resources: tuple[str, ...]
    """In the order of each flavor's resources; a Job that requests any other resource is never admitted."""

    flavors: tuple[FlavorQuotas, ...]


class NamespaceSelector(Fields):
    """Namespaces whose LocalQueues may use the queue."""

    match_labels: Mapping[str, str]


class BorrowWithinCohort(Fields):
    """Whom a borrowing Job may stop."""

    policy: Literal["Never", "LowerPriority"]


class ClusterQueuePreemption(Fields):
    """Whom a waiting Job may stop."""

    reclaim_within_cohort: Literal["Never", "LowerPriority", "Any"]
    borrow_within_cohort: BorrowWithinCohort
    within_cluster_queue: Literal["Never", "LowerPriority", "LowerOrNewerEqualPriority"]


class ClusterQueueSpec(Fields):
    """A tenant's share of a cohort."""

    cohort_name: str
    namespace_selector: NamespaceSelector
    queueing_strategy: Literal["StrictFIFO", "BestEffortFIFO"]
    preemption: ClusterQueuePreemption
    resource_groups: tuple[ResourceGroup, ...]


class LocalQueueSpec(Fields):
    """A name for a ClusterQueue inside a namespace."""

    cluster_queue: str


_KINDS: Final[Mapping[type[Fields], str]] = {
    ResourceFlavorSpec: "ResourceFlavor",
    ClusterQueueSpec: "ClusterQueue",
    LocalQueueSpec: "LocalQueue",
}


def declare(
    name: str,
    metadata: ObjectMetaArgs,
    spec: ResourceFlavorSpec | ClusterQueueSpec | LocalQueueSpec,
    opts: pulumi.ResourceOptions,
) -> CustomResource:
    """Registers the object whose spec this is."""
    return CustomResource(
        name, api_version=API_VERSION, kind=_KINDS[type(spec)], metadata=metadata, spec=spec.written(), opts=opts
    )
