"""What a run was declared to be: kept in the stack's state, and compared before anything of the run is touched."""

import pulumi

from contract.run import RunDefinition
from infra.finding import Finding


def kept_definition(
    run: str, key: str, attempt: int, declared: RunDefinition, opts: pulumi.ResourceOptions
) -> pulumi.Output[str]:
    """The run's definition as first declared, in its canonical words; the same as the one declared now.

    A Stash needs no cluster and survives failed updates; told to ignore changes, it keeps its first value and stays
    untouched by a refused one. A new attempt starts it anew: a run that failed has published nothing, so its words may
    change; one that was published refuses other words itself.

    Args:
        run: Name of the run.
        key: Key of the training job in the stack file.
        attempt: Which attempt the stack file wants.
        declared: The definition as the stack file has it now.
        opts: Parent of the Stash.

    Raises:
        pulumi.RunError: In preview and update alike, when the two differ; it names both.
    """
    kept = first_words(run, attempt, declared.canonical(), opts)
    return kept.apply(lambda text: _same(run, key, attempt, RunDefinition.parse(text), declared))


def first_words(name: str, attempt: int, canonical: str, opts: pulumi.ResourceOptions) -> pulumi.Output[str]:
    """What was declared under this name at first, kept in a Stash as `kept_definition` says."""
    keep = pulumi.ResourceOptions(ignore_changes=["input"], replacement_trigger=attempt)
    stash = pulumi.Stash(f"{name}-definition", input=canonical, opts=pulumi.ResourceOptions.merge(opts, keep))
    return stash.output.apply(str)


def _same(run: str, key: str, attempt: int, kept: RunDefinition, declared: RunDefinition) -> str:
    if kept.canonical() == declared.canonical():
        return kept.canonical()
    finding = Finding(
        check="run-definition",
        severity="error",
        path=f"tfk8s:trainingJobs.{key}",
        message=f"run {run} was declared with other words (then and now): {'; '.join(kept.differences(declared))}",
        fix=f"give it a new version; or put the old words back; or, if it never published, say attempt: {attempt + 1}",
    )
    raise pulumi.RunError(f"a declared run does not change\n{finding.text()}")
