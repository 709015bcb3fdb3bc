"""Prometheus for the served models: what it asks, computes and alerts on, in a namespace of its own."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import pulumi
from pulumi_kubernetes.apps.v1 import Deployment
from pulumi_kubernetes.core.v1 import (
    ConfigMap,
    ConfigMapVolumeSourceArgs,
    ContainerPortArgs,
    EmptyDirVolumeSourceArgs,
    HTTPGetActionArgs,
    Namespace,
    PersistentVolumeClaim,
    PersistentVolumeClaimSpecArgs,
    PersistentVolumeClaimVolumeSourceArgs,
    PodSpecArgs,
    ProbeArgs,
    Service,
    ServiceAccount,
    VolumeArgs,
    VolumeMountArgs,
    VolumeResourceRequirementsArgs,
)
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.components import labels, model_rules, network, pod, scrape, watcher
from infra.components.pull_secret import pull_secrets
from infra.components.serving_pod import REST_PORT
from infra.components.single import single_server
from infra.components.tenant import Tenant, pod_security
from infra.settings import ModelSettings, MonitoringSettings
from infra.settings.monitoring import NAMESPACE, MonitoredGateway
from infra.settings.platform import RegistryCredentials

_NAME: Final = "prometheus"
_PORT: Final = 9090
_CONFIG: Final = "/etc/prometheus"
_DATA: Final = "/prometheus"
_RELOADED_EVERY: Final = "30s"
_GRACE_SECONDS: Final = 60
"""It writes its newest samples down at SIGTERM."""

_FILLED: Final = 80
"""Percent of the room that samples may take; the log of the newest ones comes on top."""

_API_PORTS: Final = (443, 6443)
"""Of the API server: of its Service, and where network plugins look at what is behind it."""


@dataclass(frozen=True, kw_only=True)
class MonitoringArgs:
    """What is watched, and how."""

    settings: MonitoringSettings
    image: str
    models: Mapping[str, ModelSettings]
    tenants: Mapping[str, Tenant]
    """By name; those that serve no model are left alone."""

    registries: Mapping[str, RegistryCredentials] = field(default_factory=dict[str, RegistryCredentials])
    """Credentials the node pulls the image with, by registry host."""


class Monitoring(pulumi.ComponentResource):
    """One Prometheus that may look at the pods of tenants with models and at nothing else.

    It takes a changed configuration over without a restart, and asks nobody who they are: who may reach it is said in
    `monitoring.fromNamespaces`.
    """

    namespace: Namespace
    deployment: Deployment
    service: Service

    cluster_url: str
    """From the namespaces that may ask it."""

    def __init__(self, name: str, args: MonitoringArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tfk8s:index:Monitoring", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        selector = labels.model_selector(_NAME, _NAME)
        object_labels = {**labels.common(_NAME, {}), **selector}
        self.namespace = Namespace(
            f"{name}-namespace",
            metadata=ObjectMetaArgs(name=NAMESPACE, labels={**object_labels, **pod_security("restricted")}),
            opts=child,
        )
        namespace_name = self.namespace.metadata.name

        def metadata(object_name: str = _NAME) -> ObjectMetaArgs:
            return ObjectMetaArgs(name=object_name, namespace=namespace_name, labels=object_labels)

        served = {model.tenant: args.tenants[model.tenant] for model in args.models.values()}
        policies = [
            network.deny_all(f"{name}-deny-all", metadata("deny-all"), child),
            network.allow_dns(f"{name}-allow-dns", metadata("allow-dns"), child),
            network.allow_in(
                f"{name}-callers",
                metadata("callers"),
                selector,
                [network.own_namespace(), *network.namespaces(args.settings.from_namespaces)],
                _PORT,
                opts=child,
            ),
            network.allow_out_to(
                f"{name}-servers", metadata("servers"), selector, sorted(served), [REST_PORT], opts=child
            ),
            network.allow_out_to(f"{name}-api", metadata("api"), selector, None, _API_PORTS, opts=child),
            *_to_gateway(name, metadata("gateway"), selector, args.settings.gateway, child),
        ]
        account = ServiceAccount(
            f"{name}-account",
            metadata=metadata(),
            automount_service_account_token=False,  # the one pod that needs it says so
            image_pull_secrets=pull_secrets(name, namespace_name, object_labels, args.registries, child) or None,
            opts=child,
        )
        allowed = [watcher.allow(f"{name}-{key}", tenant, account, self) for key, tenant in served.items()]
        config = ConfigMap(f"{name}-config", metadata=metadata(), data=_files(args, sorted(served)), opts=child)
        ready = pulumi.ResourceOptions(parent=self, depends_on=[*policies, *(one for each in allowed for one in each)])
        claim = _claim(name, metadata(), args.settings, child)
        self.deployment, self.service = single_server(
            name,
            metadata(),
            selector,
            _pod(args, account.metadata.name, config.metadata.name, claim),
            ready,
            port=_PORT,
        )
        self.cluster_url = f"http://{_NAME}.{NAMESPACE}.svc:{_PORT}"
        self.register_outputs({"clusterUrl": self.cluster_url})


def _to_gateway(
    name: str,
    metadata: ObjectMetaArgs,
    selector: Mapping[str, str],
    gateway: MonitoredGateway | None,
    opts: pulumi.ResourceOptions,
) -> list[pulumi.Resource]:
    where = None if gateway is None else gateway.traefik or gateway.istio
    if where is None:
        return []
    return [network.allow_out_to(f"{name}-gateway", metadata, selector, [where.namespace], [where.port], opts=opts)]


def _files(args: MonitoringArgs, namespaces: list[str]) -> dict[str, str]:
    """Configuration and rules; JSON is YAML."""
    asked = scrape.configuration(namespaces, args.settings.gateway, f"{_CONFIG}/rules.yml")
    rules = {"groups": model_rules.groups(args.models, args.settings)}
    return {"prometheus.yml": json.dumps(asked, indent=2), "rules.yml": json.dumps(rules, indent=2)}


def _claim(
    name: str, metadata: ObjectMetaArgs, settings: MonitoringSettings, opts: pulumi.ResourceOptions
) -> PersistentVolumeClaim | None:
    if settings.storage_class_name is None:
        return None
    return PersistentVolumeClaim(
        f"{name}-data",
        metadata=metadata,
        spec=PersistentVolumeClaimSpecArgs(
            access_modes=["ReadWriteOnce"],
            storage_class_name=settings.storage_class_name,
            resources=VolumeResourceRequirementsArgs(requests={"storage": str(settings.size)}),
        ),
        opts=opts,
    )


def _pod(
    args: MonitoringArgs,
    account: pulumi.Input[str],
    config: pulumi.Input[str],
    claim: PersistentVolumeClaim | None,
) -> PodSpecArgs:
    settings = args.settings
    container = pod.container(
        _NAME,
        args.image,
        ["/bin/prometheus"],
        args=[
            f"--config.file={_CONFIG}/prometheus.yml",
            f"--storage.tsdb.path={_DATA}",
            f"--storage.tsdb.retention.time={settings.retention.whole_seconds}s",
            f"--storage.tsdb.retention.size={int(settings.size.amount) * _FILLED // 100}B",
            f"--web.listen-address=:{_PORT}",
            "--enable-feature=auto-reload-config",
            f"--config.auto-reload-interval={_RELOADED_EVERY}",
        ],
        env=pod.environment({}),
        asked=pod.resources(settings.resources.container(), None),
        mounts=[
            VolumeMountArgs(name="config", mount_path=_CONFIG, read_only=True),
            VolumeMountArgs(name="data", mount_path=_DATA),
        ],
    )
    container.ports = [ContainerPortArgs(name="http", container_port=_PORT)]
    ready, healthy = (HTTPGetActionArgs(path=f"/-/{what}", port=_PORT) for what in ("ready", "healthy"))
    # It reads the log of its newest samples first, which takes minutes where there are many.
    container.startup_probe = ProbeArgs(http_get=ready, period_seconds=5, timeout_seconds=3, failure_threshold=120)
    container.readiness_probe = ProbeArgs(http_get=ready, period_seconds=5, timeout_seconds=3, failure_threshold=3)
    container.liveness_probe = ProbeArgs(http_get=healthy, period_seconds=20, timeout_seconds=5, failure_threshold=6)
    kept = (
        VolumeArgs(name="data", empty_dir=EmptyDirVolumeSourceArgs(size_limit=str(settings.size)))
        if claim is None
        else VolumeArgs(
            name="data",
            persistent_volume_claim=PersistentVolumeClaimVolumeSourceArgs(claim_name=claim.metadata.name),
        )
    )
    return PodSpecArgs(
        service_account_name=account,
        # Its discovery asks the API server for the pods of tenants with models, which is all that it may.
        automount_service_account_token=True,
        enable_service_links=False,
        security_context=pod.pod_security(),
        termination_grace_period_seconds=_GRACE_SECONDS,
        containers=[container],
        volumes=[
            pod.temp_volume(),
            VolumeArgs(name="config", config_map=ConfigMapVolumeSourceArgs(name=config)),
            kept,
        ],
    )
