"""A tenant's gateway: one address in front of its models, of a class that the cluster has."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.components import gateway_api, labels
from infra.components.tenant import Tenant


@dataclass(frozen=True, kw_only=True)
class TenantGatewayArgs:
    """Whose gateway, of what class."""

    tenant: Tenant
    class_name: str
    """GatewayClass that the cluster has; the Gateway is named like it."""

    ports: Sequence[int]
    """On which it listens, plain HTTP."""


class TenantGateway(pulumi.ComponentResource):
    """A Gateway that takes the tenant's own routes and nobody else's."""

    gateway: gateway_api.Gateway

    def __init__(self, name: str, args: TenantGatewayArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tfk8s:index:TenantGateway", name, None, opts)
        tenant = args.tenant
        own_routes = gateway_api.AllowedRoutes(namespaces=gateway_api.RouteNamespaces(from_="Same"))
        self.gateway = gateway_api.Gateway(
            name,
            ObjectMetaArgs(
                name=args.class_name,
                namespace=tenant.namespace_name,
                labels=labels.common("gateway", tenant.labels),
            ),
            gateway_api.GatewaySpec(
                gateway_class_name=args.class_name,
                listeners=tuple(
                    gateway_api.Listener(name=f"http-{port}", port=port, protocol="HTTP", allowed_routes=own_routes)
                    for port in args.ports
                ),
            ),
            pulumi.ResourceOptions(parent=self, depends_on=tenant.ready),
        )
        self.register_outputs({"address": self.gateway.status})
