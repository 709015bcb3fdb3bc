"""The model store as one tenant sees it: a static volume and its claim."""

from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.core.v1 import PersistentVolume, PersistentVolumeClaim

from infra.components.static_volume import static_volume
from infra.components.tenant import Tenant
from infra.settings import StoreSettings


@dataclass(frozen=True, kw_only=True)
class ModelStoreArgs:
    """Where the models lie, and who sees them."""

    settings: StoreSettings
    tenant: Tenant
    tenant_name: str
    """Key of the tenant in the stack file; a CSI store has a volume handle for each."""


class ModelStore(pulumi.ComponentResource):
    """The static volume and its claim over the store that all tenants share. Serving pods mount it read-only."""

    claim_name: pulumi.Output[str]
    """The claim, for pods of the tenant; resolves once it is bound."""

    volume: PersistentVolume
    claim: PersistentVolumeClaim

    def __init__(self, name: str, args: ModelStoreArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tfk8s:index:ModelStore", name, None, opts)
        made = static_volume(
            name,
            args.settings,
            args.tenant,
            args.tenant_name,
            called="models",
            component="store",
            access_mode="ReadWriteMany",
            parent=self,
        )
        self.volume, self.claim = made.volume, made.claim
        self.claim_name = self.claim.metadata.name
        self.register_outputs({"claimName": self.claim_name})
