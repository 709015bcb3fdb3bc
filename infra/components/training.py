"""What the Jobs of runs and of sweeps share: how their pods are made, and that one declared does not change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi_kubernetes.batch.v1 import (
    PodFailurePolicyArgs,
    PodFailurePolicyOnPodConditionsPatternArgs,
    PodFailurePolicyRuleArgs,
)
from pulumi_kubernetes.core.v1 import (
    PersistentVolumeClaimVolumeSourceArgs,
    PodSpecArgs,
    ProbeArgs,
    VolumeArgs,
    VolumeMountArgs,
)
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from contract.run import DEFINITION_ANNOTATION
from infra.components import data_set, pod
from infra.components.data_set import DataSet
from infra.components.labels import Labels, queued
from infra.components.model_store import ModelStore
from infra.components.tenant import SERVICE_ACCOUNT, Tenant
from infra.settings import Duration, GpuSettings, Percent, SweepSettings, TrainingJobSettings
from infra.settings.platform import ClusterSettings

STORE: Final = "/store"
"""Where the model store is mounted."""


@dataclass(frozen=True, kw_only=True)
class TrainingArgs:
    """What the Job of a run and that of a sweep are both given."""

    image: pulumi.Input[str]
    """Reference of the training image; recorded, not part of what makes it this run or sweep."""

    tenant: Tenant
    store: ModelStore
    cluster: ClusterSettings
    """Asked why the Job failed, and what its pods found."""

    data: DataSet | None = None
    """Mounted beside the store."""

    gpu: GpuSettings | None = None
    gpu_memory_fraction: Percent | None = None
    """Share of a device's memory for a pod; None where no device is shared."""

    queue: pulumi.Resource | None = None
    """The tenant's queue where this stack makes it: made before the Job, and gone after it."""

    @property
    def gpu_mode(self) -> str:
        """As the environment of a run says it."""
        return self.gpu.mode if self.gpu is not None else "exclusive"

    @property
    def first(self) -> list[pulumi.Resource]:
        """What must stand before the Job."""
        return [*self.tenant.ready, *([self.queue] if self.queue is not None else [])]


def job_metadata(name: str, tenant: Tenant, own: Labels, definition: pulumi.Output[str]) -> ObjectMetaArgs:
    """Of a Job that waits in its tenant's queue, if there is one, and says what it was declared to be."""
    return ObjectMetaArgs(
        name=name,
        namespace=tenant.namespace_name,
        labels={**own, **queued(tenant.queue)},
        annotations={DEFINITION_ANNOTATION: definition},
    )


def declared_once(
    parent: pulumi.Resource,
    *,
    after: Sequence[pulumi.Resource],
    attempt: int,
    timeout: Duration,
    hooks: pulumi.ResourceHookBinding | None,
) -> pulumi.ResourceOptions:
    """Options of a Job that stays as it was declared until the stack file counts up `attempt`, which replaces it.

    Args:
        parent: The Job's component.
        after: What must stand before it starts.
        attempt: Which attempt the stack file wants.
        timeout: How long the engine waits for its end.
        hooks: Tell why it failed.
    """
    seconds = f"{timeout.whole_seconds}s"
    return pulumi.ResourceOptions(
        parent=parent,
        depends_on=[*after],
        ignore_changes=["spec", "metadata.labels", "metadata.annotations"],
        replacement_trigger=attempt,
        delete_before_replace=True,
        custom_timeouts=pulumi.CustomTimeouts(create=seconds, update=seconds),
        hooks=hooks,
    )


def disruptions_do_not_count() -> PodFailurePolicyArgs:
    """A drained node is not the Job's failure. Rules that fail a Job would end it for a reason nobody waits for."""
    drained = PodFailurePolicyOnPodConditionsPatternArgs(type="DisruptionTarget", status="True")
    return PodFailurePolicyArgs(rules=[PodFailurePolicyRuleArgs(action="Ignore", on_pod_conditions=[drained])])


def training_pod(
    name: str,
    module: str,
    args: TrainingArgs,
    settings: TrainingJobSettings | SweepSettings,
    variables: Mapping[str, str],
    *,
    startup_probe: ProbeArgs | None = None,
    liveness_probe: ProbeArgs | None = None,
    restart_policy: str = "Never",
    subdomain: str | None = None,
) -> PodSpecArgs:
    """A pod that trains on what it is given and writes to the store.

    Args:
        name: Of its container.
        module: What Python runs.
        args: Its image, store, data and how it gets its GPUs.
        settings: Its resources, GPUs and nodes.
        variables: What it is told.
        startup_probe: Of the container.
        liveness_probe: Of the container.
        restart_policy: Of the pod.
        subdomain: The headless Service that gives it a name.
    """
    gpus = settings.gpus
    scheduling = pod.gpu_scheduling(args.gpu, gpus, settings.node_selector)
    container = pod.container(
        name,
        args.image,
        ["python3", "-m", module],
        env=pod.environment({**variables, "TFK8S_IMAGE": args.image}, args.gpu, gpus),
        asked=pod.resources(settings.container, args.gpu),
        mounts=[
            VolumeMountArgs(name="store", mount_path=STORE),
            *data_set.mounts(args.data),
            *([pod.shared_memory_mount()] if gpus else []),
        ],
    )
    container.startup_probe, container.liveness_probe = startup_probe, liveness_probe
    claim = PersistentVolumeClaimVolumeSourceArgs(claim_name=args.store.claim_name)
    return PodSpecArgs(
        restart_policy=restart_policy,
        subdomain=subdomain,
        service_account_name=SERVICE_ACCOUNT,
        automount_service_account_token=False,
        enable_service_links=False,
        security_context=pod.pod_security(),
        node_selector=scheduling.node_selector,
        runtime_class_name=scheduling.runtime_class_name,
        tolerations=scheduling.tolerations or None,
        containers=[container],
        volumes=[
            pod.temp_volume(),
            VolumeArgs(name="store", persistent_volume_claim=claim),
            *data_set.volumes(args.data),
            *([pod.shared_memory_volume()] if gpus else []),
        ],
    )
