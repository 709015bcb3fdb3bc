"""One search for better arguments of a model's training: trials as the indices of one Job."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

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

from contract.sweep import SweepDefinition, SweepEnvironment
from infra.components import data_set, labels, pod
from infra.components.data_set import DataSet
from infra.components.definition import first_words
from infra.components.model_store import ModelStore
from infra.components.tenant import SERVICE_ACCOUNT, Tenant
from infra.components.training_job import DEFINITION_ANNOTATION
from infra.finding import Finding
from infra.plan import SweepPlan
from infra.settings import GpuSettings, Percent, SweepSettings

_COMPONENT = "sweep"
_STORE = "/store"


@dataclass(frozen=True, kw_only=True)
class SweepArgs:
    """What to vary, with what."""

    sweep: str
    """Key of the sweep in the stack file, and its name in the store."""

    settings: SweepSettings
    definition: SweepDefinition
    """What every trial must agree on, and the journal in the store too."""

    plan: SweepPlan
    image: pulumi.Input[str]
    """Reference of the training image; recorded by each trial, not part of what makes it this sweep."""

    tenant: Tenant
    store: ModelStore
    data: DataSet | None = None
    """Mounted beside the store."""

    gpu: GpuSettings | None = None
    gpu_memory_fraction: Percent | None = None
    """Share of a device's memory for a pod; None where no device is shared."""

    queue: pulumi.Resource | None = None
    """As of a run."""


class Sweep(pulumi.ComponentResource):
    """The Indexed Job `<sweep>-sweep`, awaited until every trial is done, and the Stash with the sweep's definition.

    As a run, a declared sweep does not change, and one that failed stays failed until the stack file counts up
    `attempt`. The next attempt goes on from the journal in the store: no trial that is done is run again. Changed words
    under a used name are refused, since values of trials that began differently cannot be compared.
    """

    job: Job

    job_name: pulumi.Output[str]

    def __init__(self, name: str, args: SweepArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tfk8s:index:Sweep", name, None, opts)
        settings, declared = args.settings, args.definition
        first = first_words(name, settings.attempt, declared.canonical(), pulumi.ResourceOptions(parent=self))
        kept = first.apply(lambda text: _same(args.sweep, text, declared))
        object_labels = labels.searching(_COMPONENT, args.tenant.labels, model=settings.model, job=name)
        timeout = f"{args.plan.timeout.whole_seconds}s"
        self.job = Job(
            name,
            metadata=ObjectMetaArgs(
                name=name,
                namespace=args.tenant.namespace_name,
                labels={**object_labels, **labels.queued(args.tenant.queue)},
                annotations={DEFINITION_ANNOTATION: kept},
            ),
            spec=JobSpecArgs(
                completion_mode="Indexed",
                completions=declared.trials,
                parallelism=settings.parallelism,
                # Of the whole Job: limits per index end in a condition that the provider does not wait for.
                backoff_limit=args.plan.backoff_limit,
                active_deadline_seconds=settings.deadline.whole_seconds,
                # Two pods of one slot at a time would run its trial twice.
                pod_replacement_policy="Failed",
                # As of a run: a drained node is not the sweep's failure.
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
                template=PodTemplateSpecArgs(metadata=ObjectMetaArgs(labels=object_labels), spec=_pod(args)),
            ),
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[*args.tenant.ready, *([args.queue] if args.queue is not None else [])],
                ignore_changes=["spec", "metadata.labels", "metadata.annotations"],
                replacement_trigger=settings.attempt,
                delete_before_replace=True,
                custom_timeouts=pulumi.CustomTimeouts(create=timeout, update=timeout),
            ),
        )
        self.job_name = self.job.metadata.name
        self.register_outputs({"jobName": self.job_name})


def _pod(args: SweepArgs) -> PodSpecArgs:
    gpus = args.settings.gpus
    scheduling = pod.gpu_scheduling(args.gpu, gpus)
    container = pod.container(
        "trial",
        args.image,
        ["python3", "-m", "training.sweep"],
        env=pod.environment(_variables(args), args.gpu, gpus),
        asked=pod.resources(args.settings.container, args.gpu),
        mounts=[
            VolumeMountArgs(name="store", mount_path=_STORE),
            *data_set.mounts(args.data),
            *([pod.shared_memory_mount()] if gpus else []),
        ],
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
        volumes=[
            pod.temp_volume(),
            store,
            *data_set.volumes(args.data),
            *([pod.shared_memory_volume()] if gpus else []),
        ],
    )


def _variables(args: SweepArgs) -> Mapping[str, pulumi.Input[str]]:
    trial = SweepEnvironment(
        name=args.sweep,
        model=args.settings.model,
        definition=args.definition,
        gpu_mode=args.gpu.mode if args.gpu is not None else "exclusive",
        gpu_memory_fraction=pod.memory_share(args.gpu_memory_fraction, args.settings.gpus),
        store=_STORE,
    )
    return {**trial.to_env(), "TFK8S_IMAGE": args.image}


def _same(sweep: str, kept: str, declared: SweepDefinition) -> str:
    then, now = _flat(json.loads(kept)), _flat(declared.words())
    differ = [
        f"{key.removeprefix('base.')}: {then.get(key, 'not given')} and {now.get(key, 'not given')}"
        for key in sorted(then.keys() | now.keys())
        if then.get(key) != now.get(key)
    ]
    if not differ:
        return declared.canonical()
    finding = Finding(
        check="sweep-definition",
        severity="error",
        path=f"tfk8s:sweeps.{sweep}",
        message=f"sweep {sweep} was declared with other words (then and now): {'; '.join(differ)}",
        fix="give the changed sweep another name; or put the old words back, as its own args where they were the "
        "training job's; or take the sweep out: its result stays in the store",
    )
    raise pulumi.RunError(f"a declared sweep does not change\n{finding.text()}")


def _flat(words: object, path: str = "") -> dict[str, str]:
    """Every value as JSON, by its path; 20.0 is 20."""
    if isinstance(words, dict):
        inner = cast("dict[str, object]", words).items()
        return {key: text for name, value in inner for key, text in _flat(value, f"{path}.{name}".lstrip(".")).items()}
    whole = int(words) if isinstance(words, float) and words.is_integer() else words
    return {path: json.dumps(whole, ensure_ascii=False)}
