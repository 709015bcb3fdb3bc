"""Names that would collide in the cluster."""

from collections.abc import Iterator
from datetime import date

from infra.checks.report import error
from infra.finding import Finding
from infra.plan import Plan
from infra.settings import Settings


def namespaces_are_free(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """A tenant is a namespace of its own; `default` and `kube-…` belong to the cluster and exist already."""
    for name in settings.tenants:
        if name == "default" or name.startswith("kube-"):
            yield error(
                "tenant-name",
                ("tenants", name),
                f"the namespace {name} is the cluster's own",
                "choose another name",
            )


def services_have_their_own_names(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """A model's Service has its name, a version's Service `<model>-v<version>`: two models must not meet in one."""
    for name, model in settings.models.items():
        version = model.tracks.stable.version
        other = settings.models.get(f"{name}-v{version}")
        if other is not None and other.tenant == model.tenant:
            yield error(
                "service-name",
                ("models", f"{name}-v{version}"),
                f"version {version} of models.{name} has a Service of the same name in {model.tenant}",
                "rename one of the two models",
            )
