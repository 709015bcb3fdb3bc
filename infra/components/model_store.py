"""The model store as one tenant sees it: a static volume and its claim."""

import hashlib
import json
from dataclasses import dataclass

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
from infra.settings import StoreSettings

STORE_LABEL = "tfk8s.dev/store"
"""On a volume, and what its claim selects: no other volume of the cluster can be taken for it."""

_ACCESS_MODE = "ReadWriteMany"


@dataclass(frozen=True, kw_only=True)
class ModelStoreArgs:
    """Where the models lie, and who sees them."""

    settings: StoreSettings
    tenant: Tenant
    tenant_name: str
    """Key of the tenant in the stack file; a CSI store has a volume handle for each."""


class ModelStore(pulumi.ComponentResource):
    """A PersistentVolume and a claim that belong to each other, over the store that all tenants share.

    Both names carry a hash of where the store is: volumes cannot be changed, so a moved store is a new pair beside the
    old one, pods roll over to it, and the old pair goes when nobody uses it. The data is never deleted (Retain).
    Serving pods mount the claim read-only.
    """

    claim_name: pulumi.Output[str]
    """The claim, for pods of the tenant; resolves once it is bound."""

    volume: PersistentVolume
    claim: PersistentVolumeClaim

    def __init__(self, name: str, args: ModelStoreArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tfk8s:index:ModelStore", name, None, opts)
        tenant = args.tenant
        suffix = _hash(args.settings, args.tenant_name)
        claim_name = f"models-{suffix}"
        only_this = {STORE_LABEL: f"{args.tenant_name}-{suffix}"}
        size = str(args.settings.size)
        object_labels = labels.common("store", tenant.labels)
        self.volume = PersistentVolume(
            f"{name}-volume",
            metadata=ObjectMetaArgs(name=f"{args.tenant_name}-models-{suffix}", labels={**object_labels, **only_this}),
            spec=PersistentVolumeSpecArgs(
                capacity={"storage": size},
                access_modes=[_ACCESS_MODE],
                persistent_volume_reclaim_policy="Retain",
                storage_class_name="",
                claim_ref=ObjectReferenceArgs(
                    api_version="v1", kind="PersistentVolumeClaim", namespace=args.tenant_name, name=claim_name
                ),
                nfs=_nfs(args.settings),
                csi=_csi(args.settings, args.tenant_name),
                host_path=_host_path(args.settings),
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.claim = PersistentVolumeClaim(
            f"{name}-claim",
            metadata=ObjectMetaArgs(name=claim_name, namespace=tenant.namespace_name, labels=object_labels),
            spec=PersistentVolumeClaimSpecArgs(
                access_modes=[_ACCESS_MODE],
                # An empty class keeps the default StorageClass from making a volume of its own.
                storage_class_name="",
                # Not by the volume's name: with one, every third claim waits for the binder's next round, 15 s away.
                selector=LabelSelectorArgs(match_labels=only_this),
                resources=VolumeResourceRequirementsArgs(requests={"storage": size}),
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[*tenant.ready, self.volume]),
        )
        self.claim_name = self.claim.metadata.name
        self.register_outputs({"claimName": self.claim_name})


def _nfs(store: StoreSettings) -> NFSVolumeSourceArgs | None:
    return None if store.nfs is None else NFSVolumeSourceArgs(server=store.nfs.server, path=store.nfs.path)


def _csi(store: StoreSettings, tenant: str) -> CSIPersistentVolumeSourceArgs | None:
    if store.csi is None:
        return None
    return CSIPersistentVolumeSourceArgs(
        driver=store.csi.driver,
        volume_handle=store.csi.volume_handles[tenant],
        volume_attributes=store.csi.volume_attributes or None,
    )


def _host_path(store: StoreSettings) -> HostPathVolumeSourceArgs | None:
    # `Directory`: a missing one is an error of the node's, not an empty store made by the kubelet as root.
    return None if store.local is None else HostPathVolumeSourceArgs(path=store.local, type="Directory")


def _hash(store: StoreSettings, tenant: str) -> str:
    """Of everything about the volume that Kubernetes does not let change, for this tenant."""
    handle = store.csi.volume_handles.get(tenant) if store.csi is not None else None
    words = store.model_dump(mode="json", exclude={"csi": {"volume_handles"}})
    text = json.dumps([words, handle], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]
