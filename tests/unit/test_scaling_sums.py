"""How the autoscaler climbs, against the rounds that a CPU target allows."""

import math
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.plan import METRIC_LAG, SYNC, ScaleUp, backoff, make_plan
from infra.settings import parse
from tests.unit.words import changed


def rise(
    least: int,
    most: int,
    *,
    usual: float,
    step: float,
    each: float = 10,
    target: int = 70,
    limit: str = "500m",
    cold: int = 60,
) -> ScaleUp:
    words = changed(
        ("models.digits.resources", {"cpu": "500m", "memory": "1Gi", "limits": {"cpu": limit, "memory": "1Gi"}}),
        ("models.digits.autoscaling", {"minReplicas": least, "maxReplicas": most, "targets": {"cpu": f"{target}%"}}),
        ("models.digits.load", {"requestsPerSecond": usual, "step": step, "perReplica": each}),
        ("models.digits.coldStart", f"{cold}s"),
    )
    found = make_plan(parse(words).settings).models["digits"].scale_up
    assert found is not None
    return found


def replicas(climb: ScaleUp) -> list[int]:
    return [step.replicas for step in climb.steps]


def test_three_to_twenty_at_70_percent_takes_five_rounds() -> None:
    climb = rise(3, 20, usual=20, step=140)
    assert replicas(climb) == [3, 5, 8, 12, 18, 20]
    # 5 x (60 s cold + 30 s lag + 15 s sync), and the pods at 20 a second.
    assert 525 <= climb.time.seconds <= 526
    assert (climb.replicas_before, climb.replicas_needed, climb.replicas_after) == (3, 20, 20)


def test_three_to_twenty_at_50_percent_takes_three() -> None:
    assert replicas(rise(3, 20, usual=10, step=100, target=50)) == [3, 6, 12, 20]


@pytest.mark.parametrize(("target", "rounds"), [(70, 8), (50, 4)])
def test_fifty_to_eight_hundred_takes_the_published_rounds(target: int, rounds: int) -> None:
    climb = rise(50, 800, usual=1, step=800 * 10 * target / 100, target=target)
    assert len(climb.steps) - 1 == rounds
    assert climb.replicas_after == 800


@pytest.mark.parametrize(("cold", "seconds"), [(1, 230), (60, 525), (180, 1125)])
def test_each_round_waits_for_the_pods_of_the_one_before(cold: int, seconds: int) -> None:
    # 45 s of lag and sync a round; the pods of all rounds are created within a second.
    assert seconds <= rise(3, 20, usual=20, step=140, cold=cold).time.seconds <= seconds + 1


def test_a_limit_above_the_request_makes_rounds_larger() -> None:
    assert replicas(rise(3, 20, usual=20, step=140, limit="2")) == [3, 18, 20]


def test_a_step_within_the_tolerance_moves_nothing() -> None:
    assert replicas(rise(10, 20, usual=70, step=77)) == [10]
    assert replicas(rise(10, 20, usual=70, step=78)) == [10, 12]


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 40), st.integers(1, 400), st.integers(20, 90), st.integers(1, 3000), st.integers(0, 3000))
def test_every_round_grows_within_what_use_allows_and_ends_at_the_need(
    least: int, more: int, target: int, usual: int, jump: int
) -> None:
    climb = rise(least, least + more, usual=usual, step=usual + jump, target=target)
    steps = climb.steps
    growth = Fraction(100, target)
    for before, after in pairwise(steps):
        assert before.replicas < after.replicas <= math.ceil(before.replicas * growth)
        waited = 60 + METRIC_LAG.seconds + SYNC.seconds
        assert after.seconds - before.seconds >= waited - 1
    assert climb.replicas_after <= least + more
    end = climb.replicas_after * 11 * target * 10  # 10 % of tolerance, in requests x 1000
    assert climb.replicas_after == least + more or end >= (usual + jump) * 1000


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 5000))
def test_one_more_retry_waits_twice_as_long_up_to_six_minutes(retries: int) -> None:
    wait = backoff(retries + 1).seconds - backoff(retries).seconds
    assert wait == min(10 * 2 ** min(retries, 10), 360)


@pytest.mark.parametrize(("restarts", "seconds"), [(0, 0), (1, 0), (2, 10), (4, 70), (6, 310), (7, 610), (9, 1210)])
def test_the_kubelet_restarts_at_once_then_waits_twice_as_long_up_to_five_minutes(restarts: int, seconds: int) -> None:
    assert backoff(restarts, workers=2).seconds == seconds
