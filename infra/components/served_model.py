"""A served model: one address in front of the versions that its tracks name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.core.v1 import Service, ServiceSpecArgs
from pulumi_kubernetes.core.v1.outputs import LoadBalancerIngress
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.networking.v1 import NetworkPolicyPeerArgs

from infra.components import gateway_api, labels, network
from infra.components.model_route import predict_path, route
from infra.components.model_store import ModelStore
from infra.components.model_version import COMPONENT, ModelVersion, ModelVersionArgs, rest_ports
from infra.components.serving_pod import REST_PORT
from infra.components.tenant import Tenant
from infra.components.tenant_gateway import TenantGateway
from infra.plan import ModelPlan
from infra.settings import GpuSettings, ModelSettings, Percent, Track
from infra.settings.workloads import Expose, Gateway

_HTTP: Final = 80
_HTTPS: Final = 443
"""What their schemes mean where no port is said (RFC 9110)."""


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

    runs: Mapping[int, pulumi.Resource]
    """By version: what trains it, where this stack does."""

    gateway: TenantGateway | None = None
    """Where it is exposed by one of the tenant's own."""


class ServedModel(pulumi.ComponentResource):
    """The versions of a model, the Service in front of the stable one, the route over all, and who may call.

    Front and route move to another version when that version's servers are ready; a version that no track names goes
    last of all, since the engine deletes at the end of an update (https://www.pulumi.com/docs/iac/concepts/how-pulumi-works/).
    """

    front: Service
    versions: Mapping[str, ModelVersion]
    """By track."""

    route: CustomResource | None

    cluster_url: str
    """Predictions from inside the cluster: POST to it."""

    predict_url: pulumi.Output[str]
    """Predictions from wherever the model is exposed to: POST to it."""

    def __init__(self, name: str, args: ServedModelArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tfk8s:index:ServedModel", name, None, opts)
        self._name, self._args = name, args
        settings, tenant = args.settings, args.tenant
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
        self.versions = {track: self._served(version, policies) for track, version in settings.tracks.named()}
        stable = labels.version_selector(COMPONENT, name, settings.tracks.stable.version)
        self.front = Service(
            name,
            metadata=metadata(name),
            spec=_front(settings.expose, stable),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self.versions["stable"].deployment]),
        )
        path = predict_path(name)
        self.cluster_url = f"http://{name}.{settings.tenant}.svc:{REST_PORT}{path}"
        self.route = None
        if settings.expose.gateway is not None:
            self.route = self._route(settings.expose.gateway, metadata(name))
            self.predict_url = self._through(settings.expose.gateway, path)
        elif settings.expose.load_balancer is not None:
            address = self.front.status.load_balancer.ingress.apply(lambda known: _address(name, known))
            self.predict_url = address.apply(lambda host: f"http://{host}:{REST_PORT}{path}")
        else:
            self.predict_url = self.front.metadata.name.apply(lambda _: self.cluster_url)
        self.register_outputs({"predictUrl": self.predict_url})

    def _served(self, track: Track, policies: tuple[pulumi.Resource, ...]) -> ModelVersion:
        args, run = self._args, self._args.runs.get(track.version)
        return ModelVersion(
            f"{self._name}-v{track.version}",
            ModelVersionArgs(
                model=self._name,
                track=track,
                settings=args.settings,
                plan=args.plan,
                serving_image=args.serving_image,
                training_image=args.training_image,
                tenant=args.tenant,
                store=args.store,
                gpu=args.gpu,
                gpu_memory_fraction=args.gpu_memory_fraction,
                after=(*((run,) if run is not None else ()), *policies),
            ),
            pulumi.ResourceOptions(parent=self),
        )

    def _route(self, gateway: Gateway, metadata: ObjectMetaArgs) -> CustomResource:
        """Weights change only when the servers of every version are ready, and when its Service is there."""
        first: list[pulumi.Resource] = []
        for version in self.versions.values():
            first += [version.deployment, version.service]
        if self._args.gateway is not None:
            first.append(self._args.gateway.gateway)
        spec = route(self._name, self._args.settings, gateway)
        return gateway_api.declare_route(
            self._name, metadata, spec, pulumi.ResourceOptions(parent=self, depends_on=first)
        )

    def _through(self, gateway: Gateway, path: str) -> pulumi.Output[str]:
        made = self._args.gateway
        secure = made is None and gateway.port == _HTTPS
        scheme, usual = ("https", _HTTPS) if secure else ("http", _HTTP)
        port = "" if gateway.port == usual else f":{gateway.port}"
        host = pulumi.Output.from_input(gateway.hostname or "")
        if made is not None and gateway.hostname is None:
            host = made.gateway.address.apply(_bracketed)
        return host.apply(lambda known: f"{scheme}://{known}{port}{path}")


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
    if expose.gateway is not None:
        callers += network.namespaces(expose.gateway.from_namespaces)
        callers += network.networks(expose.gateway.from_ranges)
    return callers


def _address(service: str, ingress: Sequence[LoadBalancerIngress] | None) -> str:
    """Load balancers have an address or a name, by the cloud's habit."""
    if ingress:
        return _bracketed(ingress[0].ip or ingress[0].hostname or "")
    if pulumi.runtime.is_dry_run():
        # What a Service has that was none: a preview shows the status of before.
        return cast("str", pulumi.UNKNOWN)
    raise pulumi.RunError(
        f"the Service {service} has no address: status.loadBalancer.ingress is empty\n"
        "see why the cluster gives it none (kubectl describe service), then run `pulumi up` again"
    )


def _bracketed(host: str) -> str:
    """As URLs have it: an IPv6 address stands in brackets."""
    return f"[{host}]" if ":" in host else host
