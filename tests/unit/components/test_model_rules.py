"""Rates, alerts and the series of autoscalers: their arithmetic here, their meaning in tests/e2e/test_0_alerts.py."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from infra.components.model_rules import groups
from infra.components.scrape import configuration
from infra.plan import METRIC_LAG, burns
from infra.settings import Duration, parse
from infra.settings.monitoring import MonitoringSettings
from infra.settings.units import Objective
from ops.stackfile import ROOT
from tests.unit.words import changed

TRAEFIK = {"traefik": {"namespace": "traefik", "service": "metrics", "port": 9100}}
HASH = "0144a6edf701a30e3ea6"
"""Of a router's rule, as Traefik names it."""

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
    rate, _, watched = counted["expr"].partition(" and on () ")
    assert rate == f'sum(rate(traefik_service_requests_total{{service=~"{service}"}}[20s]))'
    assert watched == '(max(max_over_time(up{job="gateway"}[10s] offset 15s)) == 1)'


def test_requests_that_find_no_server_wake_a_model_that_may_have_none() -> None:
    [counted] = recorded("tfk8s_model_requests_per_second", rules(least=0, gateway=TRAEFIK))
    found = re.search(r' or rate\(traefik_router_requests_total{code="503", service=~"([^"]+)"}', counted["expr"])
    assert found
    # As Traefik 3.7 and 3.1 name them.
    assert re.fullmatch(found[1], f"httproute-serve-digits-gw-serve-traefik-ep-web-0-{HASH}-wrr@kubernetesgateway")
    assert re.fullmatch(found[1], f"serve-digits-traefik-web-0-{HASH}-wrr@kubernetesgateway")
    of_another = f"httproute-serve-digits-large-gw-serve-traefik-ep-web-0-{HASH}-wrr@kubernetesgateway"
    assert not re.fullmatch(found[1], of_another)


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


def test_the_page_about_monitoring_names_every_alert_and_series() -> None:
    page = (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")
    names = set(re.findall(r"`([^`\n]+)`", page.replace("```", "")))
    made = rules(gateway=TRAEFIK, objectives={"latency": "1s"})
    assert {rule["alert"] for rule in made if "alert" in rule} == {name for name in names if name.startswith("Model")}
    # Of one series in several windows the page has the first name whole, then the windows.
    series = {rule["record"] for rule in made if "record" in rule}
    assert not {name for name in series if name not in names and re.split(r"rate|seconds:", name)[-1] not in names}
