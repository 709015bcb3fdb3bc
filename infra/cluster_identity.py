"""The guard against the wrong cluster: asks the cluster who it is before anything is registered. Imports no Pulumi.

A cluster is known by the UID of its namespace `kube-system`, which no two share and which lives as long as the cluster
(https://opentelemetry.io/docs/specs/semconv/resource/k8s/: `k8s.cluster.uid`). The name of a context says
nothing: it is renamed, copied, and points elsewhere after the next `kind create cluster`.
"""

import os
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from http import HTTPStatus
from pathlib import Path
from typing import cast

from infra.cluster_client import Answer, Question, ask_server
from infra.kubeconfig import Access, ClusterError, Words, find_access, provider_file
from infra.settings.platform import ClusterSettings

Ask = Callable[[Access], str]
"""Reads the UID of a cluster's `kube-system`; raises ClusterError where it cannot."""


_asked: ContextVar[bool] = ContextVar("_asked", default=True)


@contextmanager
def without_asking() -> Generator[None]:
    """Lets programs run in this block without cluster and kubeconfig: nothing they register is real.

    The recording of `tfk8s render` and `diff` and of the unit tests runs the very program that `pulumi up` runs, and
    must work offline. It is a context variable, not an argument, because `__main__.py` stands between the two.
    """
    token = _asked.set(False)
    try:
        yield
    finally:
        _asked.reset(token)


def may_ask() -> bool:
    """Whether there is a cluster to ask: not within `without_asking`."""
    return _asked.get()


def guarded_kubeconfig(
    settings: ClusterSettings, environment: Mapping[str, str] = os.environ, ask: Ask | None = None
) -> str | None:
    """The kubeconfig for the provider, after the cluster it leads to is known to be the right one.

    Without `kubeSystemUid` no cluster is asked. What is returned is what was asked: the provider gets this very file
    and the same context, so that the one proves the other.

    Args:
        settings: Which cluster it should be.
        environment: Where KUBECONFIG is looked up.
        ask: `uid_of` unless a test answers.

    Returns:
        A path, or None where the default `~/.kube/config` is meant.

    Raises:
        ClusterError: It is another cluster, or cannot be asked.
    """
    if not _asked.get():
        return settings.kubeconfig and str(Path(settings.kubeconfig).expanduser())
    if settings.kube_system_uid is not None:
        access = find_access(settings.kubeconfig, settings.context, environment)
        found = (ask or uid_of)(access)
        if found != settings.kube_system_uid:
            raise ClusterError(
                "kubeSystemUid",
                f"this stack belongs to the cluster {settings.kube_system_uid}, but {access} leads to {found}",
                "correct tfk8s:cluster.context or the kubeconfig; if this stack moved to that cluster for good, "
                "`tfk8s pin STACK --update` writes its uid",
            )
    return provider_file(settings.kubeconfig, settings.context, environment)


def uid_of(access: Access) -> str:
    """Asks the API server for the UID of the namespace `kube-system`, logged in as the kubeconfig describes.

    Raises:
        ClusterError: The log-in failed, or there is no such answer.
    """
    [answer] = ask_server(access, [Question("/api/v1/namespaces/kube-system")])
    return _uid_in(access, answer)


def _uid_in(access: Access, answer: Answer) -> str:
    """The UID in an answer of the API server."""
    words = answer.words()
    said = str(words.get("message") or f"HTTP status {answer.status}")
    match answer.status:
        case HTTPStatus.OK:
            metadata = words.get("metadata")
            uid = cast("Words", metadata).get("uid") if isinstance(metadata, Mapping) else None
            if isinstance(uid, str):
                return uid
            raise ClusterError(
                "context", f"{access} answered, but not as a Kubernetes API server does", "correct the server's URL"
            )
        case HTTPStatus.UNAUTHORIZED:
            raise ClusterError("context", f"{access} refused the log-in: {said}", "log in again")
        case HTTPStatus.FORBIDDEN:
            raise ClusterError(
                "kubeSystemUid",
                f"{access} may not read which cluster it is: {said}",
                "let it `get` the namespace kube-system (a ClusterRole with that resourceName)",
            )
        case _:
            raise ClusterError("context", f"{access} cannot be asked: {said}", "is this the API server of a cluster?")
