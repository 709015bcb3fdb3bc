"""The model store is one and reaches every tenant."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date

from infra.checks.report import error
from infra.finding import Finding
from infra.plan import Plan
from infra.settings import Settings

_KINDS = ("nfs", "csi", "local")


def one_kind_of_store(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """Exactly one of nfs, csi and local."""
    store = settings.store
    given = [kind for kind in _KINDS if getattr(store, kind) is not None]
    if len(given) != 1:
        yield error(
            "store-kind",
            ("store",),
            f"give exactly one of {', '.join(_KINDS)} (given: {', '.join(given) or 'none'})",
            "keep the one where the models lie" if given else "say where the models lie",
        )


def handles_fit_tenants(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """Every tenant has a volume handle of its own: volumes that share one get stuck on one node."""
    if settings.store.csi is None:
        return
    handles = settings.store.csi.volume_handles
    location = ("store", "csi", "volumeHandles")
    for tenant in settings.tenants:
        if tenant not in handles:
            yield error(
                "store-handles",
                (*location, tenant),
                f"missing: tenant {tenant} needs a volume of its own",
                f"add the handle of a volume for {tenant}",
            )
    tenants_by_handle: defaultdict[str, list[str]] = defaultdict(list)
    for tenant, handle in handles.items():
        tenants_by_handle[handle].append(tenant)
    for handle, tenants in tenants_by_handle.items():
        if len(tenants) > 1:
            yield error(
                "store-handles",
                (*location, tenants[-1]),
                f"{' and '.join(tenants)} share the handle {handle}: two volumes with one handle get stuck on one node",
                "make a volume for each tenant over the same share",
            )
