"""What one more resource costs on the real engine: preview and up of a small and a large stack, from nothing."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pulumi import automation
from ruamel.yaml import YAML

from infra.overrides import VARIABLE
from local import engine, paths, tools
from local.engine import Deployed
from local.progress import to_stdout

STACK = "dev"
FEW, MANY = 1, 12
"""Tenants of the two stacks."""
ROUNDS = 3
ALLOWED_SECONDS = {"preview": 0.02, "up": 0.06}
"""Of each verb, a resource."""

_YAML: Any = YAML(typ="safe")


class Clock:
    """Measures what the engine's own verbs take, whoever calls them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seconds: dict[str, float] = {}
        for verb in ALLOWED_SECONDS:
            monkeypatch.setattr(automation.Stack, verb, self._timed(verb, getattr(automation.Stack, verb)))

    def _timed(self, verb: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **options: Any) -> Any:
            started = time.perf_counter()
            result = method(*arguments, **options)
            self.seconds[verb] = time.perf_counter() - started
            return result

        return timed


def words(tenants: int) -> dict[str, object]:
    """A stack of nothing but tenants, each with its part of the store: eight objects and two components."""
    room = {"cpu": 1, "memory": "1Gi"}
    quota = {"requests": {**room, "gpu": 0}, "limits": room}
    return {
        "tfk8s:cluster": {"context": paths.CONTEXT},
        "tfk8s:images": {"training": {"ref": "example.org/train:1"}, "serving": {"ref": "example.org/serve:2.20.0"}},
        "tfk8s:store": {"local": "/var/lib/tfk8s/models", "size": "1Gi"},
        "tfk8s:gpu": {"mode": "pretend"},
        "tfk8s:tenants": {f"bench-{number}": {"quota": quota} for number in range(tenants)},
        "tfk8s:trainingJobs": {},
        "tfk8s:models": {},
    }


def test_a_resource_costs_little_more_than_its_api_calls(
    cluster: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    overrides = tmp_path / "overrides.yaml"
    monkeypatch.setenv(VARIABLE, str(overrides))
    engine.write_plugins()
    pulumi = tools.pulumi(to_stdout)
    clock = Clock(monkeypatch)

    def deploy(tenants: int) -> Deployed:
        _YAML.dump({"config": words(tenants)}, overrides)
        return engine.up(STACK, pulumi, lambda _: None)

    resources: dict[int, int] = {}
    times: dict[tuple[str, int], list[float]] = {}
    for _ in range(ROUNDS):
        for tenants in (FEW, MANY):
            deploy(0)
            resources[tenants] = deploy(tenants).changes["create"]
            for verb, seconds in clock.seconds.items():
                times.setdefault((verb, tenants), []).append(seconds)
    deploy(0)

    more = resources[MANY] - resources[FEW]
    for verb, allowed in ALLOWED_SECONDS.items():
        few, many = (min(times[verb, tenants]) for tenants in (FEW, MANY))
        each = (many - few) / more
        print(
            f"\n{verb} of {resources[FEW]} resources {few:.2f} s, of {resources[MANY]} {many:.2f} s:"
            f" {each:.4f} s a resource (at most {allowed})"
        )
        assert each <= allowed, times
