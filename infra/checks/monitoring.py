"""What watches the models can run, and its alerts can go off."""

from collections.abc import Iterator
from datetime import date
from typing import Final

from infra.checks.report import error, warning
from infra.finding import Finding
from infra.plan import Plan, burns
from infra.settings import Settings
from infra.settings.monitoring import NAMESPACE, REQUESTS, MonitoredGateway
from infra.settings.reference import Reference

_OLDEST: Final = 3
"""Prometheus reads a changed configuration by itself from 3.0 (feature flag auto-reload-config)."""

_ALL: Final = 100
"""Percent."""

_CLASSES: Final = ("traefik", "istio", "eg")
"""As the documentation of Traefik, Istio and Envoy Gateway calls theirs. Classes of GKE start with gke-l7-."""

_BLIND: Final = "without it the autoscaler never follows the requests, and takes no replica away"


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
    """An autoscaler that counts requests has somebody who counts them, and may ask for the number."""
    counting = {
        name: model
        for name, model in settings.models.items()
        if model.autoscaling.targets.requests_per_second is not None
    }
    if not counting:
        return
    monitoring, blind = settings.monitoring, f"for {' and '.join(f'models.{name}' for name in counting)}: {_BLIND}"
    if monitoring is None:
        first = next(iter(counting))
        yield warning(
            "requests-counted",
            ("models", first, "autoscaling", "targets", "requestsPerSecond"),
            f"there is no monitoring here, so another Prometheus must record {REQUESTS} {blind}",
            "nothing, if it does; otherwise add monitoring with its gateway and fromNamespaces (docs/scaling.md)",
        )
        return
    if monitoring.gateway is None:
        yield error(
            "requests-counted",
            ("monitoring", "gateway"),
            f"missing: nobody records {REQUESTS} {blind}",
            "name the gateway; where another Prometheus records the metric, waive this check",
        )
        return
    if not monitoring.from_namespaces:
        yield error(
            "requests-counted",
            ("monitoring", "fromNamespaces"),
            f"empty: no pod outside {NAMESPACE} may ask Prometheus, so no adapter can serve {REQUESTS} {blind}",
            "name the namespace in which the adapter runs, such as prometheus-adapter",
        )
    for name, model in counting.items():
        exposed = model.expose.gateway
        if exposed is None:
            yield error(
                "requests-counted",
                ("models", name, "expose"),
                f"requests of {name} come past the gateway that monitoring.gateway counts at: {_BLIND}",
                "expose it by the gateway, or scale it by targets.cpu alone",
            )
        elif _is_another(exposed.class_name, monitoring.gateway):
            yield error(
                "requests-counted",
                ("models", name, "expose", "gateway", "className"),
                f"requests of {name} arrive at a gateway of class {exposed.class_name}, and monitoring.gateway counts "
                f"at {_kind(monitoring.gateway)}: {_BLIND}",
                "name that gateway in monitoring.gateway if it is there; where another Prometheus records the metric, "
                "waive this check",
            )


def _kind(gateway: MonitoredGateway) -> str:
    return "traefik" if gateway.traefik is not None else "istio"


def _is_another(class_name: str | None, gateway: MonitoredGateway) -> bool:
    """Whether a class is known to be of another implementation than the one that counts; most names say nothing."""
    if class_name is None or class_name == _kind(gateway):
        return False
    return class_name in _CLASSES or class_name.startswith("gke-l7-")
