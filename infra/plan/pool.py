"""What a tenant can get from the shared pool of GPUs."""

from collections.abc import Mapping
from dataclasses import dataclass

from infra.settings import Settings


@dataclass(frozen=True, kw_only=True)
class SharePlan:
    """A tenant's devices in the pool."""

    nominal: int
    """Its own whenever it asks for them."""

    borrowing_limit: int
    """Most that it may borrow."""

    lending_limit: int
    """Most of its own that others may borrow."""

    lent_by_others: int
    """What all others lend at most."""

    @property
    def most(self) -> int:
        """Devices it can have at the same time if nobody else uses any."""
        return self.nominal + min(self.borrowing_limit, self.lent_by_others)


def pool_plan(settings: Settings) -> Mapping[str, SharePlan]:
    """By tenant of the pool; tenants that the stack file does not declare lend, and get nothing."""
    shares = settings.gpu_pool.tenants
    lent = {
        name: share.gpu if share.lending_limit is None else min(share.lending_limit, share.gpu)
        for name, share in shares.items()
    }
    everything = sum(lent.values())
    return {
        name: SharePlan(
            nominal=share.gpu,
            borrowing_limit=_borrowing_limit(
                share.gpu, share.borrowing_limit, settings.tenants[name].quota.requests.gpu
            ),
            lending_limit=lent[name],
            lent_by_others=everything - lent[name],
        )
        for name, share in shares.items()
        if name in settings.tenants
    }


def _borrowing_limit(nominal: int, given: int | None, quota: int) -> int:
    """More than the namespace's quota would be admitted by the queue, and its pods refused by the API server."""
    return max(0, quota - nominal) if given is None else given
