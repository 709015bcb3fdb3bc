"""How the autoscaler climbs where it counts the requests that arrive: one round, whatever the step."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.plan import SCALE_UP_PODS, ModelPlan, ScaleUp, make_plan
from infra.settings import parse
from tests.unit.words import changed


def plan(
    least: int,
    most: int,
    *,
    requests: float | None = 35,
    usual: float = 100,
    step: float | None = 700,
    each: float = 50,
    cpu: str = "70%",
    limit: str = "500m",
) -> ModelPlan:
    load = {"requestsPerSecond": usual, "perReplica": each, **({} if step is None else {"step": step})}
    targets = {"cpu": cpu, **({} if requests is None else {"requestsPerSecond": requests})}
    words = changed(
        ("models.digits.resources", {"cpu": "500m", "memory": "1Gi", "limits": {"cpu": limit, "memory": "1Gi"}}),
        ("models.digits.autoscaling", {"minReplicas": least, "maxReplicas": most, "targets": targets}),
        ("models.digits.load", load),
    )
    return make_plan(parse(words).settings).models["digits"]


def rise(figures: ModelPlan) -> ScaleUp:
    assert figures.scale_up is not None
    return figures.scale_up


@pytest.mark.parametrize(
    ("least", "most", "step", "seconds"),
    # 60 s cold + 30 s lag + 15 s sync, and the pods at 20 a second.
    [(3, 20, 700, 106), (50, 800, 28_000, 143)],
)
def test_one_round_reaches_the_step(least: int, most: int, step: float, seconds: int) -> None:
    climb = rise(plan(least, most, usual=1, step=step))
    assert [one.replicas for one in climb.steps] == [least, most]
    assert climb.time.seconds == seconds
    assert climb.growth is None


def test_the_policy_is_as_large_as_the_step_takes_from_the_fewest_replicas() -> None:
    assert plan(3, 20).scale_up_pods == 17
    assert plan(50, 800, step=28_000).scale_up_pods == 750
    assert plan(50, 400, step=28_000).scale_up_pods == 350, "no further than maxReplicas"
    assert plan(0, 20).scale_up_pods == 20, "nine times nothing is nothing"


def test_without_a_step_the_policy_reaches_the_usual_load() -> None:
    assert plan(3, 20, step=None).scale_up_pods == SCALE_UP_PODS
    assert plan(3, 20, step=None, usual=700).scale_up_pods == 17


def test_a_target_for_cpu_alone_keeps_the_default_policy_which_it_cannot_use_up() -> None:
    assert plan(3, 20, requests=None).scale_up_pods == SCALE_UP_PODS


def test_of_two_targets_the_one_that_wants_more_replicas_counts() -> None:
    # 45 requests a second keep a replica at 90 % of its CPU: the target of 70 % goes on from 16 to 20.
    climb = rise(plan(3, 30, requests=45))
    assert [one.replicas for one in climb.steps] == [3, 16, 20]
    assert (climb.replicas_needed, climb.capacity_per_replica) == (20, 35)
    assert rise(plan(3, 30, requests=30)).capacity_per_replica == 30


def test_cpu_beside_requests_has_no_tolerance_either() -> None:
    # 19 replicas are at 1.05 times the target of 70 %.
    assert [one.replicas for one in rise(plan(3, 30, requests=37)).steps] == [3, 19, 20]


def test_a_fleet_that_may_go_to_zero_is_scaled_by_requests_alone() -> None:
    climb = rise(plan(0, 30, requests=45))
    assert [one.replicas for one in climb.steps] == [3, 16]
    assert climb.capacity_per_replica == 45


def test_a_version_starts_with_one_pod_where_the_fewest_are_none() -> None:
    figures = plan(0, 3)
    assert figures.incoming == 1
    assert figures.peak_pods == 5
    assert figures.price_per_hour_min.amount == 0


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 30), st.integers(1, 900), st.integers(1, 3000), st.integers(1, 35))
def test_no_replica_is_left_with_more_than_its_target(least: int, more: int, step: int, target: int) -> None:
    climb = rise(plan(least, least + more, requests=target, usual=1, step=step))
    assert len(climb.steps) <= 2
    assert climb.replicas_after == max(least, min(least + more, math.ceil(step / target)), 1)
