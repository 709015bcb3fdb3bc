"""Load that nobody sends: a metric source that says how many requests arrive, and how busy that keeps the pods.

It takes the place of a gateway, Prometheus and an adapter: the API server asks it as it would ask prometheus-adapter
(external.metrics.k8s.io) and metrics-server (metrics.k8s.io), so what decides is the autoscaler alone.
"""

import base64
import json
import ssl
import threading
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from local import paths
from local.cluster import credentials
from local.cluster.api import connect
from local.cluster.certificates import Authority, KeyPair
from local.private import write_private
from tests.e2e.platform import until

EXTERNAL, RESOURCE = "external.metrics.k8s.io", "metrics.k8s.io"
PORTS = {EXTERNAL: 20301, RESOURCE: 20302}
_VERSION = "v1beta1"
_APISERVICES = "/apis/apiregistration.k8s.io/v1/apiservices"
_SERVICES = "/api/v1/namespaces/kube-system/services"
_SLICES = "/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices"


@dataclass
class Load:
    """What arrives, by namespace of the model."""

    requests: dict[str, float] = field(default_factory=dict[str, float])
    """A second, of all callers together."""

    per_replica: float = 50.0
    """Requests a second that keep a pod's one core busy."""


@dataclass
class Source:
    """The two APIs, each of which can be taken away."""

    load: Load
    authority: Authority
    directory: Path
    servers: dict[str, ThreadingHTTPServer] = field(default_factory=dict[str, ThreadingHTTPServer])

    def start(self, group: str) -> None:
        """Answers for one of the two groups."""
        pair = self.authority.server(_name(group), addresses=[f"{_name(group)}.kube-system.svc"])
        server = ThreadingHTTPServer((paths.BRIDGE_ADDRESS, PORTS[group]), _handler(group, self.load))
        server.socket = _tls(self.directory, pair).wrap_socket(server.socket, server_side=True)
        self.servers[group] = server
        threading.Thread(target=server.serve_forever, daemon=True).start()

    def stop(self, group: str) -> None:
        """Answers no more: connections are refused."""
        server = self.servers.pop(group)
        server.shutdown()
        server.server_close()


@contextmanager
def source(client: httpx.Client, directory: Path) -> Generator[Source]:
    """Both APIs for as long as the block runs; what answered for them before does so again afterwards."""
    made = Source(Load(), Authority("load"), directory)
    before = {group: client.get(_place(group)) for group in PORTS}
    try:
        for group, port in PORTS.items():
            made.start(group)
            for collection, sent in _reached(group, port):
                client.post(collection, json=sent).raise_for_status()
            _register(client, group, made.authority.certificate, before[group])
        for group in PORTS:
            until(f"{group} is served", 60, lambda group=group: client.get(f"/apis/{group}/{_VERSION}").is_success)
        yield made
    finally:
        for group, was in before.items():
            if was.is_success:
                client.put(_place(group), json=_writable(client, group, was.json()["spec"])).raise_for_status()
            else:
                client.delete(_place(group))
            for collection in (_SERVICES, _SLICES):
                client.delete(f"{collection}/{_name(group)}")
        for group in list(made.servers):
            made.stop(group)


def _handler(group: str, load: Load) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        # A connection for each question (HTTP/1.0): none outlives the server that is stopped.
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            parts = url.path.strip("/").split("/")
            answer: dict[str, Any]
            if parts[4:] and parts[3] == "namespaces":
                selector = parse_qs(url.query).get("labelSelector", [""])[0]
                answer = _requests(load, parts[4], parts[5]) if group == EXTERNAL else _use(load, parts[4], selector)
            else:
                answer = {"kind": "APIResourceList", "groupVersion": f"{group}/{_VERSION}", "resources": []}
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler


def _requests(load: Load, namespace: str, metric: str) -> dict[str, Any]:
    """One value where the namespace has one; none otherwise, as of a counter that nobody has."""
    known = {"metricName": metric, "metricLabels": {"namespace": namespace}, "timestamp": _now()}
    value = load.requests.get(namespace)
    items = [] if value is None else [{**known, "value": f"{round(value * 1000)}m"}]
    return {"kind": "ExternalMetricValueList", "apiVersion": f"{EXTERNAL}/{_VERSION}", "metadata": {}, "items": items}


def _use(load: Load, namespace: str, selector: str) -> dict[str, Any]:
    """CPU of every pod: the ready ones share what arrives and use a core at most, those that start are idle."""
    with connect(credentials.ADMIN) as client:
        place = f"/api/v1/namespaces/{namespace}/pods"
        found = client.get(place, params={"labelSelector": selector}).raise_for_status().json()["items"]
    ready = sum(map(_is_ready, found))
    each = min(1.0, load.requests.get(namespace, 0.0) / load.per_replica / max(ready, 1))
    items = [
        {
            "metadata": {"name": pod["metadata"]["name"], "namespace": namespace},
            "timestamp": _now(),
            "window": "15s",
            "containers": [
                {
                    "name": container["name"],
                    "usage": {"cpu": f"{round(1000 * each * _is_ready(pod))}m", "memory": "1Mi"},
                }
                for container in pod["spec"]["containers"]
            ],
        }
        for pod in found
    ]
    return {"kind": "PodMetricsList", "apiVersion": f"{RESOURCE}/{_VERSION}", "metadata": {}, "items": items}


def _is_ready(pod: Mapping[str, Any]) -> bool:
    conditions = pod["status"].get("conditions", [])
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _name(group: str) -> str:
    return f"load-{group.partition('.')[0]}"


def _place(group: str) -> str:
    return f"{_APISERVICES}/{_VERSION}.{group}"


def _tls(directory: Path, pair: KeyPair) -> ssl.SSLContext:
    both = directory / "load.pem"
    write_private(both, pair.certificate + pair.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    return context


def _reached(group: str, port: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """A Service and where it leads: the bridge's address, as EndpointSlices refuse the loopback's."""
    name = _name(group)
    metadata = {"name": name, "namespace": "kube-system"}
    yield _SERVICES, {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"ports": [{"port": port}]}}
    yield (
        _SLICES,
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {**metadata, "labels": {"kubernetes.io/service-name": name}},
            "addressType": "IPv4",
            "ports": [{"port": port}],
            "endpoints": [{"addresses": [paths.BRIDGE_ADDRESS], "conditions": {"ready": True}}],
        },
    )


def _register(client: httpx.Client, group: str, authority: bytes, before: httpx.Response) -> None:
    spec = {
        "group": group,
        "version": _VERSION,
        "groupPriorityMinimum": 100,
        "versionPriority": 100,
        "service": {"name": _name(group), "namespace": "kube-system", "port": PORTS[group]},
        "caBundle": base64.b64encode(authority).decode(),
    }
    if before.is_success:
        client.put(_place(group), json=_writable(client, group, spec)).raise_for_status()
        return
    made = {"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService"}
    sent = {**made, "metadata": {"name": f"{_VERSION}.{group}"}, "spec": spec}
    client.post(_APISERVICES, json=sent).raise_for_status()


def _writable(client: httpx.Client, group: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    """The registration as it is now, with another spec."""
    return {**client.get(_place(group)).raise_for_status().json(), "spec": spec}
