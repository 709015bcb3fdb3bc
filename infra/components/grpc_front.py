"""The way to a model by gRPC, for stated namespaces only.

TensorFlow Serving answers everything by gRPC on one port: predictions, and ModelService, by which a caller makes it
load other models (tensorflow_serving/apis/model_service.proto). It asks nobody who they are, so whoever reaches it is
trusted with all of it.
"""

from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.core.v1 import Service, ServicePortArgs, ServiceSpecArgs
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.components import labels, network
from infra.components.model_version import COMPONENT
from infra.components.serving_pod import GRPC_PORT
from infra.components.tenant import Tenant
from infra.settings.server import Grpc


@dataclass(frozen=True, kw_only=True)
class GrpcFrontArgs:
    """Whose port it is, and for whom."""

    model: str
    version: int
    namespace: str
    settings: Grpc
    tenant: Tenant
    after: pulumi.Resource
    """The model's own front: this one moves to a version when that one has."""


class GrpcFront(pulumi.ComponentResource):
    """Service and NetworkPolicy of one model's gRPC port, apart from its REST front, which may be a load balancer."""

    service: Service

    def __init__(self, name: str, args: GrpcFrontArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tfk8s:index:GrpcFront", name, None, opts)
        tenant, every_version = args.tenant, labels.model_selector(COMPONENT, args.model)
        object_labels = {**labels.common(COMPONENT, tenant.labels), **every_version}
        after_tenant = pulumi.ResourceOptions(parent=self, depends_on=tenant.ready)

        def metadata(object_name: str) -> ObjectMetaArgs:
            return ObjectMetaArgs(name=object_name, namespace=tenant.namespace_name, labels=object_labels)

        network.allow_in(
            name,
            metadata(name),
            every_version,
            network.namespaces(args.settings.from_namespaces),
            GRPC_PORT,
            opts=after_tenant,
        )
        if args.namespace in args.settings.from_namespaces:
            calls = f"{name}-calls"
            network.allow_calls(calls, metadata(calls), every_version, GRPC_PORT, after_tenant)
        # HTTP/2 without TLS is what proxies cannot know by themselves (KEP-3726).
        protocol = "kubernetes.io/h2c" if args.settings.tls is None else None
        port = ServicePortArgs(name="grpc", port=GRPC_PORT, target_port="grpc", app_protocol=protocol)
        self.service = Service(
            name,
            metadata=metadata(name),
            spec=ServiceSpecArgs(
                type="ClusterIP",
                selector=labels.version_selector(COMPONENT, args.model, args.version),
                ports=[port],
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[args.after]),
        )
        self.register_outputs({"serviceName": self.service.metadata.name})
