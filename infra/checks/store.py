"""The model store, and the data sets beside it, are one directory each and reach every tenant that uses them."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from infra.checks.report import error
from infra.finding import Finding
from infra.plan import Plan
from infra.settings import Settings, VolumeSettings
from infra.settings.standin import Location

_KINDS = ("nfs", "csi", "local")


class _Volume(NamedTuple):
    location: Location
    settings: VolumeSettings
    tenants: tuple[str, ...]
    """Who mounts it."""

    holds: str


def one_kind_of_store(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """Exactly one of nfs, csi and local."""
    for volume in _volumes(settings, plan):
        given = [kind for kind in _KINDS if getattr(volume.settings, kind) is not None]
        if len(given) != 1:
            yield error(
                "store-kind",
                volume.location,
                f"give exactly one of {', '.join(_KINDS)} (given: {', '.join(given) or 'none'})",
                f"keep the one where the {volume.holds} lie" if given else f"say where the {volume.holds} lie",
            )


def handles_fit_tenants(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """Every tenant has a volume handle of its own: volumes that share one get stuck on one node."""
    for volume in _volumes(settings, plan):
        if volume.settings.csi is None:
            continue
        handles = volume.settings.csi.volume_handles
        location = (*volume.location, "csi", "volumeHandles")
        for tenant in volume.tenants:
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
                    f"{' and '.join(tenants)} share the handle {handle}: "
                    "two volumes with one handle get stuck on one node",
                    "make a volume for each tenant over the same share",
                )


def _volumes(settings: Settings, plan: Plan) -> Iterator[_Volume]:
    yield _Volume(("store",), settings.store, tuple(settings.tenants), "models")
    for name, data_set in settings.data_sets.items():
        users = tuple(sorted(tenant for tenant, used in plan.data_sets if used == name))
        yield _Volume(("dataSets", name), data_set, users, "data")
