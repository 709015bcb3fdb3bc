"""Data to train on as one tenant sees them: a static volume and its claim, which nobody can write through."""

from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.core.v1 import (
    PersistentVolume,
    PersistentVolumeClaim,
    PersistentVolumeClaimVolumeSourceArgs,
    VolumeArgs,
    VolumeMountArgs,
)

from infra.components.static_volume import static_volume
from infra.components.tenant import Tenant
from infra.settings import DataSetSettings

_MOUNT_PATH = "/data"
"""Where the data is says nothing of what it is: the run's arguments stay the same when it is moved."""

_VOLUME_NAME = "data"


@dataclass(frozen=True, kw_only=True)
class DataSetArgs:
    """Where the data lie, and who sees them."""

    data_set: str
    """Its key in the stack file."""

    settings: DataSetSettings
    tenant: Tenant
    tenant_name: str
    """Key of the tenant in the stack file; a CSI volume has a handle for each."""


class DataSet(pulumi.ComponentResource):
    """The static volume and its claim over a data set, for the training of one tenant."""

    claim_name: pulumi.Output[str]
    """The claim, for pods of the tenant; resolves once it is bound."""

    volume: PersistentVolume
    claim: PersistentVolumeClaim

    def __init__(self, name: str, args: DataSetArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tfk8s:index:DataSet", name, None, opts)
        made = static_volume(
            name,
            args.settings,
            args.tenant,
            args.tenant_name,
            called=f"data-{args.data_set}",
            component="data-set",
            access_mode="ReadOnlyMany",
            parent=self,
        )
        self.volume, self.claim = made.volume, made.claim
        self.claim_name = self.claim.metadata.name
        self.register_outputs({"claimName": self.claim_name})


def mounts(data_set: DataSet | None) -> list[VolumeMountArgs]:
    """Where a training container finds its data; nothing where it has none of its own."""
    return [] if data_set is None else [VolumeMountArgs(name=_VOLUME_NAME, mount_path=_MOUNT_PATH, read_only=True)]


def volumes(data_set: DataSet | None) -> list[VolumeArgs]:
    """The volume behind `mounts`, read-only for the whole pod."""
    if data_set is None:
        return []
    claim = PersistentVolumeClaimVolumeSourceArgs(claim_name=data_set.claim_name, read_only=True)
    return [VolumeArgs(name=_VOLUME_NAME, persistent_volume_claim=claim)]
