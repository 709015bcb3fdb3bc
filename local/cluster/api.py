"""A small client of the embedded cluster's API server."""

import ssl
from typing import Any

import httpx

from local import paths
from local.cluster.credentials import pki

Object = dict[str, Any]
"""A Kubernetes object as JSON."""

FIELD_MANAGER = "tfk8s-local"


def tls(user: str) -> ssl.SSLContext:
    """Trust the cluster's authority and be one of `credentials.USERS`, by its `file`."""
    context = ssl.create_default_context(cafile=str(pki("ca.crt")))
    context.load_cert_chain(pki(f"{user}.pem"))
    return context


def connect(user: str) -> httpx.Client:
    """A client of the API server; proxies of the environment are not for the loopback."""
    return httpx.Client(base_url=paths.API_SERVER, verify=tls(user), trust_env=False, timeout=10.0)


def apply(client: httpx.Client, obj: Object) -> None:
    """Server-side apply.

    Raises:
        httpx.HTTPStatusError: The API server refused it.
    """
    parameters = {"fieldManager": FIELD_MANAGER, "force": "true"}
    headers = {"Content-Type": "application/apply-patch+yaml"}
    client.patch(path_of(obj), params=parameters, headers=headers, json=obj).raise_for_status()


def path_of(obj: Object) -> str:
    """Path of an object in the API; good for the kinds of `system.py`, whose plural is an added `s` or `es`."""
    version = obj["apiVersion"]
    root = f"/api/{version}" if version == "v1" else f"/apis/{version}"
    metadata = obj["metadata"]
    namespace = f"/namespaces/{metadata['namespace']}" if "namespace" in metadata else ""
    kind = obj["kind"].lower()
    return f"{root}{namespace}/{kind}{'es' if kind.endswith('s') else 's'}/{metadata['name']}"
