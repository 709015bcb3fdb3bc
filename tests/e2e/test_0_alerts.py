"""Prometheus' own tool judges what the program tells Prometheus: it is taken, and alerts go off when they should."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from infra.components.model_rules import groups
from infra.components.scrape import configuration
from infra.settings import parse
from local import packages
from tests.unit.words import changed

GATEWAY = {"traefik": {"namespace": "traefik", "service": "metrics", "port": 9100}}
SERVER = 'tensorflow_serving_request_count{namespace="serve", model="digits", version="3", pod="a", status="%s"}'
VERSION = {"namespace": "serve", "model": "digits", "version": "3"}
SELECTOR = 'namespace="serve", model="digits", version="3"'
ROUTER = "httproute-serve-digits-gw-serve-traefik-ep-web-0-62cb7d4dda775a6ff3ba"
IN_TRAEFIK = f"{ROUTER}-svc-serve-digits-%s-0@kubernetesgateway"
"""As Traefik 3.7.15 says it."""

RATE = f"tfk8s_model_requests_per_second{{{SELECTOR}}}"
WATCHED = 'up{job="gateway", instance="a"}'
COUNTED = f'traefik_service_requests_total{{service="{IN_TRAEFIK}", code="200", pod="%s"}}'
REFUSED = f'traefik_service_requests_total{{service="{IN_TRAEFIK}", code="503", pod="%s"}}'
ROUTED = f'traefik_router_requests_total{{service="{ROUTER}-wrr@kubernetesgateway", code="%s"}}'
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


def rates(*expected: tuple[str, float | None]) -> list[dict[str, Any]]:
    """The rate that autoscalers are told, at some times; None where it is unknown."""
    return [
        {
            "expr": "tfk8s_model_requests_per_second",
            "eval_time": at,
            "exp_samples": [] if value is None else [{"labels": RATE, "value": value}],
        }
        for at, value in expected
    ]


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
                {"series": WATCHED, "values": "1x72"},
                {"series": COUNTED % ("v3", "a"), "values": "0+50x12 600x60"},
                {"series": COUNTED % ("v33", "a"), "values": "0+500x72"},
                {"series": COUNTED % ("v3", "b"), "values": "0+100x12 1200x60"},
            ],
            "promql_expr_test": rates(("1m", 30), ("3m", 0), ("20m", None)),
        },
        {
            "name": "looked at again from 3m50s on: a rate is unknown until the gateway was watched for 20 s",
            "interval": "5s",
            "input_series": [
                {"series": WATCHED, "values": "1x12 _x33 1x24"},
                {"series": COUNTED % ("v3", "a"), "values": "0+250x12 _x33 11500+250x24"},
            ],
            "promql_expr_test": rates(("1m", 50), ("4m", None), ("5m", 50)),
        },
    ],
}
"""Series as they would be scraped, and what has to follow."""


FROM_NOBODY: Mapping[str, Any] = {
    "rule_files": ["rules.yml"],
    "evaluation_interval": "5s",
    "tests": [
        {
            "name": "what finds no server counts at its router, and nothing that asks is 0",
            "interval": "5s",
            "input_series": [
                {"series": WATCHED, "values": "1x72"},
                {"series": COUNTED % ("v3", "a"), "values": "5x72"},
                {"series": ROUTED % "200", "values": "5x72"},
                {"series": ROUTED % "503", "values": "0x24 0+10x48"},
            ],
            "promql_expr_test": rates(("1m", 0), ("5m", 2)),
        },
        {
            "name": "what its own servers refuse counts once, at the router",
            "interval": "5s",
            "input_series": [
                {"series": WATCHED, "values": "1x72"},
                {"series": COUNTED % ("v3", "a"), "values": "0+50x72"},
                {"series": REFUSED % ("v3", "a"), "values": "0+10x72"},
                {"series": ROUTED % "200", "values": "0+50x72"},
                {"series": ROUTED % "503", "values": "0+10x72"},
            ],
            "promql_expr_test": rates(("1m", 12)),
        },
        {
            "name": "a Traefik that counts no routers could not wake it, so it keeps a replica",
            "interval": "5s",
            "input_series": [
                {"series": WATCHED, "values": "1x72"},
                {"series": COUNTED % ("v3", "a"), "values": "5x24 5+50x48"},
            ],
            "promql_expr_test": rates(("1m", 0.001), ("5m", 10)),
        },
    ],
}
"""Of a model that may have no servers."""


@pytest.mark.parametrize(("least", "played"), [(1, PLAYED), (0, FROM_NOBODY)])
def test_promtool_takes_configuration_and_rules_and_the_alerts_go_off_when_they_should(
    tmp_path: Path, least: int, played: Mapping[str, Any]
) -> None:
    if missing := packages.missing(packages.PROMETHEUS):
        packages.install(missing, print)
    settings = parse(
        changed(
            (
                "models.digits.autoscaling",
                {"minReplicas": least, "maxReplicas": 3, "targets": {"requestsPerSecond": 35}},
            ),
            ("monitoring", {"gateway": GATEWAY, "objectives": {"latency": "1s"}}),
        )
    ).settings
    assert settings.monitoring is not None
    made = {"groups": groups(settings.models, settings.monitoring)}
    (tmp_path / "rules.yml").write_text(json.dumps(made))
    asked = configuration(["serve"], settings.monitoring.gateway, "rules.yml")
    # Debian's is built without Kubernetes.
    del asked["scrape_configs"][0]["kubernetes_sd_configs"]
    (tmp_path / "prometheus.yml").write_text(json.dumps(asked))
    (tmp_path / "test.yml").write_text(json.dumps(played))
    for command in (["check", "config", "prometheus.yml"], ["test", "rules", "test.yml"]):
        done = subprocess.run(
            ["promtool", *command], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=30
        )
        assert done.returncode == 0, done.stdout + done.stderr
