"""Whom Prometheus asks: every model server, and the gateway where there is one."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from infra.components.model_rules import COUNTED_EVERY, JOB
from infra.components.model_version import COMPONENT
from infra.components.serving_pod import REST_PORT
from infra.settings.monitoring import GatewayMetrics, MonitoredGateway

METRICS_PATH: Final = "/monitoring/prometheus/metrics"
"""As the servers' monitoring configuration has it."""

_EVERY: Final = "15s"
_MOST_COLONS: Final = 6
"""In a name of TensorFlow's, such as `:tensorflow:serving:batching_session:queuing_latency_count`, with room."""

_POD_LABELS: Final = {"model": "app_kubernetes_io_name", "version": "app_kubernetes_io_version"}


def configuration(namespaces: Sequence[str], gateway: MonitoredGateway | None, rules: str) -> dict[str, Any]:
    """Prometheus' configuration file.

    Args:
        namespaces: Of the tenants that serve models: nothing else is looked at.
        gateway: Counts the requests; None where nobody does.
        rules: Path of the rules file.
    """
    asked = [_models(namespaces), *([] if gateway is None else [_gateway(gateway)])]
    every = {"scrape_interval": _EVERY, "evaluation_interval": _EVERY}
    return {"global": every, "rule_files": [rules], "scrape_configs": asked}


def pod_labels() -> list[dict[str, Any]]:
    """Labels of a server's series: whose it is, by the labels of its pod."""
    named = [
        {"source_labels": [f"__meta_kubernetes_pod_label_{label}"], "target_label": name}
        for name, label in _POD_LABELS.items()
    ]
    placed = [
        {"source_labels": [f"__meta_kubernetes_{source}"], "target_label": name}
        for name, source in (("namespace", "namespace"), ("pod", "pod_name"))
    ]
    return [*named, *placed]


def without_colons() -> list[dict[str, Any]]:
    """`:tensorflow:serving:request_count` as `tensorflow_serving_request_count`: colons are for recorded series."""
    name = {"source_labels": ["__name__"], "target_label": "__name__"}
    first = {**name, "regex": ":(.+)", "replacement": "$1"}
    return [first, *[{**name, "regex": "(.+):(.+)", "replacement": "${1}_$2"}] * _MOST_COLONS]


def _models(namespaces: Sequence[str]) -> dict[str, Any]:
    keep: list[Mapping[str, Any]] = [
        {
            "action": "keep",
            "source_labels": ["__meta_kubernetes_pod_label_app_kubernetes_io_component"],
            "regex": COMPONENT,
        },
        # A pod whose step still fetches the model, or one that is done, has no server to ask.
        {"action": "keep", "source_labels": ["__meta_kubernetes_pod_phase"], "regex": "Running"},
        {"action": "keep", "source_labels": ["__meta_kubernetes_pod_container_port_number"], "regex": str(REST_PORT)},
    ]
    return {
        "job_name": JOB,
        "metrics_path": METRICS_PATH,
        "kubernetes_sd_configs": [{"role": "pod", "namespaces": {"names": list(namespaces)}}],
        "relabel_configs": [*keep, *pod_labels()],
        "metric_relabel_configs": without_colons(),
    }


def _gateway(gateway: MonitoredGateway) -> dict[str, Any]:
    where, path = (gateway.traefik, "/metrics") if gateway.traefik else (gateway.istio, "/stats/prometheus")
    return {
        "job_name": "gateway",
        "scrape_interval": str(COUNTED_EVERY),
        "metrics_path": path,
        "dns_sd_configs": [_pods_of(where)] if where is not None else [],
    }


def _pods_of(where: GatewayMetrics) -> dict[str, Any]:
    return {"names": [f"{where.service}.{where.namespace}.svc"], "type": "A", "port": where.port}
