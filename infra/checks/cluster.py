"""The cluster is the one that is meant."""

from collections.abc import Iterator
from datetime import date

from infra.checks.report import warning
from infra.finding import Finding
from infra.plan import Plan
from infra.settings import Settings


def cluster_has_an_identity(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """The cluster is known by the UID of its namespace kube-system: a context can come to mean another one."""
    cluster = settings.cluster
    if cluster.kube_system_uid is None:
        yield warning(
            "cluster-identity",
            ("cluster", "kubeSystemUid"),
            f"missing: only the context's name, {cluster.context}, says which cluster is meant",
            "`tfk8s pin STACK` fills it from the cluster",
        )
