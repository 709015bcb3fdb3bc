"""One run of one model's training: declared once, run once, remembered."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.batch.v1 import Job, JobSpecArgs
from pulumi_kubernetes.core.v1 import ExecActionArgs, PodSpecArgs, PodTemplateSpecArgs, ProbeArgs
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from contract.run import RunDefinition, RunEnvironment, alive_probe
from infra.components import failure, labels, pod
from infra.components.definition import kept_definition
from infra.components.training import (
    STORE,
    TrainingArgs,
    declared_once,
    disruptions_do_not_count,
    job_metadata,
    training_pod,
)
from infra.components.workers import COMPONENT, Workers, WorkersArgs, peers, subdomain
from infra.plan import JobPlan
from infra.settings import TrainingJobSettings

_PROBE_TIMEOUT_SECONDS = 10
"""A shell starts in milliseconds, but a probe that takes longer than this ends a training on a busy node."""


@dataclass(frozen=True, kw_only=True)
class TrainingJobArgs:
    """What to train, with what."""

    model: str
    """Key of the training job in the stack file, and name of the model in the store."""

    settings: TrainingJobSettings
    plan: JobPlan
    given: TrainingArgs


class TrainingJob(pulumi.ComponentResource):
    """The Job of one run `<model>-v<version>`, awaited until it is complete, and the Stash with its definition.

    One worker is a plain Job. Several are an Indexed Job whose containers the kubelet starts again in their pods, which
    takes the gang less time than new pods, with a Service and a NetworkPolicy between them.

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
            args=settings.args,
            seed=settings.seed,
            data_version=settings.data_version,
            workers=settings.workers,
            gpus=settings.gpus,
        )
        kept = kept_definition(name, args.model, settings.attempt, definition, pulumi.ResourceOptions(parent=self))
        object_labels = labels.versioned(
            COMPONENT, args.given.tenant.labels, model=args.model, version=settings.version
        )
        first = args.given.first
        if settings.workers > 1:
            gang = WorkersArgs(model=args.model, version=settings.version, tenant=args.given.tenant)
            first += Workers(name, gang, pulumi.ResourceOptions(parent=self)).ready
        self.job = Job(
            name,
            metadata=job_metadata(name, args.given.tenant, object_labels, kept),
            spec=_job(
                settings,
                PodTemplateSpecArgs(metadata=ObjectMetaArgs(labels=object_labels), spec=_pod(args, definition)),
            ),
            opts=declared_once(
                self,
                after=first,
                attempt=settings.attempt,
                timeout=args.plan.timeout,
                hooks=failure.told(args.given.cluster, settings.tenant, name, _fix(args)),
            ),
        )
        self.job_name = self.job.metadata.name
        self.image = self.job.spec.template.spec.containers[0].image
        self.register_outputs({"jobName": self.job_name})


def _fix(args: TrainingJobArgs) -> str:
    return (
        f"the run stays failed: mend the cause, then say attempt: {args.settings.attempt + 1} "
        f"under tfk8s:trainingJobs.{args.model}, or take a new version"
    )


def _job(settings: TrainingJobSettings, template: PodTemplateSpecArgs) -> JobSpecArgs:
    """Failing pods by other rules than these would end the Job for a reason that the provider does not wait for.

    A plain Job fails when more pods failed than `backoffLimit` says. One whose containers are started again fails as
    soon as all their restarts together reach it, so its limit is one more (`pastBackoffLimitOnFailure`,
    https://github.com/kubernetes/kubernetes/blob/v1.35.4/pkg/controller/job/job_controller.go#L1568); a limit of 0
    allows none either way.
    """
    deadline = settings.deadline.whole_seconds
    if settings.workers > 1:
        return JobSpecArgs(
            completion_mode="Indexed",
            completions=settings.workers,
            parallelism=settings.workers,
            backoff_limit=settings.backoff_limit * settings.workers + 1 if settings.backoff_limit else 0,
            active_deadline_seconds=deadline,
            template=template,
        )
    return JobSpecArgs(
        backoff_limit=settings.backoff_limit,
        active_deadline_seconds=deadline,
        pod_failure_policy=disruptions_do_not_count(),
        template=template,
    )


def _pod(args: TrainingJobArgs, definition: RunDefinition) -> PodSpecArgs:
    is_gang = args.settings.workers > 1
    return training_pod(
        "train",
        "training.train",
        args.given,
        args.settings,
        _variables(args, definition),
        startup_probe=_alive(period_seconds=1, failures=60),
        liveness_probe=_alive(period_seconds=5, failures=1, grace_seconds=1),
        # A gang's podFailurePolicy would need Never, and new pods for every loss.
        restart_policy="OnFailure" if is_gang else "Never",
        subdomain=subdomain(args.plan.run) if is_gang else None,
    )


def _alive(*, period_seconds: int, failures: int, grace_seconds: int | None = None) -> ProbeArgs:
    """Whether the container's first process lives; it looks after the training itself.

    One that is stopped does not hear SIGTERM, so the kubelet need not wait for it.
    """
    return ProbeArgs(
        exec_=ExecActionArgs(command=list(alive_probe())),
        period_seconds=period_seconds,
        timeout_seconds=_PROBE_TIMEOUT_SECONDS,
        failure_threshold=failures,
        termination_grace_period_seconds=grace_seconds,
    )


def _variables(args: TrainingJobArgs, definition: RunDefinition) -> Mapping[str, str]:
    stall_timeout = args.settings.stall_timeout
    return RunEnvironment(
        model=args.model,
        version=args.settings.version,
        definition=definition,
        gpu_mode=args.given.gpu_mode,
        gpu_memory_fraction=pod.memory_share(args.given.gpu_memory_fraction, args.settings.gpus),
        store=STORE,
        peers=peers(args.plan.run, args.settings.tenant, args.settings.workers),
        stall_timeout=0 if stall_timeout is None else stall_timeout.whole_seconds,
    ).to_env()
