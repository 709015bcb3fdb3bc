"""A directory that lies outside the cluster, as one tenant's pods mount it: a static volume and its claim."""

import hashlib
import json
from dataclasses import dataclass
from typing import Literal

import pulumi
from pulumi_kubernetes.core.v1 import (
    CSIPersistentVolumeSourceArgs,
    HostPathVolumeSourceArgs,
    NFSVolumeSourceArgs,
    ObjectReferenceArgs,
    PersistentVolume,
    PersistentVolumeClaim,
    PersistentVolumeClaimSpecArgs,
    PersistentVolumeSpecArgs,
    VolumeResourceRequirementsArgs,
)
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs

from infra.components import labels
from infra.components.tenant import Tenant
from infra.settings import VolumeSettings

STORE_LABEL = "tfk8s.dev/store"
"""On a volume, and what its claim selects: no other volume of the cluster can be taken for it."""


@dataclass(frozen=True, kw_only=True)
class StaticVolume:
    """A PersistentVolume and a claim that belong to each other.

    Both names carry a hash of where the directory is: volumes cannot be changed, so a moved one is a new pair beside
    the old one, pods roll over to it, and the old pair goes when nobody uses it. The data is never deleted (Retain).
    """

    volume: PersistentVolume
    claim: PersistentVolumeClaim


def static_volume(
    name: str,
    settings: VolumeSettings,
    tenant: Tenant,
    tenant_name: str,
    *,
    called: str,
    component: str,
    access_mode: Literal["ReadWriteMany", "ReadOnlyMany"],
    parent: pulumi.Resource,
) -> StaticVolume:
    """Make the pair.

    Args:
        name: What the logical names of both begin with.
        settings: Where the directory is.
        tenant: Whose pods mount it.
        tenant_name: Key of the tenant in the stack file; a CSI volume has a handle for each.
        called: What their names in the cluster say that it is, such as `models`.
        component: For the label that says what an object is part of.
        access_mode: How many may mount it, and for what.
        parent: The component that they belong to.
    """
    suffix = _hash(settings, tenant_name)
    claim_name = f"{called}-{suffix}"
    only_this = {STORE_LABEL: f"{tenant_name}-{suffix}"}
    size = str(settings.size)
    object_labels = labels.common(component, tenant.labels)
    volume = PersistentVolume(
        f"{name}-volume",
        metadata=ObjectMetaArgs(name=f"{tenant_name}-{claim_name}", labels={**object_labels, **only_this}),
        spec=PersistentVolumeSpecArgs(
            capacity={"storage": size},
            access_modes=[access_mode],
            persistent_volume_reclaim_policy="Retain",
            storage_class_name="",
            claim_ref=ObjectReferenceArgs(
                api_version="v1", kind="PersistentVolumeClaim", namespace=tenant_name, name=claim_name
            ),
            nfs=_nfs(settings),
            csi=_csi(settings, tenant_name),
            host_path=_host_path(settings),
        ),
        opts=pulumi.ResourceOptions(parent=parent),
    )
    claim = PersistentVolumeClaim(
        f"{name}-claim",
        metadata=ObjectMetaArgs(name=claim_name, namespace=tenant.namespace_name, labels=object_labels),
        spec=PersistentVolumeClaimSpecArgs(
            access_modes=[access_mode],
            # An empty class keeps the default StorageClass from making a volume of its own.
            storage_class_name="",
            # Not by the volume's name: with one, every third claim waits for the binder's next round, 15 s away.
            selector=LabelSelectorArgs(match_labels=only_this),
            resources=VolumeResourceRequirementsArgs(requests={"storage": size}),
        ),
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[*tenant.ready, volume]),
    )
    return StaticVolume(volume=volume, claim=claim)


def _nfs(volume: VolumeSettings) -> NFSVolumeSourceArgs | None:
    return None if volume.nfs is None else NFSVolumeSourceArgs(server=volume.nfs.server, path=volume.nfs.path)


def _csi(volume: VolumeSettings, tenant: str) -> CSIPersistentVolumeSourceArgs | None:
    if volume.csi is None:
        return None
    return CSIPersistentVolumeSourceArgs(
        driver=volume.csi.driver,
        volume_handle=volume.csi.volume_handles[tenant],
        volume_attributes=volume.csi.volume_attributes or None,
    )


def _host_path(volume: VolumeSettings) -> HostPathVolumeSourceArgs | None:
    # `Directory`: a missing one is an error of the node's, not an empty store made by the kubelet as root.
    return None if volume.local is None else HostPathVolumeSourceArgs(path=volume.local, type="Directory")


def _hash(volume: VolumeSettings, tenant: str) -> str:
    """Of everything about the volume that Kubernetes does not let change, for this tenant."""
    handle = volume.csi.volume_handles.get(tenant) if volume.csi is not None else None
    words = volume.model_dump(mode="json", exclude={"csi": {"volume_handles"}})
    text = json.dumps([words, handle], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]
