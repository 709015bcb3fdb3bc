"""A gateway that can do what the tracks ask of it, and reaches the servers."""

from collections.abc import Iterator
from datetime import date

from infra.checks.report import error
from infra.finding import Finding
from infra.plan import Plan
from infra.settings import Settings


def tracks_have_a_gateway(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """Requests are shared among several tracks by a gateway; without one a model has one track."""
    for name, model in settings.models.items():
        if model.tracks.canary is not None and model.expose.gateway is None:
            given = "loadBalancer" if model.expose.load_balancer is not None else "clusterIP"
            yield error(
                "one-track",
                ("models", name, "tracks", "canary"),
                f"{name} has 2 tracks, and is exposed by {given}, which sends every request to one of them",
                "expose it by a gateway, or take the canary away",
            )


def gateways_may_call(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """Where a model is exposed by a gateway, the NetworkPolicies let the gateway's proxies in."""
    for name, model in settings.models.items():
        gateway = model.expose.gateway
        if gateway is not None and not gateway.from_namespaces and not gateway.from_ranges:
            yield error(
                "gateway-peers",
                ("models", name, "expose", "gateway"),
                f"the proxies of {gateway.class_name or gateway.hostname} may not call {name}: only pods of "
                f"{model.tenant} may, unless more is said",
                "name the namespace in which they run in fromNamespaces, or their addresses in fromRanges",
            )


def gateways_can_mirror(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """Requests are mirrored only where the gateway's implementation is said to be able to."""
    for name, model in settings.models.items():
        canary, gateway = model.tracks.canary, model.expose.gateway
        if canary is None or not canary.mirror or gateway is None:
            continue
        if "HTTPRouteRequestMirror" not in gateway.features:
            yield error(
                "gateway-feature",
                ("models", name, "tracks", "canary", "mirror"),
                f"expose.gateway.features names no HTTPRouteRequestMirror: of {gateway.class_name or gateway.hostname} "
                "it is not known that it can, and one that cannot drops the copies or the whole route",
                "name it there if `kubectl get gatewayclass CLASS -o jsonpath={.status.supportedFeatures}` does",
            )
