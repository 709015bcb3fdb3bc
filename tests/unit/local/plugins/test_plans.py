"""Plans of the official provider (pulumi-kubernetes 4.33, Kubernetes 1.35), recorded, and what the stand-in says."""

import json
from pathlib import Path
from typing import Any, cast

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2 as rpc

from local.plugins.kubernetes.provider import KubernetesStandIn
from local.plugins.kubernetes.state import checkpoint
from local.plugins.serve import Engine
from local.plugins.wire import encode

PLANS: list[dict[str, Any]] = [
    json.loads(line) for line in Path(__file__).with_name("plans.jsonl").read_text().splitlines()
]


@pytest.mark.parametrize("plan", PLANS, ids=[plan["case"] for plan in PLANS])
def test_a_change_is_planned_as_the_official_provider_plans_it(plan: dict[str, Any]) -> None:
    plugin = KubernetesStandIn(Engine(None))
    olds = encode(checkpoint(plan["old"], plan["live"], "m"))
    context = cast("grpc.ServicerContext", None)  # a diff does not look at it
    planned = plugin.Diff(rpc.DiffRequest(olds=olds, news=encode(plan["new"])), context)
    changes = {path: rpc.PropertyDiff.Kind.Name(entry.kind) for path, entry in planned.detailedDiff.items()}
    assert changes == plan["changes"]
    assert sorted(planned.replaces) == plan["replaces"]
    assert planned.deleteBeforeReplace == plan["deleteBeforeReplace"]


def test_the_recorded_plans_cover_changes_replacements_and_nothing_to_do() -> None:
    assert len(PLANS) > 60
    assert sum(bool(plan["replaces"]) for plan in PLANS) > 15
    assert sum(not plan["changes"] for plan in PLANS) > 15
