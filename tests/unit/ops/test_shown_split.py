"""Each step of a promotion, as a preview shows it: the exact split, before anything is changed."""

import functools
from typing import cast

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2 as rpc

from local.plugins.kubernetes.provider import KubernetesStandIn
from local.plugins.kubernetes.state import checkpoint
from local.plugins.serve import Engine
from local.plugins.wire import encode
from ops.difference.plan import difference
from ops.difference.text import step_text
from tests.unit.canary import exposed, tracks
from tests.unit.recorder import Recorder, Resource, record_changed

ROUTE = "gateway.networking.k8s.io/v1:HTTPRoute"
FIRST, SECOND = (f"spec.rules[0].backendRefs[{index}]" for index in range(2))
STEPS = ((2, None, 0), (2, 3, 0), (2, 3, 10), (2, 3, 50), (3, None, 0))
"""Stable, canary and its weight, one step of docs/promotion.md after the other."""


@functools.cache
def step(number: int) -> Recorder:
    stable, canary, weight = STEPS[number]
    return record_changed(exposed(), *tracks(stable, canary=canary, weight=weight))


def route(number: int) -> Resource:
    return step(number).one(ROUTE, "digits")


def previewed(number: int) -> dict[str, str]:
    """Fields of the route that `pulumi preview` marks between a step and the next."""
    old, new = (dict(route(one).inputs) for one in (number, number + 1))
    request = rpc.DiffRequest(olds=encode(checkpoint(old, old, "m")), news=encode(new))
    # A diff does not look at the context.
    answer = KubernetesStandIn(Engine(None)).Diff(request, cast("grpc.ServicerContext", None))
    assert not answer.replaces
    return {path: rpc.PropertyDiff.Kind.Name(field.kind) for path, field in answer.detailedDiff.items()}


def said(number: int) -> str:
    """What `tfk8s diff` says of the route."""
    [found] = [one for one in difference(step(number).resources, step(number + 1).resources) if one.type == ROUTE]
    return step_text(found)


@pytest.mark.parametrize(("number", "weights"), [(1, ((100, 90), (0, 10))), (2, ((90, 50), (10, 50)))])
def test_a_larger_weight_is_shown_as_both_weights_before_and_after(
    number: int, weights: tuple[tuple[int, int], tuple[int, int]]
) -> None:
    (stable, stable_then), (canary, canary_then) = weights
    assert previewed(number) == {f"{FIRST}.weight": "UPDATE", f"{SECOND}.weight": "UPDATE"}
    assert said(number).splitlines()[1:] == [
        f"     traffic: digits-v2 {stable} % => {stable_then} %, digits-v3 {canary} % => {canary_then} %",
        f"       ~ {FIRST}.weight: {stable} => {stable_then}",
        f"       ~ {SECOND}.weight: {canary} => {canary_then}",
    ]


def test_an_incoming_version_is_shown_to_get_nothing() -> None:
    assert previewed(0) == {SECOND: "ADD"}
    assert "traffic: digits-v2 100 % => 100 %, digits-v3 0 % => 0 %" in said(0)


def test_the_last_step_is_shown_to_give_everything_to_the_promoted_version() -> None:
    assert previewed(3) == {f"{FIRST}.name": "UPDATE", f"{FIRST}.weight": "UPDATE", SECOND: "DELETE"}
    assert "traffic: digits-v2 50 % => 0 %, digits-v3 50 % => 100 %" in said(3)
