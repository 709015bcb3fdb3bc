"""prometheus-adapter as a process of this machine: answers autoscalers that count requests, for stacks with monitoring.

It asks Prometheus through the API server, which finds the pod wherever it is.
"""

import json
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from ruamel.yaml import YAML

from local import paths
from local.cluster.api import Object
from local.cluster.control_plane import SMALL_HEAP
from local.cluster.credentials import kubeconfig_file, pki
from local.cluster.node import config
from local.cluster.program import Program, flags
from local.cluster.system import (
    api_service,
    authentication_reader,
    cluster_role,
    cluster_role_binding,
    endpoints,
    service,
)
from local.private import write_private

NAME: Final = "prometheus-adapter"
_USER: Final = f"tfk8s:{NAME}"
_RULES: Final = f"{NAME}.json"
_API: Final = "external.metrics.k8s.io"
_API_PLACE: Final = f"/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.{_API}"
_CHART_VALUES: Final = paths.ROOT / "examples" / "monitoring" / f"{NAME}.yaml"
_YAML: Any = YAML(typ="safe")


def program(binary: Path) -> Program:
    """The external metrics API, on the bridge's address."""
    kubeconfig = kubeconfig_file(NAME)
    namespace, name = _prometheus()
    return Program(
        name=NAME,
        command=[
            str(binary),
            *flags(
                {
                    "prometheus-url": f"{paths.API_SERVER}/api/v1/namespaces/{namespace}/services/{name}/proxy",
                    "prometheus-auth-config": kubeconfig,
                    "config": config(_RULES),
                    # What is not listed is unknown, and a new series is listed by the next look only.
                    "metrics-relist-interval": "10s",
                    "lister-kubeconfig": kubeconfig,
                    "authentication-kubeconfig": kubeconfig,
                    "authorization-kubeconfig": kubeconfig,
                    "bind-address": paths.BRIDGE_ADDRESS,
                    "secure-port": paths.BRIDGE_ADAPTER_PORT,
                    "tls-cert-file": pki(f"{NAME}.crt"),
                    "tls-private-key-file": pki(f"{NAME}.key"),
                }
            ),
        ],
        environment=SMALL_HEAP,
        files=[config(_RULES)],
    )


def write_config() -> None:
    """Write which series are metrics: as the example for the adapter's chart has it."""
    write_private(config(_RULES), json.dumps({"externalRules": _values()["rules"]["external"]}, indent=2).encode())


def objects() -> list[Object]:
    """Its API, and what it may do: ask that Prometheus, and know who asks."""
    https: Object = {"name": "https", "port": 443, "protocol": "TCP"}
    _, prometheus = _prometheus()
    ask = {"apiGroups": [""], "resources": ["services/proxy"], "resourceNames": [prometheus], "verbs": ["get"]}
    return [
        cluster_role(_USER, [ask]),
        cluster_role_binding(_USER, _USER, _USER),
        cluster_role_binding(f"{_USER}:delegator", "system:auth-delegator", _USER),
        authentication_reader(_USER),
        service(NAME, [https]),
        endpoints(NAME, [{**https, "port": paths.BRIDGE_ADAPTER_PORT}]),
        api_service(_API, NAME),
    ]


def available(client: httpx.Client) -> bool:
    """Whether the API server has reached it."""
    status = client.get(_API_PLACE).raise_for_status().json().get("status", {})
    return any(one["type"] == "Available" and one["status"] == "True" for one in status.get("conditions", []))


def withdraw(client: httpx.Client) -> None:
    """No such API: with one that nobody answers for, no namespace could be deleted."""
    client.delete(_API_PLACE)


def _values() -> Object:
    return _YAML.load(_CHART_VALUES)


def _prometheus() -> tuple[str, str]:
    """Namespace of Prometheus, and its Service with the port, as the example for the adapter's chart has it."""
    values = _values()["prometheus"]
    name, namespace, _ = urlsplit(str(values["url"])).netloc.split(".")
    return namespace, f"{name}:{values['port']}"
