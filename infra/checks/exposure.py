"""Who can reach a model from outside."""

import ipaddress
from collections.abc import Iterator
from datetime import date

from infra.checks.report import error, warning
from infra.finding import Finding
from infra.plan import Plan
from infra.settings import Settings


def source_ranges_are_networks(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """Source ranges are networks, and not the whole world by accident."""
    for name, model in settings.models.items():
        ranges = model.expose.load_balancer.source_ranges if model.expose.load_balancer else ()
        for index, text in enumerate(ranges):
            location = ("models", name, "expose", "loadBalancer", "sourceRanges", index)
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
                    f"{text} lets everybody call {name}, and TensorFlow Serving asks nobody who they are",
                    "name the networks of the callers, such as 10.0.0.0/8",
                )
