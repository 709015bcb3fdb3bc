"""The API server of a stack's cluster, as far as a verb needs it: a few objects of one namespace, and logs."""

import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, cast

from infra.cluster_client import ANSWER_SECONDS, LogIn, log_in
from infra.kubeconfig import Access, ClusterError
from ops.monitor import Tree
from ops.problem import CommandError

if TYPE_CHECKING:
    import httpx

OUTAGE_SECONDS: Final = 60.0
"""How long a server that answered before may be away: what waits for hours outlives a restart of it."""

_RETRY_SECONDS: Final = 1.0
_ROOTS: Final = {
    "Job": "/apis/batch/v1/namespaces/{}/jobs",
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies",
    "Service": "/api/v1/namespaces/{}/services",
    "Pod": "/api/v1/namespaces/{}/pods",
    "Event": "/api/v1/namespaces/{}/events",
}


class RefusedError(CommandError):
    """The API server refused a request."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        super().__init__(message)


class ApiServer:
    """One API server, spoken to as the stack's context says."""

    def __init__(self, access: Access, enter: Callable[[Access], LogIn] = log_in) -> None:
        """Connects at the first request.

        Args:
            access: The way there.
            enter: Logs in; again when a log-in has run out, as those of clouds do after minutes.
        """
        self._access = access
        self._enter = enter
        self._entered: tuple[httpx.Client, LogIn] | None = None
        self._answered = False

    def get(self, kind: str, namespace: str, name: str) -> Tree | None:
        """An object; None where there is none."""
        answer = self._read(f"{_ROOTS[kind].format(namespace)}/{name}")
        return None if answer.status_code == HTTPStatus.NOT_FOUND else self._accepted(answer).json()

    def list(self, kind: str, namespace: str, **query: str) -> list[Tree]:
        """Objects by `labelSelector` or `fieldSelector`."""
        return self._accepted(self._read(_ROOTS[kind].format(namespace), query)).json()["items"]

    def log(self, namespace: str, pod: str, **query: str) -> str:
        """A pod's log; empty while there is none."""
        answer = self._read(f"{_ROOTS['Pod'].format(namespace)}/{pod}/log", query)
        if answer.status_code in (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND):
            return ""
        return self._accepted(answer).text

    def create(self, tree: Tree) -> Tree:
        """Makes an object.

        Raises:
            RefusedError: With the server's own words.
        """
        root = _ROOTS[tree["kind"]].format(tree["metadata"]["namespace"])
        return self._accepted(self._request("POST", root, {"fieldManager": "tfk8s"}, tree)).json()

    def delete(self, tree: Tree) -> None:
        """Deletes just this object and, before it, all that belongs to it; one that is gone already is no error."""
        metadata = tree["metadata"]
        body = {
            "kind": "DeleteOptions",
            "apiVersion": "v1",
            "propagationPolicy": "Foreground",
            "preconditions": {"uid": metadata["uid"]},
        }
        path = f"{_ROOTS[tree['kind']].format(metadata['namespace'])}/{metadata['name']}"
        answer = self._request("DELETE", path, {}, body)
        if answer.status_code not in (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT):
            self._accepted(answer)

    def _read(self, path: str, query: Mapping[str, str] | None = None) -> "httpx.Response":
        until = time.monotonic() + (OUTAGE_SECONDS if self._answered else 0)
        while True:
            try:
                answer = self._request("GET", path, query or {}, None)
            except CommandError:
                if time.monotonic() >= until:
                    raise
            else:
                busy = answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR
                busy = busy or answer.status_code == HTTPStatus.TOO_MANY_REQUESTS
                if not busy or time.monotonic() >= until:
                    return answer
            time.sleep(_RETRY_SECONDS)

    def _request(self, method: str, path: str, query: Mapping[str, str], body: Tree) -> "httpx.Response":
        import httpx  # noqa: PLC0415 - takes long to import, and `tfk8s --help` needs none

        for again in (True, False):
            client, entered = self._entered or self._log_in()
            try:
                answer = client.request(method, path, params=query, json=body, extensions=dict(entered.extensions))
            except (httpx.HTTPError, OSError) as error:
                said = " ".join(str(error).split()) or type(error).__name__
                raise CommandError(f"{self._access} cannot be asked: {said}\n    is the cluster up?") from None
            if answer.status_code != HTTPStatus.UNAUTHORIZED:
                self._answered = True
                return answer
            if again:
                self._entered = None
        raise CommandError(f"{self._access} refused the log-in\n    log in again")

    def _log_in(self) -> "tuple[httpx.Client, LogIn]":
        import httpx  # noqa: PLC0415 - `tfk8s --help` needs none, and it takes long to import

        try:
            entered = self._enter(self._access)
        except ClusterError as error:
            raise CommandError(error.finding.text().removeprefix("error: ")) from None
        client = httpx.Client(
            base_url=entered.server,
            headers=dict(entered.headers),
            verify=entered.verify,
            proxy=entered.proxy,
            trust_env=entered.trust_env,
            timeout=ANSWER_SECONDS,
        )
        self._entered = client, entered
        return self._entered

    def _accepted(self, answer: "httpx.Response") -> "httpx.Response":
        if answer.is_success:
            return answer
        try:
            said = str(cast("Mapping[str, object]", answer.json())["message"])
        except (ValueError, KeyError, TypeError):
            said = f"HTTP status {answer.status_code}"
        raise RefusedError(answer.status_code, f"the cluster refused it: {said}")
