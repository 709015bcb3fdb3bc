"""The GPUs that tenants share: a cohort of Kueue's queues, in which what one does not use another may borrow."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from infra.settings.base import Labels, Name, PositiveDuration, Section
from infra.settings.units import Duration


class Flavor(Section):
    """Kueue's ResourceFlavor: the kind of nodes that the pool's devices are on."""

    name: Name = "gpu"
    """Of the ResourceFlavor; the whole cluster shares these names."""

    node_labels: Labels = {}
    """Put on every queued pod as a node selector, also on those without a GPU, which keep to `gpu.nodeSelector`."""


class PoolShare(Section):
    """A tenant's part of the pool."""

    gpu: Annotated[int, Field(ge=0)]
    """Nominal quota: devices that are the tenant's whenever it asks for them; a queue of 0 lives on what it borrows."""

    borrowing_limit: Annotated[int, Field(ge=0)] | None = None
    """Most devices it may borrow; where not given, up to `quota.requests.gpu` of the tenant."""

    lending_limit: Annotated[int, Field(ge=0)] | None = None
    """Most devices of its own that others may borrow; all of them where not given."""


class Preemption(Section):
    """Whose running Jobs are stopped for a waiting one. A stopped run goes on from its last checkpoint."""

    reclaim_within_cohort: Literal["Never", "LowerPriority", "Any"] = "Any"
    """Jobs of others on lent devices, for one within its tenant's own share; Kueue's own default lends for good."""

    borrow_within_cohort: Literal["Never", "LowerPriority"] = "Never"
    """Jobs of others, for one that has to borrow."""

    within_cluster_queue: Literal["Never", "LowerPriority", "LowerOrNewerEqualPriority"] = "LowerPriority"
    """Jobs of the same tenant."""

    @model_validator(mode="after")
    def _borrowers_may_not_take_what_owners_may_not(self) -> "Preemption":
        if self.reclaim_within_cohort == "Never" and self.borrow_within_cohort != "Never":
            msg = f"Kueue refuses borrowWithinCohort {self.borrow_within_cohort} where reclaimWithinCohort is Never"
            raise ValueError(msg)
        return self


class GpuPoolSettings(Section):
    """How tenants share GPUs through Kueue, which must be installed; where no tenant is named, nothing is made."""

    cohort: Name = "gpus"
    """Queues of one cohort borrow from each other; the whole cluster shares these names."""

    flavor: Flavor = Flavor()
    tenants: Mapping[Name, PoolShare] = {}
    """Shares by tenant. CPU and memory are those of the tenant's quota, and are not lent."""

    preemption: Preemption = Preemption()
    patience: PositiveDuration = Duration.parse("1h")
    """How long a Job may wait in a queue, beside its deadline, before an update gives up on it; the Job waits on."""
