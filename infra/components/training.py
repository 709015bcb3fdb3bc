"""What the Jobs of runs and of sweeps share: how their pods are made, and that one declared does not change."""

from collections.abc import Mapping, Sequence
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
from infra.settings import Duration, GpuSettings, SweepSettings, TrainingJobSettings

STORE: Final = "/store"
"""Where the model store is mounted."""


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
    image: pulumi.Input[str],
    module: str,
    *,
    settings: TrainingJobSettings | SweepSettings,
    variables: Mapping[str, pulumi.Input[str]],
    gpu: GpuSettings | None,
    store: ModelStore,
    data: DataSet | None,
    startup_probe: ProbeArgs | None = None,
    liveness_probe: ProbeArgs | None = None,
    restart_policy: str = "Never",
    subdomain: str | None = None,
) -> PodSpecArgs:
    """A pod that trains on what it is given and writes to the store.

    Args:
        name: Of its container.
        image: Reference of the training image.
        module: What Python runs.
        settings: Its resources, GPUs and nodes.
        variables: What it is told.
        gpu: How it gets its GPUs.
        store: The tenant's model store.
        data: Mounted beside the store.
        startup_probe: Of the container.
        liveness_probe: Of the container.
        restart_policy: Of the pod.
        subdomain: The headless Service that gives it a name.
    """
    gpus = settings.gpus
    scheduling = pod.gpu_scheduling(gpu, gpus, settings.node_selector)
    container = pod.container(
        name,
        image,
        ["python3", "-m", module],
        env=pod.environment({**variables, "TFK8S_IMAGE": image}, gpu, gpus),
        asked=pod.resources(settings.container, gpu),
        mounts=[
            VolumeMountArgs(name="store", mount_path=STORE),
            *data_set.mounts(data),
            *([pod.shared_memory_mount()] if gpus else []),
        ],
    )
    container.startup_probe, container.liveness_probe = startup_probe, liveness_probe
    claim = PersistentVolumeClaimVolumeSourceArgs(claim_name=store.claim_name)
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
            *data_set.volumes(data),
            *([pod.shared_memory_volume()] if gpus else []),
        ],
    )
