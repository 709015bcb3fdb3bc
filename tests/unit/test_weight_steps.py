"""In which steps the weight of an incoming version can grow, if its ready replicas are to carry each."""

import math
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.plan import weight_steps
from infra.settings import parse
from tests.unit.words import Words, changed

BY_REQUESTS: Words = {"requestsPerSecond": 25}


def steps(least: int, most: int, usual: int, targets: Words, weight: int = 100) -> tuple[int, ...]:
    words = changed(
        ("models.digits.autoscaling", {"minReplicas": least, "maxReplicas": most, "targets": targets}),
        ("models.digits.load", {"requestsPerSecond": usual, "perReplica": 50}),
    )
    return weight_steps(parse(words).settings.models["digits"], weight)


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        ({"cpu": "70%"}, (50, 66, 100)),  # 3 x 50 of 300; then 150 / 38.5 = 4 replicas, 198 / 38.5 = 6
        (BY_REQUESTS, (50, 100)),  # 150 / 25 = 6, without a tolerance
    ],
)
def test_each_step_is_what_the_replicas_of_the_one_before_carry(targets: Words, expected: tuple[int, ...]) -> None:
    assert steps(3, 20, 300, targets) == expected


def test_the_last_step_is_the_weight_that_is_wanted() -> None:
    assert steps(3, 20, 300, {}, 60) == (50, 60)
    assert steps(3, 20, 300, {}, 50) == (50,)


@pytest.mark.parametrize(
    ("least", "most", "usual", "targets"),
    [
        (1, 900, 5001, {}),  # one replica carries less than 1 %
        (3, 20, 300, {"cpu": "90%"}),  # 198 requests/s keep 198 / 49.5 = 4 replicas, which carry no more than 66 %
        (3, 5, 300, {}),  # the maximum carries 83 %
    ],
)
def test_where_a_step_leads_no_further_there_are_none(least: int, most: int, usual: int, targets: Words) -> None:
    assert steps(least, most, usual, targets) == ()


def test_without_a_stated_load_there_are_none() -> None:
    assert weight_steps(parse(changed()).settings.models["digits"], 100) == ()


def test_a_version_that_starts_from_none_starts_with_one_replica() -> None:
    assert steps(0, 20, 100, BY_REQUESTS) == steps(1, 20, 100, BY_REQUESTS) == (50, 100)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 30), st.integers(1, 3000), st.integers(20, 85), st.integers(1, 100))
def test_no_step_asks_more_of_the_ready_replicas_than_they_answer(
    least: int, usual: int, target: int, weight: int
) -> None:
    found = steps(least, 5000, usual, {"cpu": f"{target}%"}, weight)
    ready = least
    for before, after in pairwise((0, *found)):
        assert before < after
        assert Fraction(usual * after, 100) <= ready * 50
        ready = max(ready, math.ceil(Fraction(usual * after, 100) / (Fraction(50 * target * 11, 1000))))
    assert not found or found[-1] == weight
