"""`python -m ops.recipes` writes examples/monitoring: what `tfk8s:monitoring` does, for Prometheus set up by others.

Scrape configuration and rules are those of the component, so that they cannot differ from it.
"""

import io
import json
import sys
from collections.abc import Mapping
from typing import Any, Final, cast

from ruamel.yaml import YAML

from infra.components import model_rules, scrape
from infra.settings import Duration, MonitoringSettings
from infra.settings.monitoring import REQUESTS, Objectives
from ops.stackfile import ROOT

DIRECTORY: Final = ROOT / "examples" / "monitoring"
_MADE: Final = "Written by `python -m ops.recipes`; edit infra/components/model_rules.py and scrape.py."
_LABELS: Final = {"app.kubernetes.io/part-of": "tfk8s"}
_LATENCY: Final = Duration.parse("1s")
"""An objective to be replaced by one's own."""

_SPELT: Final = {"source_labels": "sourceLabels", "target_label": "targetLabel"}
"""Prometheus' words in the operator's spelling."""

_LEGEND: Final = "{{namespace}} {{model}}-v{{version}}"
_PANELS: Final = (
    ("Requests answered by the servers", "reqps", "model:requests:rate5m"),
    ("Requests that arrive, as the autoscaler reads them", "reqps", REQUESTS),
    ("Share of requests that fail, 5 minutes", "percentunit", model_rules.error_ratio(Duration.parse("5m"))),
    ("Share of requests that fail, 1 hour", "percentunit", model_rules.error_ratio(Duration.parse("1h"))),
    ("Median of the answers", "s", "model:request_latency_seconds:p50_5m"),
    ("99 of 100 answers", "s", "model:request_latency_seconds:p99_5m"),
    ("Servers that tell their metrics", "none", f'sum by (namespace, model, version) (up{{job="{model_rules.JOB}"}})'),
)
"""Title, Grafana's unit, query."""


def recipes() -> dict[str, str]:
    """Every file by its name."""
    return {
        "pod-monitor.yaml": _yaml(_pod_monitor()),
        "prometheus-rule.yaml": _yaml(_prometheus_rule()),
        "dashboard.json": json.dumps(_dashboard(), indent=2) + "\n",
    }


def main() -> int:
    """Writes them."""
    for name, text in recipes().items():
        (DIRECTORY / name).write_text(text, encoding="utf-8")
        sys.stdout.write(f"{DIRECTORY.name}/{name}\n")
    return 0


def _pod_monitor() -> Mapping[str, Any]:
    endpoint = {
        "port": "rest",
        "path": scrape.METRICS_PATH,
        "interval": "15s",
        "relabelings": [*map(_camel, scrape.pod_labels()), {"targetLabel": "job", "replacement": model_rules.JOB}],
        "metricRelabelings": [_camel(rule) for rule in scrape.without_colons()],
    }
    spec = {
        "namespaceSelector": {"any": True},
        "selector": {"matchLabels": {**_LABELS, "app.kubernetes.io/component": "serving"}},
        "podMetricsEndpoints": [endpoint],
    }
    return _object("PodMonitor", spec)


def _prometheus_rule() -> Mapping[str, Any]:
    promised = MonitoringSettings(objectives=Objectives(latency=_LATENCY))
    return _object("PrometheusRule", {"groups": model_rules.groups({}, promised)})


def _object(kind: str, spec: Mapping[str, Any]) -> Mapping[str, Any]:
    metadata = {"name": "tfk8s-models", "labels": _LABELS}
    return {"apiVersion": "monitoring.coreos.com/v1", "kind": kind, "metadata": metadata, "spec": spec}


def _camel(rule: Mapping[str, Any]) -> dict[str, Any]:
    """A relabelling rule in the operator's spelling."""
    return {_SPELT.get(key, key): value for key, value in rule.items()}


def _dashboard() -> Mapping[str, Any]:
    return {
        "title": "tfk8s: served models",
        "uid": "tfk8s-models",
        "schemaVersion": 39,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [{"name": "source", "type": "datasource", "query": "prometheus"}]},
        "panels": [_panel(number, *panel) for number, panel in enumerate(_PANELS)],
    }


def _panel(number: int, title: str, unit: str, query: str) -> Mapping[str, Any]:
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": title,
        "datasource": {"type": "prometheus", "uid": "${source}"},
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
        "gridPos": {"x": 12 * (number % 2), "y": 8 * (number // 2), "w": 12, "h": 8},
        "targets": [{"refId": "A", "expr": query, "legendFormat": _LEGEND}],
    }


def _never(_data: object) -> bool:
    """No anchors: the operator's users read this."""
    return True


def _yaml(tree: Mapping[str, Any]) -> str:
    writer = cast("Any", YAML(pure=True))
    writer.width = 120
    writer.representer.ignore_aliases = _never
    text = io.StringIO()
    writer.dump(json.loads(json.dumps(tree)), text)
    return f"# {_MADE}\n{text.getvalue()}"


if __name__ == "__main__":
    raise SystemExit(main())
