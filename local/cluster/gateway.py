"""The gateway: Traefik as a process of this machine, and the Gateway API's definitions that it and routes need.

It sends to pods' addresses itself, which are on the bridge, so no Service and no kube-proxy lies between.
"""

import json
from pathlib import Path
from typing import Final

import httpx

from local import paths
from local.cluster.api import FIELD_MANAGER
from local.cluster.credentials import kubeconfig_file, pki
from local.cluster.node import config
from local.cluster.program import Program, flags
from local.private import write_private
from local.progress import LocalError

_DEFINITIONS: Final = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_VERSION: Final = "gateway.networking.k8s.io/bundle-version"


def write_config() -> None:
    """Give Traefik a certificate, which no listener uses.

    Without one it makes an RSA key anew at each change of its configuration, so whenever a server comes or goes: 60 to
    80 ms of a processor that requests wait for, instead of 4 (pkg/tls/tlsmanager.go).
    """
    file = str(pki("gateway.pem"))
    certificate = {"certFile": file, "keyFile": file}
    words = {"tls": {"stores": {"default": {"defaultCertificate": certificate}}}}
    write_private(_config(), json.dumps(words, indent=2).encode())


def _config() -> Path:
    return config("gateway.yml")  # JSON is YAML too


def program(binary: Path) -> Program:
    """Traefik for Gateways of its class, on loopback only; its counters are for pods."""
    return Program(
        name="gateway",
        command=[
            str(binary),
            *flags(
                {
                    "entryPoints.web.address": f"{paths.LOOPBACK}:{paths.GATEWAY_PORT}",
                    "entryPoints.traefik.address": f"{paths.LOOPBACK}:{paths.GATEWAY_HEALTH_PORT}",
                    "ping": "true",
                    # For Prometheus, which is a pod; routers too, whose 503 are all that a model without pods gives.
                    "entryPoints.metrics.address": f"{paths.BRIDGE_ADDRESS}:{paths.BRIDGE_GATEWAY_METRICS_PORT}",
                    "metrics.prometheus.entryPoint": "metrics",
                    "metrics.prometheus.addRoutersLabels": "true",
                    "providers.file.filename": _config(),
                    "providers.file.watch": "false",
                    "providers.kubernetesGateway": "true",
                    "providers.kubernetesGateway.statusAddress.ip": paths.LOOPBACK,
                    "global.checkNewVersion": "false",
                    "global.sendAnonymousUsage": "false",
                    "log.level": "WARN",
                    "log.noColor": "true",
                }
            ),
        ],
        # Traefik takes a client certificate from a kubeconfig alone.
        environment={"KUBECONFIG": str(kubeconfig_file("gateway"))},
        files=[_config()],
    )


def define(client: httpx.Client, definitions: Path, version: str) -> None:
    """Serves the Gateway API's kinds.

    Args:
        client: Of somebody who may.
        definitions: The directory of the standard channel's definitions.
        version: Theirs, such as `v1.5.1`; those that are there in this version are left alone.

    Raises:
        LocalError: The API server refused one.
    """
    for file in sorted(definitions.glob("*_*.yaml")):
        group, _, plural = file.stem.partition("_")
        place = f"{_DEFINITIONS}/{plural}.{group}"
        if plural.startswith("vap"):  # a policy against older definitions, which nobody brings here
            continue
        there = client.get(place)
        if there.is_success and there.json()["metadata"].get("annotations", {}).get(_VERSION) == version:
            continue
        # As the file has it: reading a megabyte of YAML takes seconds, and the API server reads it anyhow.
        answer = client.patch(
            place,
            params={"fieldManager": FIELD_MANAGER, "force": "true"},
            headers={"Content-Type": "application/apply-patch+yaml"},
            content=file.read_bytes(),
        )
        if not answer.is_success:
            raise LocalError(f"the API server refused {plural}.{group}: {answer.text}")
