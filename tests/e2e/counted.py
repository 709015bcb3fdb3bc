"""Requests counted: the Prometheus of a stack with monitoring, and what it says."""

from typing import Any, cast

import httpx

from infra.settings.monitoring import NAMESPACE
from tests.e2e.platform import Platform


def prometheus(platform: Platform) -> str:
    """URL of the stack's Prometheus for processes of this machine, which reach ClusterIPs."""
    spec = platform.get(f"/api/v1/namespaces/{NAMESPACE}/services/prometheus")["spec"]
    return f"http://{spec['clusterIP']}:{spec['ports'][0]['port']}"


def asked(url: str, expression: str) -> list[dict[str, Any]]:
    """The series of a query: their labels as `metric`, and their `value`, or `values` of a range, with the time."""
    answer = httpx.get(f"{url}/api/v1/query", params={"query": expression}, trust_env=False, timeout=10)
    return cast("list[dict[str, Any]]", answer.raise_for_status().json()["data"]["result"])
