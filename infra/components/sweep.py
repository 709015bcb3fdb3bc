"""One search for better arguments of a model's training: trials as the indices of one Job."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import pulumi
from pulumi_kubernetes.batch.v1 import Job, JobSpecArgs
from pulumi_kubernetes.core.v1 import PodTemplateSpecArgs
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from contract.sweep import SweepDefinition, SweepEnvironment
from contract.sweep_result import SweepResult
from infra.components import failure, labels, pod
from infra.components.definition import first_words
from infra.components.sweep_result import kept_result
from infra.components.training import (
    STORE,
    TrainingArgs,
    declared_once,
    disruptions_do_not_count,
    job_metadata,
    training_pod,
)
from infra.finding import Finding
from infra.plan import SweepPlan
from infra.settings import SweepSettings

_COMPONENT = "sweep"


@dataclass(frozen=True, kw_only=True)
class SweepArgs:
    """What to vary, with what."""

    sweep: str
    """Key of the sweep in the stack file, and its name in the store."""

    settings: SweepSettings
    definition: SweepDefinition
    """What every trial must agree on, and the journal in the store too."""

    plan: SweepPlan
    given: TrainingArgs


class Sweep(pulumi.ComponentResource):
    """The Indexed Job `<sweep>-sweep`, awaited until every trial is done, and Stashes of its definition and its result.

    As a run, a declared sweep does not change, and one that failed stays failed until the stack file counts up
    `attempt`. The next attempt goes on from the journal in the store: no trial that is done is run again. Changed words
    under a used name are refused, since values of trials that began differently cannot be compared.
    """

    job: Job

    job_name: pulumi.Output[str]

    result: pulumi.Output[SweepResult | None]
    """What it found."""

    def __init__(self, name: str, args: SweepArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tfk8s:index:Sweep", name, None, opts)
        settings, declared = args.settings, args.definition
        first = first_words(name, settings.attempt, declared.canonical(), pulumi.ResourceOptions(parent=self))
        kept = first.apply(lambda text: _same(args.sweep, text, declared))
        object_labels = labels.searching(_COMPONENT, args.given.tenant.labels, model=settings.model, job=name)
        self.job = Job(
            name,
            metadata=job_metadata(name, args.given.tenant, object_labels, kept),
            spec=JobSpecArgs(
                completion_mode="Indexed",
                completions=declared.trials,
                parallelism=settings.parallelism,
                # Of the whole Job: limits per index end in a condition that the provider does not wait for.
                backoff_limit=args.plan.backoff_limit,
                active_deadline_seconds=settings.deadline.whole_seconds,
                # Two pods of one slot at a time would run its trial twice.
                pod_replacement_policy="Failed",
                pod_failure_policy=disruptions_do_not_count(),
                template=PodTemplateSpecArgs(
                    metadata=ObjectMetaArgs(labels=object_labels),
                    spec=training_pod("trial", "training.sweep", args.given, settings, _variables(args)),
                ),
            ),
            opts=declared_once(
                self,
                after=args.given.first,
                attempt=settings.attempt,
                timeout=args.plan.timeout,
                hooks=failure.told(args.given.cluster, settings.tenant, name, _fix(args)),
            ),
        )
        self.job_name = self.job.metadata.name
        self.result = kept_result(
            name,
            cluster=args.given.cluster,
            namespace=args.given.tenant.namespace_name,
            job_uid=self.job.metadata.uid,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({"jobName": self.job_name})


def _fix(args: SweepArgs) -> str:
    return (
        f"the sweep stays failed: mend the cause, then say attempt: {args.settings.attempt + 1} "
        f"under tfk8s:sweeps.{args.sweep}, which goes on where it was"
    )


def _variables(args: SweepArgs) -> Mapping[str, str]:
    return SweepEnvironment(
        name=args.sweep,
        model=args.settings.model,
        definition=args.definition,
        gpu_mode=args.given.gpu_mode,
        gpu_memory_fraction=pod.memory_share(args.given.gpu_memory_fraction, args.settings.gpus),
        store=STORE,
    ).to_env()


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
