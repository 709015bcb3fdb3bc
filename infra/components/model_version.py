"""One version of a served model: its own Deployment, Service, autoscaler and disruption budget.

A new version is a new set of objects beside the old one, so that moving traffic restarts nothing.
"""

from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apps.v1 import (
    Deployment,
    DeploymentSpecArgs,
    DeploymentStrategyArgs,
    RollingUpdateDeploymentArgs,
)
from pulumi_kubernetes.autoscaling.v2 import HorizontalPodAutoscaler
from pulumi_kubernetes.core.v1 import ConfigMap, PodTemplateSpecArgs, Service, ServicePortArgs, ServiceSpecArgs
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs
from pulumi_kubernetes.policy.v1 import PodDisruptionBudget, PodDisruptionBudgetSpecArgs

from infra.components import autoscaler, labels, network
from infra.components.model_store import ModelStore
from infra.components.serving_config import config_files
from infra.components.serving_pod import REST_PORT, ServingPod
from infra.components.tenant import Tenant
from infra.plan import ModelPlan
from infra.settings import GpuSettings, ModelSettings, Percent, Track

COMPONENT = "serving"


@dataclass(frozen=True, kw_only=True)
class ModelVersionArgs:
    """Which version, and how it is served."""

    model: str
    track: Track
    settings: ModelSettings
    plan: ModelPlan
    serving_image: str
    training_image: pulumi.Input[str]
    """Brings the step that verifies the version before it is served."""

    tenant: Tenant
    store: ModelStore
    gpu: GpuSettings | None = None
    gpu_memory_fraction: Percent | None = None
    after: tuple[pulumi.Resource, ...] = ()
    """What must be done first, such as the training of this version."""


class ModelVersion(pulumi.ComponentResource):
    """Servers of `<model>-v<version>`. The autoscaler owns their number: the Deployment never states one."""

    deployment: Deployment
    service: Service
    autoscaler: HorizontalPodAutoscaler

    def __init__(self, name: str, args: ModelVersionArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tfk8s:index:ModelVersion", name, None, opts)
        version = args.track.version
        selector = labels.version_selector(COMPONENT, args.model, version)
        object_labels = labels.versioned(COMPONENT, args.tenant.labels, model=args.model, version=version)
        after_tenant = pulumi.ResourceOptions(parent=self, depends_on=[*args.tenant.ready, *args.after])

        def metadata(object_name: str | None = name) -> ObjectMetaArgs:
            return ObjectMetaArgs(name=object_name, namespace=args.tenant.namespace_name, labels=object_labels)

        config = ConfigMap(
            f"{name}-config",
            metadata=metadata(None),
            immutable=True,
            data=config_files(args.model, version, args.settings, args.plan),
            opts=after_tenant,
        )
        # Before the Deployment, so that it finds minReplicas wanted while its first pod still starts.
        scaling = autoscaler.spec(args.model, version, args.settings.autoscaling, args.plan)
        self.autoscaler = HorizontalPodAutoscaler(name, metadata=metadata(), spec=scaling, opts=after_tenant)
        PodDisruptionBudget(
            name,
            metadata=metadata(),
            spec=PodDisruptionBudgetSpecArgs(
                max_unavailable=1,
                unhealthy_pod_eviction_policy="AlwaysAllow",
                selector=LabelSelectorArgs(match_labels=selector),
            ),
            opts=after_tenant,
        )
        first: list[pulumi.Resource] = [*args.tenant.ready, *args.after, self.autoscaler]
        if args.track.fetch is not None:
            first.append(network.allow_https_out(f"{name}-fetch", metadata(f"{name}-fetch"), selector, after_tenant))
        pods = ServingPod(
            model=args.model,
            version=version,
            settings=args.settings,
            plan=args.plan,
            image=args.serving_image,
            fetch_image=args.training_image,
            config_name=config.metadata.name,
            claim_name=args.store.claim_name,
            fetch=args.track.fetch,
            gpu=args.gpu,
            gpu_memory_fraction=args.gpu_memory_fraction,
        )
        timeout = f"{args.plan.rollout_timeout.whole_seconds}s"
        self.deployment = Deployment(
            name,
            metadata=metadata(),
            spec=_deployment(args, pods, selector, object_labels),
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=first,
                custom_timeouts=pulumi.CustomTimeouts(create=timeout, update=timeout),
            ),
        )
        self.service = Service(
            name,
            metadata=metadata(),
            spec=ServiceSpecArgs(type="ClusterIP", selector=selector, ports=rest_ports()),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self.deployment]),
        )
        self.register_outputs({"serviceName": self.service.metadata.name})


def rest_ports() -> list[ServicePortArgs]:
    """The REST port. gRPC shares its port with calls that make the server load other models: see `grpc_front`."""
    return [ServicePortArgs(name="rest", port=REST_PORT, target_port="rest", app_protocol="http")]


def _deployment(
    args: ModelVersionArgs, pods: ServingPod, selector: dict[str, str], object_labels: dict[str, str]
) -> DeploymentSpecArgs:
    rollout = args.settings.rollout
    surge = rollout.max_surge
    return DeploymentSpecArgs(
        selector=LabelSelectorArgs(match_labels=selector),
        min_ready_seconds=args.plan.min_ready.whole_seconds or None,
        progress_deadline_seconds=args.plan.progress_deadline.whole_seconds,
        strategy=DeploymentStrategyArgs(
            type="RollingUpdate",
            rolling_update=RollingUpdateDeploymentArgs(
                max_surge=str(surge) if isinstance(surge, Percent) else surge, max_unavailable=rollout.max_unavailable
            ),
        ),
        template=PodTemplateSpecArgs(metadata=ObjectMetaArgs(labels=object_labels), spec=pods.spec(selector)),
    )
