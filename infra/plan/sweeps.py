"""The plan of a sweep: how it is named, what it may cost, and what all its trials begin with."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from contract.run import RunDefinition
from contract.sweep import SweepDefinition
from contract.sweep_result import RESULT
from contract.sweep_space import space_of
from infra.plan import prices as card
from infra.settings import Duration, Money, Settings, SweepSettings

_LOSSES: Final = 3
"""Retries for each pod that runs at a time, where the stack file says nothing."""


@dataclass(frozen=True, kw_only=True)
class SweepPlan:
    """Figures of one sweep."""

    job: str
    """`<sweep>-sweep`: its logical and its Kubernetes name; no run's name ends so."""

    best: str
    """Where its result lies, relative to the root of the store."""

    backoff_limit: int
    """Failed pods that are tried again, over all trials."""

    timeout: Duration
    """How long the engine waits: in a queue, until the deadline, and what the Job controller may take to report it."""

    price_per_hour: Money
    """Of all trials that run at a time."""

    price_max: Money
    """If it runs until its deadline."""


def sweep_plan(name: str, sweep: SweepSettings, settings: Settings) -> SweepPlan:
    """All sums of a sweep."""
    prices, tenant = settings.policy.prices, settings.tenants.get(sweep.tenant)
    price = card.per_hour(sweep.container, prices, settings.gpu, sweep.parallelism)
    # As of a run: Kueue suspends a waiting Job.
    patience = settings.gpu_pool.patience if tenant is not None and tenant.queue is not None else Duration(Decimal(0))
    given = sweep.backoff_limit
    return SweepPlan(
        job=f"{name}-sweep",
        best=f"{sweep.model}/.sweeps/{name}/{RESULT}",
        backoff_limit=_LOSSES * sweep.parallelism if given is None else given,
        timeout=patience + sweep.deadline + Duration.parse("2m"),
        price_per_hour=price,
        price_max=card.for_seconds(price, sweep.deadline.seconds, prices),
    )


def sweep_definition(settings: Settings, name: str) -> SweepDefinition:
    """What makes the sweep this sweep; what it leaves to its model's training job is taken from there.

    Raises:
        RunError: The sweep cannot be run; with every problem at once, by the name of the image's variable.
    """
    sweep = settings.sweeps[name]
    job = settings.training_jobs.get(sweep.model)
    declared = (
        RunDefinition() if job is None else RunDefinition(args=job.args, seed=job.seed, data_version=job.data_version)
    )
    base = RunDefinition(
        args=declared.args if sweep.args is None else sweep.args,
        seed=declared.seed if sweep.seed is None else sweep.seed,
        data_version=declared.data_version if sweep.data_version is None else sweep.data_version,
        gpus=sweep.gpus,
    )
    words = {argument: parameter.words() for argument, parameter in sweep.space.items()}
    return SweepDefinition(
        base=base,
        space=space_of(words) if words else {},
        trials=sweep.trials,
        sampler=sweep.sampler,
        pruner=sweep.pruner,
        metric=sweep.metric,
    )


def sweep_data_set(settings: Settings, sweep: SweepSettings) -> str | None:
    """The data set that its trials mount: its own, else that of its model's training job."""
    job = settings.training_jobs.get(sweep.model)
    return sweep.data_set or (job.data_set if job is not None else None)
