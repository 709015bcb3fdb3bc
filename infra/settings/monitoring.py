"""The section that describes how served models are watched."""

from typing import Annotated, Final

from pydantic import Field

from infra.settings.base import CpuMemory, Name, OneOf, PodResources, PositiveDuration, Section
from infra.settings.units import Duration, Objective, Quantity

NAMESPACE: Final = "tfk8s-monitoring"
"""Where Prometheus runs; no tenant may be called so."""

REQUESTS: Final = "tfk8s_model_requests_per_second"
"""External metric: requests per second that arrive for a version, labelled `model` and `version`."""


class Objectives(Section):
    """What callers are promised, over 30 days; alerts tell when it is at risk."""

    availability: Objective = Objective.parse("99.9%")
    """Share of the requests that are answered without an error of the server."""

    latency: PositiveDuration | None = None
    """99 of 100 answers take no longer, in the server; nothing is said about it where not given."""


class GatewayMetrics(Section):
    """A headless Service in front of the gateway's pods, each of which tells its own counters."""

    namespace: Name
    """Where the gateway runs."""

    service: Name
    """Its headless Service: a name that resolves to every pod."""

    port: Annotated[int, Field(ge=1, le=65535)]
    """Where the pods tell their metrics, such as 9100 for Traefik's chart and 15020 for Istio's gateways."""


class MonitoredGateway(OneOf):
    """The gateway that counts the requests, by its own names for them; exactly one."""

    traefik: GatewayMetrics | None = None
    """Traefik's Gateway API provider, with addRoutersLabels where a model may have no pods."""

    istio: GatewayMetrics | None = None
    """Istio's gateways."""


class MonitoringSettings(Section):
    """Prometheus in a namespace of its own, which watches the served models; none where not given."""

    objectives: Objectives = Objectives()
    gateway: MonitoredGateway | None = None
    """Where given, autoscalers that count requests have their metric from here, by an adapter (docs/scaling.md)."""

    from_namespaces: tuple[Name, ...] = Field(default=(), strict=False)
    """Namespaces whose pods may ask it, such as those of the adapter, of Alertmanager and of Grafana."""

    retention: PositiveDuration = Duration.parse("15d")
    """How long it keeps what it measured."""

    size: Quantity = Quantity.parse("10Gi")
    """Room for that; the oldest goes earlier where it is full."""

    storage_class_name: str | None = None
    """StorageClass of a volume that outlives the pod; where not given, what was measured goes with the pod."""

    resources: PodResources = PodResources(
        cpu=Quantity.parse("200m"),
        memory=Quantity.parse("1Gi"),
        limits=CpuMemory(cpu=Quantity.parse("1"), memory=Quantity.parse("2Gi")),
    )
    """What its pod asks for; its memory grows with the servers that it asks."""
