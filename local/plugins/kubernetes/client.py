"""Talks to the API server: raw requests, so that dry runs and server-side apply do exactly what is asked of them."""

import json
import threading
import time
from dataclasses import dataclass
from typing import Any

import httpx

from local.plugins.kubernetes.kubeconfig import Connection
from local.plugins.serve import WORKERS, PluginError
from local.plugins.wire import Object, dig, is_object, objects

CREATE_MANAGER = "pulumi-kubernetes"
"""Owner of the fields set by a create; the official provider uses the same name."""

APPLY = "application/apply-patch+yaml"
JSON_PATCH = "application/json-patch+json"
NOT_FOUND, CONFLICT = 404, 409


class ApiError(PluginError):
    """The API server refused a request."""

    def __init__(self, code: int, status: Object, fallback: str) -> None:
        super().__init__(status.get("message") or fallback)
        self.code = code
        self.reason: str = status.get("reason") or ""
        self.about: str = dig(status, "details", "kind") or ""
        """The kind the error is about, in the plural: `namespaces` where the namespace is what is missing."""


class NoSuchKind(PluginError):
    """The API server knows no such kind, maybe because its CustomResourceDefinition is not there (yet)."""


class Unreachable(PluginError):
    """No API server answers."""


@dataclass(frozen=True)
class Kind:
    """What discovery says about a kind."""

    url: str
    """Path of the API group and version."""
    plural: str
    namespaced: bool


class ApiClient:
    """One cluster's API. Safe to use from many threads."""

    def __init__(self, connection: Connection, transport: httpx.BaseTransport | None = None) -> None:
        self._http = httpx.Client(
            base_url=connection.server,
            headers={"User-Agent": "tfk8s-local-plugin", **connection.headers},
            verify=connection.verify,
            timeout=httpx.Timeout(60, connect=10),
            limits=httpx.Limits(max_connections=WORKERS, max_keepalive_connections=WORKERS),
            transport=transport,
            trust_env=False,  # a proxy meant for the internet does not lead to the cluster
        )
        self._server = connection.server
        self._kinds: dict[tuple[str, str], Kind] = {}
        self._discovery = threading.Lock()

    def request(self, method: str, url: str, **options: Any) -> Object:  # noqa: ANN401  # httpx's own options
        """One request; its answer is a JSON object.

        Raises:
            ApiError: The server refused.
            Unreachable: It did not answer. Reads are tried three times.
        """
        attempts = 3 if method == "GET" else 1
        for attempt in range(attempts):
            try:
                response = self._http.request(method, url, **options)
                break
            except httpx.TransportError as error:
                if attempt == attempts - 1:
                    message = f"the API server at {self._server} does not answer: {error or type(error).__name__}"
                    raise Unreachable(message) from error
                time.sleep(0.5)
        else:  # pragma: no cover  # the loop always breaks or raises
            raise Unreachable(self._server)
        try:
            body: object = response.json()
        except ValueError:
            body = None
        content = body if is_object(body) else {}
        if response.is_error:
            raise ApiError(response.status_code, content, f"{method} {url}: {response.status_code} {response.text}")
        return content

    def kind(self, api_version: str, kind: str) -> Kind:
        """Where a kind lives.

        Raises:
            NoSuchKind: Nowhere on this server.
        """
        with self._discovery:
            if (api_version, kind) not in self._kinds:
                self._discover(api_version)
            try:
                return self._kinds[api_version, kind]
            except KeyError:
                message = f'no matches for kind "{kind}" in version "{api_version}"'
                raise NoSuchKind(message) from None

    def _discover(self, api_version: str) -> None:
        url = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        try:
            found = self.request("GET", url)
        except ApiError as error:
            if error.code == NOT_FOUND:
                return
            raise
        for resource in objects(found, "resources"):
            if "/" not in resource["name"]:
                self._kinds[api_version, resource["kind"]] = Kind(url, resource["name"], resource["namespaced"])

    def url(self, obj: Object, name: str | None = None) -> str:
        """The address of an object, or with the name "" that of its collection."""
        kind = self.kind(obj.get("apiVersion", ""), obj.get("kind", ""))
        name = dig(obj, "metadata", "name") if name is None else name
        namespace = f"/namespaces/{dig(obj, 'metadata', 'namespace') or 'default'}" if kind.namespaced else ""
        return f"{kind.url}{namespace}/{kind.plural}" + (f"/{name}" if name else "")

    def get(self, obj: Object) -> Object:
        """The live object of that kind, namespace and name."""
        return self.request("GET", self.url(obj))

    def find(self, obj: Object) -> Object | None:
        """The live object, or None where there is none."""
        try:
            return self.get(obj)
        except ApiError as error:
            if error.code == NOT_FOUND:
                return None
            raise

    def collection(self, url: str, **query: str) -> list[Object]:
        """The first 500 objects of a collection."""
        return objects(self.request("GET", url, params={"limit": "500", **query}), "items")

    def create(self, obj: Object, *, dry_run: bool = False) -> Object:
        """Make a new object; one that exists is an error."""
        query = {"fieldManager": CREATE_MANAGER, "fieldValidation": "Strict", **_dry(dry_run)}
        return self.request("POST", self.url(obj, ""), params=query, json=obj)

    def apply(self, obj: Object, manager: str, *, force: bool = False, dry_run: bool = False) -> Object:
        """Set the fields given and drop those the manager set before and leaves out now."""
        query = {
            "fieldManager": manager,
            "fieldValidation": "Strict",
            "force": str(force).lower(),
            **_dry(dry_run),
        }
        return self.request(
            "PATCH", self.url(obj), params=query, content=json.dumps(obj), headers={"Content-Type": APPLY}
        )

    def replace_managed_fields(self, live: Object, managed: list[Object]) -> Object:
        """Rewrite who owns which field, unless the object changed meanwhile."""
        patch = [
            {"op": "replace", "path": "/metadata/managedFields", "value": managed},
            {"op": "replace", "path": "/metadata/resourceVersion", "value": dig(live, "metadata", "resourceVersion")},
        ]
        return self.request("PATCH", self.url(live), content=json.dumps(patch), headers={"Content-Type": JSON_PATCH})

    def delete(self, obj: Object, propagation: str) -> None:
        """Ask for an object's deletion; one that is gone already is no error."""
        options = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation}
        try:
            self.request("DELETE", self.url(obj), json=options)
        except ApiError as error:
            if error.code != NOT_FOUND:
                raise


def _dry(dry_run: bool) -> dict[str, str]:
    return {"dryRun": "All"} if dry_run else {}
