"""A client of a stack's API server for the few questions that are asked beside the provider. Imports no Pulumi."""

import asyncio
import json
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from ssl import SSLContext
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import urlsplit

from infra.kubeconfig import Access, ClusterError, Words

if TYPE_CHECKING:
    from kr8s._auth import KubeAuth  # pyright: ignore[reportPrivateUsage] - the type of Api.auth has no public name

LOG_IN_SECONDS: Final = 60
"""Longest a log-in may take: its program may open a browser."""

ANSWER_SECONDS: Final = 10
"""Longest the API server may take to answer."""


@dataclass(frozen=True)
class Question:
    """One request."""

    path: str
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    merge: Words | None = None
    """To be merged into the object (RFC 7386); None only reads."""


@dataclass(frozen=True)
class Answer:
    """What the API server said."""

    status: int
    """HTTP status."""

    content: bytes

    def words(self) -> Words:
        """The object; empty where it is none."""
        try:
            read = cast("object", json.loads(self.content))
        except ValueError:
            read = None
        return cast("Words", read) if isinstance(read, Mapping) else {}


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


def ask_server(access: Access, questions: Sequence[Question]) -> list[Answer]:
    """Asks the API server, logged in as the kubeconfig describes.

    Raises:
        ClusterError: The log-in failed, or there is no answer. Whatever answer there is, is an answer.
    """
    # A thread of its own: a Pulumi program runs inside an event loop, and the log-in needs one.
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(asyncio.run, _answers(access, questions)).result()


def log_in(access: Access) -> LogIn:
    """Logs in as the kubeconfig describes.

    Raises:
        ClusterError: It failed, or took too long.
    """
    with ThreadPoolExecutor(max_workers=1) as thread:  # as in `ask_server`
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


async def _answers(access: Access, questions: Sequence[Question]) -> list[Answer]:
    import httpx  # noqa: PLC0415 - with kr8s it takes 0.4 s to import, and most runs ask nobody

    entered = await _log_in(access)
    merging = {"Content-Type": "application/merge-patch+json"}
    answers: list[Answer] = []
    try:
        async with httpx.AsyncClient(
            verify=entered.verify, proxy=entered.proxy, trust_env=entered.trust_env, timeout=ANSWER_SECONDS
        ) as client:
            for question in questions:
                answer = await client.request(
                    "GET" if question.merge is None else "PATCH",
                    f"{entered.server}{question.path}",
                    params=question.query,
                    content=None if question.merge is None else json.dumps(question.merge),
                    headers={**entered.headers, **(merging if question.merge else {})},
                    extensions=dict(entered.extensions),
                )
                answers.append(Answer(answer.status_code, answer.content))
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        late = isinstance(error, httpx.TimeoutException)
        said = f"it did not answer within {ANSWER_SECONDS} s" if late else _reason(error)
        fix = "is the cluster up, and can this machine reach it (VPN, proxy)?"
        raise ClusterError("context", f"{access} cannot be asked: {said}", fix) from None
    return answers


async def _logged_in(access: Access) -> "tuple[KubeAuth, SSLContext | bool]":
    import anyio  # noqa: PLC0415 - slow to import, as httpx is
    import kr8s  # noqa: PLC0415 - slow to import, as httpx is

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
