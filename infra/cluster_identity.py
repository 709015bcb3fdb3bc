"""The guard against the wrong cluster: asks the cluster who it is before anything is registered. Imports no Pulumi.

A cluster is known by the UID of its namespace `kube-system`, which no two share and which lives as long as the cluster
(https://opentelemetry.io/docs/specs/semconv/resource/k8s/: `k8s.cluster.uid`). The name of a context says
nothing: it is renamed, copied, and points elsewhere after the next `kind create cluster`.
"""

import asyncio
import json
import os
import tempfile
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import ip_address
from pathlib import Path
from ssl import SSLContext
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import urlsplit

from infra.kubeconfig import Access, ClusterError, Words, find_access, provider_file
from infra.settings.platform import ClusterSettings

if TYPE_CHECKING:
    from kr8s._auth import KubeAuth  # pyright: ignore[reportPrivateUsage] - the type of Api.auth has no public name

LOG_IN_SECONDS: Final = 60
"""Longest a log-in may take: its program may open a browser."""

ANSWER_SECONDS: Final = 10
"""Longest the API server may take to answer."""

Ask = Callable[[Access], str]
"""Reads the UID of a cluster's `kube-system`; raises ClusterError where it cannot."""


@dataclass(frozen=True, kw_only=True)
class LogIn:
    """What an HTTP client needs to speak to an API server as the kubeconfig describes."""

    server: str
    """URL without a slash at its end."""

    headers: Mapping[str, str]
    verify: "SSLContext | bool"
    proxy: str | None
    trust_env: bool
    """Whether proxies that the environment names are asked."""

    extensions: Mapping[str, str]
    """Of each request."""


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
    # A thread of its own: a Pulumi program runs inside an event loop, and the log-in needs one.
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(asyncio.run, _uid_of(access)).result()


def log_in(access: Access) -> LogIn:
    """Logs in as the kubeconfig describes.

    Raises:
        ClusterError: It failed, or took too long.
    """
    with ThreadPoolExecutor(max_workers=1) as thread:  # as in `uid_of`
        return thread.submit(asyncio.run, _log_in(access)).result()


async def _log_in(access: Access) -> LogIn:
    auth, verify = await _logged_in(access)
    return LogIn(
        server=auth.server.rstrip("/"),
        headers={"Authorization": f"Bearer {auth.token}"} if auth.token else {},
        verify=verify,
        proxy=auth.proxy,
        trust_env=not _on_this_machine(auth.server),
        extensions={"sni_hostname": auth.tls_server_name} if auth.tls_server_name else {},
    )


async def _uid_of(access: Access) -> str:
    import httpx  # noqa: PLC0415 - with kr8s it takes 0.4 s to import, and most runs ask nobody

    log_in = await _log_in(access)
    url = f"{log_in.server}/api/v1/namespaces/kube-system"
    try:
        async with httpx.AsyncClient(
            verify=log_in.verify, proxy=log_in.proxy, trust_env=log_in.trust_env, timeout=ANSWER_SECONDS
        ) as client:
            answer = await client.get(url, headers=log_in.headers, extensions=log_in.extensions)
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        late = isinstance(error, httpx.TimeoutException)
        said = f"it did not answer within {ANSWER_SECONDS} s" if late else _reason(error)
        fix = "is the cluster up, and can this machine reach it (VPN, proxy)?"
        raise ClusterError("context", f"{access} cannot be asked: {said}", fix) from None
    return _uid_in(access, answer.status_code, answer.content)


async def _logged_in(access: Access) -> "tuple[KubeAuth, SSLContext | bool]":
    import anyio  # noqa: PLC0415 - as httpx above
    import kr8s  # noqa: PLC0415 - as httpx above

    auth: KubeAuth | None = None
    try:
        auth = kr8s.Api(
            bypass_factory=True,  # kr8s.api() asks for /version at once, with no time limit
            kubeconfig=_minimal(access),
            context=access.context,
            serviceaccount="",  # never the one of a pod this happens to run in
        ).auth
        with anyio.fail_after(LOG_IN_SECONDS):  # unlike asyncio's, it ends the program too
            await auth
            return auth, await auth.ssl_context()
    except TimeoutError:
        reason = f"it took longer than {LOG_IN_SECONDS} s"
    # The log-in may be a program of any kind, and kr8s passes on what goes wrong as it comes.
    except (OSError, ValueError, LookupError, TypeError, RuntimeError) as error:
        reason = _reason(error)
    finally:
        if auth is not None:
            _forget(access, auth)
    raise ClusterError("context", f"the log-in of {access} failed: {reason}", "does `kubectl --context` work with it?")


def _minimal(access: Access) -> dict[str, object]:
    """A kubeconfig of nothing but this context; kr8s merges several files otherwise than kubectl: the last wins."""
    name, user = access.context, dict(access.user)
    if token_file := user.pop("tokenFile", None):  # kr8s does not know it; kubectl prefers it to `token`
        user["token"] = Path(str(token_file)).read_text(encoding="utf-8").strip()
    return {
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "clusters": [{"name": name, "cluster": dict(access.cluster)}],
        "users": [{"name": name, "user": user}],
        "current-context": name,
    }


def _forget(access: Access, auth: "KubeAuth") -> None:
    """Removes the copies of keys and certificates that kr8s writes into the temporary directory and leaves there."""
    named = [*access.cluster.values(), *access.user.values()]
    for file in (auth.client_key_file, auth.client_cert_file, auth.server_ca_file):
        if file is not None and str(file) not in named and Path(str(file)).parent == Path(tempfile.gettempdir()):
            Path(str(file)).unlink(missing_ok=True)


def _uid_in(access: Access, status: int, content: bytes) -> str:
    """The UID in an answer of the API server."""
    words = _object(content)
    said = str(words.get("message") or f"HTTP status {status}")
    match status:
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


def _object(content: bytes) -> Words:
    try:
        read = cast("object", json.loads(content))
    except ValueError:
        read = None
    return cast("Words", read) if isinstance(read, Mapping) else {}


def _on_this_machine(server: str) -> bool:
    """Whether no proxy is asked, as kubectl never does for the loopback."""
    host = urlsplit(server).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _reason(error: BaseException) -> str:
    lines = " ".join(str(error).split())
    return lines or type(error).__name__
