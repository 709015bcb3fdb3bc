"""Recipes for Prometheus set up by others: the component's own rules, and pictures of series that there are."""

import json
import re
from typing import Any, cast

import pytest
from ruamel.yaml import YAML

from infra.components import model_rules, scrape
from infra.settings.monitoring import REQUESTS
from ops.recipes import DIRECTORY, recipes


def loaded(name: str) -> Any:
    return cast("Any", YAML(typ="safe", pure=True)).load(recipes()[name])


@pytest.mark.parametrize("name", recipes())
def test_recipes_are_what_the_component_does_now(name: str) -> None:
    stale = f"{name} is stale: run `python -m ops.recipes`"
    assert (DIRECTORY / name).read_text(encoding="utf-8") == recipes()[name], stale


def test_the_operator_asks_what_the_component_asks() -> None:
    monitor = loaded("pod-monitor.yaml")
    [endpoint] = monitor["spec"]["podMetricsEndpoints"]
    assert endpoint["path"] == scrape.METRICS_PATH
    assert len(endpoint["metricRelabelings"]) == len(scrape.without_colons())
    assert {rule["targetLabel"] for rule in endpoint["relabelings"]} == {"model", "version", "namespace", "pod", "job"}


def test_every_picture_shows_a_series_that_is_recorded() -> None:
    groups = loaded("prometheus-rule.yaml")["spec"]["groups"]
    recorded = {rule["record"] for group in groups for rule in group["rules"] if "record" in rule} | {REQUESTS}
    queries = [panel["targets"][0]["expr"] for panel in json.loads(recipes()["dashboard.json"])["panels"]]
    for query in queries:
        assert query in recorded or re.search(rf'up\{{job="{model_rules.JOB}"\}}', query), query


def test_the_adapter_serves_the_series_that_autoscalers_ask_for() -> None:
    values = cast("Any", YAML(typ="safe", pure=True)).load((DIRECTORY / "prometheus-adapter.yaml").read_text())
    [rule] = values["rules"]["external"]
    assert rule["seriesQuery"].startswith(REQUESTS)
    assert rule["resources"]["overrides"] == {"namespace": {"resource": "namespace"}}
    assert values["prometheus"]["url"] == "http://prometheus.tfk8s-monitoring.svc"
