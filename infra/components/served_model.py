"""A served model: one address in front of the version its track names."""

from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.core.v1 import Service, ServiceSpecArgs
from pulumi_kubernetes.core.v1.outputs import LoadBalancerIngress
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.networking.v1 import NetworkPolicyPeerArgs

from infra.components import labels, network
from infra.components.model_store import ModelStore
from infra.components.model_version import COMPONENT, ModelVersion, ModelVersionArgs, rest_ports
from infra.components.serving_pod import REST_PORT
from infra.components.tenant import Tenant
from infra.plan import ModelPlan
from infra.settings import GpuSettings, ModelSettings, Percent
from infra.settings.workloads import Expose


@dataclass(frozen=True, kw_only=True)
class ServedModelArgs:
    """What is served, where, to whom."""

    settings: ModelSettings
    plan: ModelPlan
    serving_image: str
    training_image: pulumi.Input[str]
    tenant: Tenant
    store: ModelStore
    gpu: GpuSettings | None = None
    gpu_memory_fraction: Percent | None = None
    """Share of a device's memory for each server; None where no device is shared."""

    after: tuple[pulumi.Resource, ...] = ()
    """What must be done before its version is served, such as the training of it."""


class ServedModel(pulumi.ComponentResource):
    """The versions of a model, the Service in front of them, and who may call it.

    The front moves to another version when that version's servers are ready; the version it left goes last of all.
    """

    front: Service
    version: ModelVersion

    cluster_url: str
    """Predictions from inside the cluster: POST to it."""

    predict_url: pulumi.Output[str]
    """Predictions from wherever the model is exposed to: POST to it."""

    def __init__(self, name: str, args: ServedModelArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tfk8s:index:ServedModel", name, None, opts)
        settings, tenant, track = args.settings, args.tenant, args.settings.tracks.stable
        object_labels = {**labels.common(COMPONENT, tenant.labels), **labels.model_selector(COMPONENT, name)}
        after_tenant = pulumi.ResourceOptions(parent=self, depends_on=tenant.ready)
        every_version = labels.model_selector(COMPONENT, name)

        def metadata(object_name: str) -> ObjectMetaArgs:
            return ObjectMetaArgs(name=object_name, namespace=tenant.namespace_name, labels=object_labels)

        policies = (
            network.allow_in(
                f"{name}-callers",
                metadata(f"{name}-callers"),
                every_version,
                _callers(settings.expose),
                REST_PORT,
                opts=after_tenant,
            ),
            network.allow_calls(f"{name}-calls", metadata(f"{name}-calls"), every_version, REST_PORT, after_tenant),
        )
        self.version = ModelVersion(
            f"{name}-v{track.version}",
            ModelVersionArgs(
                model=name,
                track=track,
                settings=settings,
                plan=args.plan,
                serving_image=args.serving_image,
                training_image=args.training_image,
                tenant=tenant,
                store=args.store,
                gpu=args.gpu,
                gpu_memory_fraction=args.gpu_memory_fraction,
                after=(*args.after, *policies),
            ),
            pulumi.ResourceOptions(parent=self),
        )
        self.front = Service(
            name,
            metadata=metadata(name),
            spec=_front(settings.expose, labels.version_selector(COMPONENT, name, track.version)),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self.version.deployment]),
        )
        path = f":{REST_PORT}/v1/models/{name}:predict"
        self.cluster_url = f"http://{name}.{settings.tenant}.svc{path}"
        if settings.expose.load_balancer is None:
            self.predict_url = self.front.metadata.name.apply(lambda _: self.cluster_url)
        else:
            ingress = self.front.status.load_balancer.ingress[0]
            self.predict_url = ingress.apply(lambda address: f"http://{_host(address)}{path}")
        self.register_outputs({"predictUrl": self.predict_url})


def _front(expose: Expose, selector: dict[str, str]) -> ServiceSpecArgs:
    if expose.load_balancer is None:
        return ServiceSpecArgs(type="ClusterIP", selector=selector, ports=rest_ports())
    return ServiceSpecArgs(
        type="LoadBalancer",
        selector=selector,
        ports=rest_ports(),
        load_balancer_source_ranges=list(expose.load_balancer.source_ranges),
        # Keeps the caller's address, without which neither source ranges nor NetworkPolicies can tell callers apart.
        external_traffic_policy="Local",
    )


def _callers(expose: Expose) -> list[NetworkPolicyPeerArgs]:
    callers = [network.own_namespace()]
    if expose.cluster_ip is not None:
        callers += network.namespaces(expose.cluster_ip.from_namespaces)
    if expose.load_balancer is not None:
        callers += network.networks(expose.load_balancer.source_ranges)
    return callers


def _host(address: LoadBalancerIngress) -> str:
    """Load balancers have an address or a name, by the cloud's habit."""
    host = address.ip or address.hostname or ""
    return f"[{host}]" if ":" in host else host
