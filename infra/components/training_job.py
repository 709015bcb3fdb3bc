"""One run of one model's training: declared once, run once, remembered."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.batch.v1 import (
    Job,
    JobSpecArgs,
    PodFailurePolicyArgs,
    PodFailurePolicyOnPodConditionsPatternArgs,
    PodFailurePolicyRuleArgs,
)
from pulumi_kubernetes.core.v1 import (
    PersistentVolumeClaimVolumeSourceArgs,
    PodSpecArgs,
    PodTemplateSpecArgs,
    VolumeArgs,
    VolumeMountArgs,
)
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from contract.run import RunDefinition, RunEnvironment
from infra.components import labels, pod
from infra.components.definition import kept_definition
from infra.components.model_store import ModelStore
from infra.components.tenant import SERVICE_ACCOUNT, Tenant
from infra.plan import JobPlan
from infra.settings import GpuSettings, TrainingJobSettings

DEFINITION_ANNOTATION = "tfk8s.dev/definition"
_COMPONENT = "training"
_STORE = "/store"


@dataclass(frozen=True, kw_only=True)
class TrainingJobArgs:
    """What to train, with what."""

    model: str
    """Key of the training job in the stack file, and name of the model in the store."""

    settings: TrainingJobSettings
    plan: JobPlan
    image: pulumi.Input[str]
    """Reference of the training image; recorded by the run, not part of what makes it this run."""

    tenant: Tenant
    store: ModelStore
    gpu: GpuSettings | None = None


class TrainingJob(pulumi.ComponentResource):
    """The Job of one run `<model>-v<version>`, awaited until it is complete, and the Stash with its definition.

    A declared run does not change: a new image, other code or other resources are for the next run (`ignore_changes`).
    A failed one stays failed, and says so at every update, until the stack file counts up `attempt`, which replaces the
    Job with one as it is declared then. Changed words under a used number are refused.
    """

    job: Job

    job_name: pulumi.Output[str]

    image: pulumi.Output[str]
    """The image the run was declared with, which later builds do not change."""

    def __init__(self, name: str, args: TrainingJobArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tfk8s:index:TrainingJob", name, None, opts)
        settings = args.settings
        definition = RunDefinition(
            args=settings.args, seed=settings.seed, data_version=settings.data_version, gpus=settings.gpus
        )
        kept = kept_definition(name, args.model, settings.attempt, definition, pulumi.ResourceOptions(parent=self))
        object_labels = labels.versioned(_COMPONENT, args.tenant.labels, model=args.model, version=settings.version)
        timeout = f"{args.plan.timeout.whole_seconds}s"
        self.job = Job(
            name,
            metadata=ObjectMetaArgs(
                name=name,
                namespace=args.tenant.namespace_name,
                labels=object_labels,
                annotations={DEFINITION_ANNOTATION: kept},
            ),
            spec=JobSpecArgs(
                backoff_limit=settings.backoff_limit,
                active_deadline_seconds=settings.deadline.whole_seconds,
                # A drained node is not the run's failure. Failing pods by other rules would end the Job for a reason
                # that the provider does not wait for.
                pod_failure_policy=PodFailurePolicyArgs(
                    rules=[
                        PodFailurePolicyRuleArgs(
                            action="Ignore",
                            on_pod_conditions=[
                                PodFailurePolicyOnPodConditionsPatternArgs(type="DisruptionTarget", status="True")
                            ],
                        )
                    ]
                ),
                template=PodTemplateSpecArgs(
                    metadata=ObjectMetaArgs(labels=object_labels), spec=_pod(args, definition)
                ),
            ),
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=args.tenant.ready,
                ignore_changes=["spec", "metadata.labels", "metadata.annotations"],
                replacement_trigger=settings.attempt,
                delete_before_replace=True,
                custom_timeouts=pulumi.CustomTimeouts(create=timeout, update=timeout),
            ),
        )
        self.job_name = self.job.metadata.name
        self.image = self.job.spec.template.spec.containers[0].image
        self.register_outputs({"jobName": self.job_name})


def _pod(args: TrainingJobArgs, definition: RunDefinition) -> PodSpecArgs:
    gpus = args.settings.gpus
    scheduling = pod.gpu_scheduling(args.gpu, gpus, args.settings.node_selector)
    container = pod.container(
        "train",
        args.image,
        ["python3", "-m", "training.train"],
        env=pod.environment(_variables(args, definition), args.gpu, gpus),
        asked=pod.resources(args.settings.container, args.gpu),
        mounts=[VolumeMountArgs(name="store", mount_path=_STORE), *([pod.shared_memory_mount()] if gpus else [])],
    )
    store = VolumeArgs(
        name="store",
        persistent_volume_claim=PersistentVolumeClaimVolumeSourceArgs(claim_name=args.store.claim_name),
    )
    return PodSpecArgs(
        restart_policy="Never",
        service_account_name=SERVICE_ACCOUNT,
        automount_service_account_token=False,
        enable_service_links=False,
        security_context=pod.pod_security(),
        node_selector=scheduling.node_selector,
        runtime_class_name=scheduling.runtime_class_name,
        tolerations=scheduling.tolerations or None,
        containers=[container],
        volumes=[pod.temp_volume(), store, *([pod.shared_memory_volume()] if gpus else [])],
    )


def _variables(args: TrainingJobArgs, definition: RunDefinition) -> Mapping[str, pulumi.Input[str]]:
    run = RunEnvironment(
        model=args.model,
        version=args.settings.version,
        definition=definition,
        gpu_mode=args.gpu.mode if args.gpu is not None else "exclusive",
        store=_STORE,
    )
    return {**run.to_env(), "TFK8S_IMAGE": args.image}
