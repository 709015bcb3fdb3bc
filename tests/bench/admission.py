"""Kueue beside the embedded cluster: its CRDs, its webhooks and its controller as one process of this machine.

Nothing of it is in the repository: the controller is built from its Go module, and the definitions and the list of
webhooks are files of the same module. Webhooks are called by URL, since no pod runs Kueue.
"""

import base64
import os
import subprocess
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import httpx
from ruamel.yaml import YAML

from local import paths, tools
from local.cluster.certificates import Authority, KeyPair
from local.private import write_private
from local.progress import to_stdout
from tests.e2e.platform import until

WEBHOOK_PORT = 20291
HEALTH_PORT = 20292
METRICS_PORT = 20293
GROUPS = {"batch", "kueue.x-k8s.io"}
"""API groups whose webhooks are needed; the others are of kinds that this cluster does not have."""
CONVERTED = ("clusterqueues", "cohorts", "localqueues", "multikueueclusters", "workloads")
"""Kinds that are kept in a version whose fields differ from those of the one that is sent."""

_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_WEBHOOKS = "/apis/admissionregistration.k8s.io/v1"
_YAML: Any = YAML(typ="safe", pure=True)
_URL = f"https://{paths.LOOPBACK}:{WEBHOOK_PORT}"


def definitions() -> Path:
    """The directory with Kueue's CustomResourceDefinitions, at the version that is built."""
    return tools.sources(tools.KUEUE, to_stdout) / "config/components/crd/bases"


@contextmanager
def kueue(client: httpx.Client, directory: Path) -> Generator[None]:
    """Kueue for as long as the block runs; what it made in the cluster goes with it.

    Args:
        client: Of the API server.
        directory: An empty one, for certificates, configuration and the log.
    """
    command, authority = tools.kueue(to_stdout), Authority("kueue")
    served = authority.server("kueue", addresses=[paths.LOOPBACK])
    _define(client, authority.certificate)
    log = directory / "kueue.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            _command(command, directory, served),
            env={**os.environ, "KUBECONFIG": str(paths.KUBECONFIG)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        until(f"Kueue is ready (see {log})", 60, lambda: process.poll() is not None or _is_ready())
        assert process.poll() is None, log.read_text()[-2000:]
        _register_webhooks(client, authority.certificate)
        yield
    finally:
        for kind in ("validatingwebhookconfigurations", "mutatingwebhookconfigurations"):
            client.delete(f"{_WEBHOOKS}/{kind}/kueue").raise_for_status()
        process.terminate()
        try:
            process.wait(30)
        finally:
            process.kill()


def _command(binary: Path, directory: Path, served: KeyPair) -> list[str]:
    """It wants one certificate at a place below /etc that cannot be named: a mount that nobody else sees."""
    for place in ("etc/kueue/metrics/certs", "webhook"):
        write_private(directory / place / "tls.crt", served.certificate)
        write_private(directory / place / "tls.key", served.key)
    configuration = directory / "kueue.yaml"
    _YAML.dump(_configuration(directory / "webhook"), configuration)
    return [
        "unshare", "--mount", "--propagation", "private", "sh", "-c", 'mount --bind "$0" /etc && exec "$@"',
        str(directory / "etc"), str(binary), f"--config={configuration}",
    ]  # fmt: skip


def _configuration(certificates: Path) -> Mapping[str, Any]:
    return {
        "apiVersion": "config.kueue.x-k8s.io/v1beta2",
        "kind": "Configuration",
        "health": {"healthProbeBindAddress": f"{paths.LOOPBACK}:{HEALTH_PORT}"},
        "metrics": {"bindAddress": f"{paths.LOOPBACK}:{METRICS_PORT}"},
        "webhook": {"host": paths.LOOPBACK, "port": WEBHOOK_PORT, "certDir": str(certificates)},
        "leaderElection": {"leaderElect": False},
        "internalCertManagement": {"enable": False},
        # Default of later versions; the 20 requests a second of this one are too few for some Jobs a second.
        "clientConnection": {"qps": 300, "burst": 500},
        # An aggregated API server, which would want certificates of its own.
        "featureGates": {"VisibilityOnDemand": False},
        "integrations": {"frameworks": ["batch/job"]},
    }


def _is_ready() -> bool:
    try:
        return httpx.get(f"http://{paths.LOOPBACK}:{HEALTH_PORT}/readyz", trust_env=False).is_success
    except httpx.TransportError:
        return False


def _define(client: httpx.Client, authority: bytes) -> None:
    """The definitions, those of `CONVERTED` with the conversion that Kueue's own kustomization gives them."""
    webhook = {"clientConfig": _called("/convert", authority), "conversionReviewVersions": ["v1"]}
    names = list[str]()
    for file in sorted(definitions().glob("*.yaml")):
        group, plural = file.stem.split("_")
        names.append(f"{plural}.{group}")
        place = f"{_DEFINITIONS}/{names[-1]}"
        apply = {"Content-Type": "application/apply-patch+yaml"}
        parameters = {"fieldManager": "kueue", "force": "true"}
        client.patch(place, params=parameters, headers=apply, content=file.read_bytes()).raise_for_status()
        if plural in CONVERTED:
            change = {"spec": {"conversion": {"strategy": "Webhook", "webhook": webhook}}}
            merge = {"Content-Type": "application/merge-patch+json"}
            client.patch(place, headers=merge, json=change).raise_for_status()
    until("Kueue's kinds are served", 30, lambda: all(_is_established(client, name) for name in names))


def _is_established(client: httpx.Client, name: str) -> bool:
    conditions = client.get(f"{_DEFINITIONS}/{name}").raise_for_status().json().get("status", {}).get("conditions", [])
    return any(one["type"] == "Established" and one["status"] == "True" for one in conditions)


def _register_webhooks(client: httpx.Client, authority: bytes) -> None:
    """Kueue's own list, with URLs in place of its Service."""
    for configuration in _YAML.load_all(definitions().parents[1] / "webhook" / "manifests.yaml"):
        webhooks = [
            {**one, "clientConfig": _called(one["clientConfig"]["service"]["path"], authority)}
            for one in cast("Sequence[Any]", configuration["webhooks"])
            if {group for rule in one["rules"] for group in rule["apiGroups"]} <= GROUPS
        ]
        sent = {**configuration, "metadata": {"name": "kueue"}, "webhooks": webhooks}
        collection = f"{_WEBHOOKS}/{configuration['kind'].lower()}s"
        client.delete(f"{collection}/kueue")
        client.post(collection, json=sent).raise_for_status()


def _called(path: str, authority: bytes) -> Mapping[str, str]:
    return {"url": f"{_URL}{path}", "caBundle": base64.b64encode(authority).decode()}
