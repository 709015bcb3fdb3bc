"""Rates, alerts and the series of autoscalers: their arithmetic here, their meaning by promtool where there is one."""

import json
import shutil
import subprocess
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from infra.components.model_rules import groups
from infra.components.scrape import configuration
from infra.plan import METRIC_LAG, burns
from infra.settings import Duration, parse
from infra.settings.monitoring import MonitoringSettings
from infra.settings.units import Objective
from tests.unit.words import changed

PROMTOOL = shutil.which("promtool")
TRAEFIK = {"traefik": {"namespace": "traefik", "service": "metrics", "port": 9100}}
ISTIO = {"istio": {"namespace": "istio-system", "service": "gateway", "port": 15020}}


def rules(*, least: int = 1, requests: float | None = 35, **words: object) -> list[Mapping[str, Any]]:
    targets = {} if requests is None else {"requestsPerSecond": requests}
    settings = parse(
        changed(
            ("models.digits.autoscaling", {"minReplicas": least, "maxReplicas": 3, "targets": targets}),
            ("monitoring", words),
        )
    ).settings
    assert settings.monitoring is not None
    return [rule for group in groups(settings.models, settings.monitoring) for rule in group["rules"]]


def recorded(name: str, made: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [rule for rule in made if rule.get("record") == name]


def alerts(name: str, made: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [rule for rule in made if rule.get("alert") == name]


def test_the_fastest_burn_uses_up_two_percent_of_a_month_in_an_hour() -> None:
    first = burns()[0]
    assert (first.rate, str(first.long), str(first.short), first.severity) == (Decimal("14.4"), "1h", "5m", "page")
    assert first.rate * first.long.seconds / Duration.parse("30d").seconds == Decimal("0.02")


def test_windows_and_rates_are_those_of_the_workbook() -> None:
    known = [(f"{burn.rate:f}", str(burn.long), str(burn.short), burn.severity) for burn in burns()]
    assert known == [
        ("14.4", "1h", "5m", "page"),
        ("6", "6h", "30m", "page"),
        ("3", "24h", "2h", "ticket"),
        ("1", "72h", "6h", "ticket"),
    ]


@pytest.mark.parametrize(("objective", "errors"), [("99.9%", "0.0144"), ("99%", "0.144"), ("99.99%", "0.00144")])
def test_the_errors_of_an_alert_are_its_rate_times_the_budget(objective: str, errors: str) -> None:
    assert burns()[0].errors(Objective.parse(objective)) == Decimal(errors)
    first = alerts("ModelErrorBudgetBurn", rules(objectives={"availability": objective}))[0]
    both = f"model:request_errors:ratio_rate1h > {errors} and model:request_errors:ratio_rate5m > {errors}"
    assert first["expr"] == both.replace(errors, f"{Decimal(errors):f}")


def test_every_window_of_an_alert_is_recorded() -> None:
    made = rules()
    names = {rule["record"] for rule in made if "record" in rule}
    for burn in burns():
        for window in (burn.long, burn.short):
            assert f"model:request_errors:ratio_rate{window}" in names


def test_what_the_caller_did_wrong_spends_no_budget() -> None:
    [ratio] = recorded("model:request_errors:ratio_rate5m", rules())
    assert 'status!~"OK|CANCELLED|INVALID_ARGUMENT|NOT_FOUND|' in ratio["expr"]
    assert "INTERNAL" not in ratio["expr"]


def test_slowness_is_told_only_where_a_latency_is_promised() -> None:
    assert alerts("ModelSlow", rules()) == []
    [slow] = alerts("ModelSlow", rules(objectives={"latency": "250ms"}))
    assert slow["expr"] == "model:request_latency_seconds:p99_5m > 0.25"


def test_a_model_that_may_have_no_servers_is_not_missed() -> None:
    [gone] = alerts("ModelWithoutServers", rules())
    assert gone["expr"] == 'absent(up{job="models", namespace="serve", model="digits"} == 1)'
    assert alerts("ModelWithoutServers", rules(least=0)) == []


def test_requests_are_counted_by_version_with_the_labels_that_the_autoscaler_selects() -> None:
    [counted] = recorded("tfk8s_model_requests_per_second", rules(gateway=TRAEFIK))
    assert counted["labels"] == {"namespace": "serve", "model": "digits", "version": "3"}
    service = "(httproute-.+-svc-)?serve-digits-v3-(http-)?[0-9]+@kubernetesgateway"
    assert counted["expr"] == f'sum(rate(traefik_service_requests_total{{service=~"{service}"}}[20s]))'


def test_requests_that_find_no_server_wake_a_model_that_may_have_none() -> None:
    [counted] = recorded("tfk8s_model_requests_per_second", rules(least=0, gateway=TRAEFIK))
    router = 'traefik_router_requests_total{code="503", service=~"(httproute-)?serve-digits-.+-wrr@kubernetesgateway"}'
    assert f" or rate({router}[20s])" in counted["expr"]


def test_istio_counts_at_its_gateway() -> None:
    [counted] = recorded("tfk8s_model_requests_per_second", rules(gateway=ISTIO))
    assert 'istio_requests_total{reporter="source", destination_service_namespace="serve"' in counted["expr"]


def test_nothing_is_counted_for_models_that_are_scaled_by_cpu() -> None:
    assert recorded("tfk8s_model_requests_per_second", rules(requests=None, gateway=TRAEFIK)) == []


def test_nobody_counts_is_not_zero() -> None:
    for gateway in (TRAEFIK, ISTIO):
        [counted] = recorded("tfk8s_model_requests_per_second", rules(least=0, gateway=gateway))
        assert "vector(0)" not in counted["expr"]


def test_what_is_counted_shows_within_the_lag_that_the_plan_has() -> None:
    settings = MonitoringSettings.model_validate({"gateway": TRAEFIK})
    models = parse(changed(("models.digits.autoscaling.targets", {"requestsPerSecond": 9}))).settings.models
    group = groups(models, settings)[-1]
    scraped = configuration(["serve"], settings.gateway, "rules.yml")["scrape_configs"][-1]
    spent = [Duration.parse(group["interval"]), Duration.parse(scraped["scrape_interval"]), Duration.parse("20s")]
    assert sum(one.seconds for one in spent) <= METRIC_LAG.seconds


@pytest.mark.skipif(PROMTOOL is None, reason="promtool of Debian's package prometheus is not installed")
def test_promtool_takes_configuration_and_rules_and_the_alerts_go_off_when_they_should(tmp_path: Path) -> None:
    settings = parse(
        changed(
            ("models.digits.autoscaling", {"maxReplicas": 3, "targets": {"requestsPerSecond": 35}}),
            ("monitoring", {"gateway": TRAEFIK, "objectives": {"latency": "1s"}}),
        )
    ).settings
    assert settings.monitoring is not None
    made = {"groups": groups(settings.models, settings.monitoring)}
    (tmp_path / "rules.yml").write_text(json.dumps(made))
    asked = configuration(["serve"], settings.monitoring.gateway, "rules.yml")
    # Debian's is built without Kubernetes.
    del asked["scrape_configs"][0]["kubernetes_sd_configs"]
    (tmp_path / "prometheus.yml").write_text(json.dumps(asked))
    (tmp_path / "test.yml").write_text(json.dumps(PLAYED))
    for command in (["check", "config", "prometheus.yml"], ["test", "rules", "test.yml"]):
        done = subprocess.run(
            [str(PROMTOOL), *command], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=30
        )
        assert done.returncode == 0, done.stdout + done.stderr


SERVER = 'tensorflow_serving_request_count{namespace="serve", model="digits", version="3", pod="a", status="%s"}'
VERSION = {"namespace": "serve", "model": "digits", "version": "3"}
SELECTOR = 'namespace="serve", model="digits", version="3"'
IN_TRAEFIK = (
    "httproute-serve-digits-gw-serve-traefik-ep-web-0-62cb7d4dda775a6ff3ba-svc-serve-digits-%s-0@kubernetesgateway"
)
"""As Traefik 3.7.15 says it."""

COUNTED = f'traefik_service_requests_total{{service="{IN_TRAEFIK}", code="200", pod="%s"}}'
BURNING = [
    {
        "exp_labels": {**VERSION, "severity": severity, "window": window},
        "exp_annotations": {
            "summary": f"digits-v3 fails {rate} times as often as 99.9% allows",
            "description": f"In the last {window}, and still in the last {short}, 25% of its requests failed.",
        },
    }
    for severity, window, short, rate in (
        ("page", "1h", "5m", "14.4"),
        ("page", "6h", "30m", "6"),
        ("ticket", "24h", "2h", "3"),
        ("ticket", "72h", "6h", "1"),
    )
]
"""All of them: what there is of a window counts, and a server that is new has failed so often from the start."""
PLAYED: Mapping[str, Any] = {
    "rule_files": ["rules.yml"],
    "evaluation_interval": "1m",
    "tests": [
        {
            "name": "a quarter of the requests fail",
            "interval": "1m",
            "input_series": [
                {"series": SERVER % "OK", "values": "0+75x90"},
                {"series": SERVER % "INTERNAL", "values": "0+25x90"},
            ],
            "promql_expr_test": [
                {
                    "expr": "model:request_errors:ratio_rate5m",
                    "eval_time": "80m",
                    "exp_samples": [
                        {
                            "labels": f"model:request_errors:ratio_rate5m{{{SELECTOR}}}",
                            "value": 0.25,
                        }
                    ],
                }
            ],
            "alert_rule_test": [{"alertname": "ModelErrorBudgetBurn", "eval_time": "80m", "exp_alerts": BURNING}],
        },
        {
            "name": "half of the requests are wrong by the caller's fault: nothing",
            "interval": "1m",
            "input_series": [
                {"series": SERVER % "OK", "values": "0+50x90"},
                {"series": SERVER % "INVALID_ARGUMENT", "values": "0+50x90"},
                {"series": 'up{job="models", namespace="serve", model="digits", version="3"}', "values": "1x90"},
            ],
            "alert_rule_test": [
                {"alertname": "ModelErrorBudgetBurn", "eval_time": "80m", "exp_alerts": []},
                {"alertname": "ModelWithoutServers", "eval_time": "80m", "exp_alerts": []},
            ],
        },
        {
            "name": "requests at two gateways add up; a counter that stands still is 0, and none at all is unknown",
            "interval": "5s",
            "input_series": [
                {"series": COUNTED % ("v3", "a"), "values": "0+50x12 600x60"},
                {"series": COUNTED % ("v33", "a"), "values": "0+500x72"},
                {"series": COUNTED % ("v3", "b"), "values": "0+100x12 1200x60"},
            ],
            "promql_expr_test": [
                {
                    "expr": "tfk8s_model_requests_per_second",
                    "eval_time": "1m",
                    "exp_samples": [
                        {
                            "labels": f"tfk8s_model_requests_per_second{{{SELECTOR}}}",
                            "value": 30,
                        }
                    ],
                },
                {
                    "expr": "tfk8s_model_requests_per_second",
                    "eval_time": "3m",
                    "exp_samples": [
                        {
                            "labels": f"tfk8s_model_requests_per_second{{{SELECTOR}}}",
                            "value": 0,
                        }
                    ],
                },
                {"expr": "tfk8s_model_requests_per_second", "eval_time": "20m", "exp_samples": []},
            ],
        },
    ],
}
"""Series as they would be scraped, and what has to follow."""
