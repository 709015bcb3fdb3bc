"""The model store is one, reaches every tenant, and holds what is served."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date

from infra.checks.report import error, warning
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


def served_versions_have_a_source(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """A served version is trained here, fetched, or known to lie in the store.

    A version below the training job's was trained before; nothing is said about it.
    """
    for name, model in settings.models.items():
        version, job = model.tracks.stable.version, settings.training_jobs.get(name)
        if model.tracks.stable.fetch is not None or (job is not None and version <= job.version):
            continue
        trained = (
            "no training job has this name" if job is None else f"trainingJobs.{name} trains version {job.version}"
        )
        yield warning(
            "served-version",
            ("models", name, "tracks", "stable", "version"),
            f"version {version} must lie in the store already: {trained}, and there is no fetch",
            "nothing, if it does; otherwise train it here or add tracks.stable.fetch",
        )
