"""A stack that serves two versions of a model behind a gateway, and steps of a promotion, for tests."""

from collections.abc import Mapping
from typing import Final

GATEWAY: Final[Mapping[str, object]] = {"className": "traefik", "fromNamespaces": ["gateways"]}
ROOMY: Final = (
    "tenants.serve.quota",
    {"requests": {"cpu": 90, "memory": "90Gi", "gpu": 90}, "limits": {"cpu": 90, "memory": "90Gi"}},
)
"""Room for two versions of the sound stack's model."""


def exposed(**gateway: object) -> tuple[str, object]:
    """The sound stack's model behind a gateway, with changes of it."""
    return ("models.digits.expose", {"gateway": {**GATEWAY, **gateway}})


def tracks(stable: int, canary: int | None = None, weight: int = 0, **words: object) -> tuple[tuple[str, object], ...]:
    """Which versions of the sound stack's model are served; version 3 is the one it trains."""
    named: dict[str, object] = {"stable": {"version": stable, "weight": 100 - weight}}
    if canary is not None:
        named["canary"] = {"version": canary, "weight": weight, **words}
    return (ROOMY, ("models.digits.tracks", named))
