"""Who can reach a model from outside."""

import ipaddress
from collections.abc import Iterator
from datetime import date

from infra.checks.report import error, warning
from infra.finding import Finding
from infra.plan import Plan
from infra.settings import Settings
from infra.settings.standin import Location


def source_ranges_are_networks(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """Source ranges are networks, and not the whole world by accident."""
    for location, text, whom in _ranges(settings):
        try:
            network = ipaddress.ip_network(text, strict=False)
        except ValueError as problem:
            yield error("source-ranges", location, f"{problem}", "give a network, such as 10.0.0.0/8")
            continue
        if str(network) != text:
            yield error("source-ranges", location, f"{text} is no network in CIDR form", f"write {network}")
        elif network.prefixlen == 0:
            yield warning(
                "source-ranges",
                location,
                f"{text} lets everybody call {location[1]}, and TensorFlow Serving asks nobody who they are",
                f"name the networks of the {whom}, such as 10.0.0.0/8",
            )


def _ranges(settings: Settings) -> Iterator[tuple[Location, str, str]]:
    """Each with its place, and whose network it is."""
    for name, model in settings.models.items():
        balancer, gateway = model.expose.load_balancer, model.expose.gateway
        for index, text in enumerate(balancer.source_ranges if balancer is not None else ()):
            yield ("models", name, "expose", "loadBalancer", "sourceRanges", index), text, "callers"
        for index, text in enumerate(gateway.from_ranges if gateway is not None else ()):
            yield ("models", name, "expose", "gateway", "fromRanges", index), text, "gateway's proxies"
