"""What Prometheus computes from the model servers' metrics: rates, latencies, alerts, and what autoscalers read.

Names of recorded series are `level:metric:operations`
(https://prometheus.io/docs/practices/rules/#naming).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from infra.plan import Burn, burns
from infra.settings import Duration, ModelSettings, MonitoringSettings
from infra.settings.monitoring import REQUESTS, MonitoredGateway

JOB: Final = "models"
"""Of the scrape configuration."""

COUNTED_EVERY: Final = Duration.parse("5s")
"""How often the gateway is asked and its requests are summed up."""

_RATE: Final = "20s"
"""Four looks: one may be missed. With the two of `COUNTED_EVERY` the 30 s that the plan counts (METRIC_LAG)."""

_WATCHED: Final = 'max(max_over_time(up{job="gateway"}[10s] offset 15s)) == 1'
"""The gateway was looked at successfully when the 20 s began, one missed look allowed."""

_LEAST: Final = 0.001
"""Requests a second that keep one replica: the least that autoscalers are told."""

_COUNT: Final = "tensorflow_serving_request_count"
_LATENCY: Final = "tensorflow_serving_request_latency"
"""TensorFlow Serving's own (servables/tensorflow/util.cc), without their colons; latencies are microseconds, of
requests that succeeded."""

_CALLERS_FAULT: Final = (
    "OK|CANCELLED|INVALID_ARGUMENT|NOT_FOUND|ALREADY_EXISTS|PERMISSION_DENIED|UNAUTHENTICATED|FAILED_PRECONDITION|"
    "OUT_OF_RANGE|UNIMPLEMENTED"
)
"""Statuses that spend no budget: what the caller did wrong, or nothing."""

_EACH: Final = "namespace, model, version"
_GONE_FOR: Final = "2m"
_SLOW_FOR: Final = "10m"

Rule = Mapping[str, Any]


def groups(models: Mapping[str, ModelSettings], monitoring: MonitoringSettings) -> list[Rule]:
    """Rule groups as a rules file has them under `groups`."""
    made: list[Rule] = [
        {"name": "models", "rules": [*_rates(), *_latencies()]},
        {"name": "objectives", "rules": [*_burning(monitoring), *_slow(monitoring), *_gone(models)]},
    ]
    if monitoring.gateway is not None:
        counted = [*_arriving(models, monitoring.gateway)]
        made.append({"name": "autoscaling", "interval": str(COUNTED_EVERY), "rules": counted})
    return made


def error_ratio(window: Duration) -> str:
    """Name of the series with the share of requests that failed in a window."""
    return f"model:request_errors:ratio_rate{window}"


def windows() -> Sequence[Duration]:
    """Every window of an alert, the shortest first."""
    return sorted({window for burn in burns() for window in (burn.long, burn.short)})


def _rates() -> Iterator[Rule]:
    yield {"record": "model:requests:rate5m", "expr": f"sum by ({_EACH}) (rate({_COUNT}[5m]))"}
    for window in windows():
        # Nothing failed is 0, not unknown; no requests at all stay unknown.
        every = f"sum by ({_EACH}) (rate({_COUNT}[{window}]))"
        failed = f'sum by ({_EACH}) (rate({_COUNT}{{status!~"{_CALLERS_FAULT}"}}[{window}]))'
        yield {"record": error_ratio(window), "expr": f"({failed} or 0 * {every}) / {every}"}


def _latencies() -> Iterator[Rule]:
    for name, quantile in (("p50", 0.5), ("p99", 0.99)):
        buckets = f"sum by ({_EACH}, le) (rate({_LATENCY}_bucket[5m]))"
        expr = f"histogram_quantile({quantile}, {buckets}) / 1e6"
        yield {"record": f"model:request_latency_seconds:{name}_5m", "expr": expr}


def _burning(monitoring: MonitoringSettings) -> Iterator[Rule]:
    objective = monitoring.objectives.availability
    for burn in burns():
        errors = f"{burn.errors(objective):f}"
        both = " and ".join(f"{error_ratio(window)} > {errors}" for window in (burn.long, burn.short))
        yield _alert(
            "ModelErrorBudgetBurn",
            both,
            labels={"severity": burn.severity, "window": str(burn.long)},
            summary=f"{{{{ $labels.model }}}}-v{{{{ $labels.version }}}} fails {_share(burn)} times as often as "
            f"{objective} allows",
            description=f"In the last {burn.long}, and still in the last {burn.short}, "
            "{{ $value | humanizePercentage }} of its requests failed.",
        )


def _slow(monitoring: MonitoringSettings) -> Iterator[Rule]:
    latency = monitoring.objectives.latency
    if latency is not None:
        yield _alert(
            "ModelSlow",
            f"model:request_latency_seconds:p99_5m > {latency.seconds.normalize():f}",
            labels={"severity": "ticket"},
            wait=_SLOW_FOR,
            summary="{{ $labels.model }}-v{{ $labels.version }} answers slowly",
            description="1 of 100 answers takes longer than {{ $value | humanizeDuration }}; "
            f"{latency} is promised. Buckets grow by 1.8, so the figure may be that far off.",
        )


def _gone(models: Mapping[str, ModelSettings]) -> Iterator[Rule]:
    """For every model that should have a server at any time: none of them tells its metrics."""
    for name, model in models.items():
        if model.autoscaling.min_replicas == 0:
            continue
        yield _alert(
            "ModelWithoutServers",
            f'absent(up{{job="{JOB}", namespace="{model.tenant}", model="{name}"}} == 1)',
            labels={"severity": "page"},
            wait=_GONE_FOR,
            summary=f"no server of {name} in {model.tenant} answers",
            description="None was reached for two minutes.",
        )


def _arriving(models: Mapping[str, ModelSettings], gateway: MonitoredGateway) -> Iterator[Rule]:
    """Requests a second by version, as the gateway counts them. None counted is 0; no counter at all stays unknown.

    So do those of a gateway not watched for the whole time: from half of it a rate comes out too low. So a gateway, or
    a Prometheus, that is not there, or has just come, takes no replicas away.
    """
    for name, model in models.items():
        if model.autoscaling.targets.requests_per_second is None:
            continue
        for _, track in model.tracks.named():
            labels = {"namespace": model.tenant, "model": name, "version": str(track.version)}
            counted = _by_traefik if gateway.traefik is not None else _by_istio
            expr = f"{counted(model, name, track.version)} and on () ({_WATCHED})"
            yield {"record": REQUESTS, "expr": expr, "labels": labels}


def _by_traefik(model: ModelSettings, name: str, version: int) -> str:
    """Traefik counts at a service only what it can send somewhere; without servers, its router's 503 are what there is.

    Its Gateway API provider names a service `httproute-<route>-…-svc-<namespace>-<service>-<number>` (seen with 3.7),
    and earlier `<namespace>-<service>-<port>`; that of a router `httproute-<namespace>-<route>-gw-…-wrr`, and before
    3.2 `<namespace>-<route>-…-wrr` (pkg/provider/kubernetes/gateway/httproute.go).
    """
    service = f'service=~"(httproute-.+-svc-)?{model.tenant}-{name}-v{version}-(http-)?[0-9]+@kubernetesgateway"'
    sent = f"sum(rate(traefik_service_requests_total{{{service}}}[{_RATE}]))"
    if model.autoscaling.min_replicas > 0:
        return sent
    # No `.+` where a name may go on: the 503 of digits-large must not wake digits.
    route = f'service=~"(httproute-{model.tenant}-{name}-gw|{model.tenant}-{name})-.+-wrr@kubernetesgateway"'
    # A server's own 503 is among those of the router.
    answered = f'rate(traefik_service_requests_total{{code!="503", {service}}}[{_RATE}])'
    unanswered = f'rate(traefik_router_requests_total{{code="503", {route}}}[{_RATE}])'
    every = f"sum({answered} or {unanswered}) and count(traefik_router_requests_total{{{route}}})"
    # A router that is not counted, as none is unless Traefik is told, could not wake it: then the last replica stays.
    return f"({every} or clamp_min({sent}, {_LEAST}))"


def _by_istio(model: ModelSettings, name: str, version: int) -> str:
    """The gateway's own proxies report as source (https://istio.io/latest/docs/reference/config/metrics/)."""
    where = f'destination_service_namespace="{model.tenant}", destination_service_name="{name}-v{version}"'
    return f'sum(rate(istio_requests_total{{reporter="source", {where}}}[{_RATE}]))'


def _alert(
    name: str, expr: str, *, labels: Mapping[str, str], summary: str, description: str, wait: str | None = None
) -> Rule:
    held = {} if wait is None else {"for": wait}
    said = {"summary": summary, "description": description}
    return {"alert": name, "expr": expr, **held, "labels": dict(labels), "annotations": said}


def _share(burn: Burn) -> str:
    return f"{burn.rate:f}"
