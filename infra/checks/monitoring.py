"""What watches the models can run, and its alerts can go off."""

from collections.abc import Iterator
from datetime import date
from typing import Final

from infra.checks.report import error, warning
from infra.finding import Finding
from infra.plan import Plan, burns
from infra.settings import Settings
from infra.settings.reference import Reference

_OLDEST: Final = 3
"""Prometheus reads a changed configuration by itself from 3.0 (feature flag auto-reload-config)."""

_ALL: Final = 100
"""Percent."""


def prometheus_is_given(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """Monitoring has an image, of a Prometheus that takes a changed configuration over by itself."""
    image = settings.images.prometheus
    if settings.monitoring is None:
        return
    if image is None:
        yield error(
            "monitoring-image",
            ("images", "prometheus"),
            "missing: tfk8s:monitoring is set",
            'add it, such as {ref: "quay.io/prometheus/prometheus:v3.5.0"}',
        )
        return
    tag = Reference.parse(image.ref).tag or ""
    major = tag.removeprefix("v").partition(".")[0]
    if major.isdecimal() and int(major) < _OLDEST:
        yield error(
            "monitoring-image",
            ("images", "prometheus", "ref"),
            f"{tag} is older than {_OLDEST}.0: it does not know --config.auto-reload-interval and would not start",
            f"use Prometheus {_OLDEST}",
        )


def objectives_can_be_missed(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """Every alert on an objective can go off: it tells a share of failures or a latency that can be."""
    if settings.monitoring is None:
        return
    objectives = settings.monitoring.objectives
    fastest = burns()[0]
    errors = (fastest.errors(objectives.availability) * 100).normalize()
    if errors >= _ALL:
        yield error(
            "objectives",
            ("monitoring", "objectives", "availability"),
            f"the fastest alert wants {fastest.rate:f} x (100% - {objectives.availability}) = {errors:f}% of the "
            f"requests of {fastest.long} to fail: it never goes off",
            f"promise more than {100 - 100 / fastest.rate:.1f}%",
        )
    for name, model in settings.models.items():
        if objectives.latency is not None and objectives.latency >= model.request_timeout:
            yield error(
                "objectives",
                ("monitoring", "objectives", "latency"),
                f"{objectives.latency} >= models.{name}.requestTimeout {model.request_timeout}: no answer takes longer",
                f"lower it below {model.request_timeout}",
            )


def requests_are_counted(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """An autoscaler that counts requests has somebody who counts them."""
    monitoring = settings.monitoring
    for name, model in settings.models.items():
        counts = model.autoscaling.targets.requests_per_second is not None
        if counts and monitoring is not None and monitoring.gateway is None:
            yield warning(
                "requests-counted",
                ("monitoring", "gateway"),
                f"missing: nothing here makes tfk8s_model_requests_per_second for models.{name}, whose autoscaler "
                "never takes replicas away without it",
                "name the gateway, or have another Prometheus count (docs/scaling.md)",
            )
