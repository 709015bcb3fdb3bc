"""The tests behind the judge: never more false alarms than stated, by exact sums over all outcomes."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.judge import Answers
from serving.judge.pairs import excludes_loss, log_evidence_of_loss, log_evidence_of_no_loss, p_of_loss
from serving.judge.shares import Table, least_without_events, log_evidence, lower, upper
from tests.unit.serving.canary import answers


@given(incoming=st.integers(1, 30), stable=st.integers(1, 30), share=st.integers(0, 60))
@settings(max_examples=8, deadline=None)
def test_evidence_of_more_events_has_a_mean_of_at_most_one_where_there_are_no_more(
    incoming: int, stable: int, share: int
) -> None:
    events = min(share, incoming + stable)
    mean = sum(
        math.comb(incoming, x)
        * math.comb(stable, events - x)
        * math.exp(log_evidence([Table(incoming, x, stable, events - x)]))
        for x in range(max(0, events - stable), min(incoming, events) + 1)
    ) / math.comb(incoming + stable, events)
    assert mean <= 1 + 1e-9


def test_evidence_grows_with_every_event_of_the_incoming_version_and_falls_with_those_of_the_stable_one() -> None:
    few, more, even = Table(100, 1, 900, 1), Table(100, 5, 900, 1), Table(100, 1, 900, 20)
    assert log_evidence([even]) < log_evidence([few]) < log_evidence([more]) < log_evidence([more, more])
    assert log_evidence([]) == log_evidence([Table(100, 0, 900, 0), Table(0, 0, 900, 9)]) == pytest.approx(0)


def test_an_outage_while_the_incoming_version_had_most_requests_is_no_evidence_though_its_sum_is() -> None:
    outage, quiet = Table(900, 90, 100, 10), Table(100, 0, 900, 1)
    assert log_evidence([outage, quiet]) < 1
    assert log_evidence([Table(1000, 90, 1000, 11)]) > 20


@pytest.mark.parametrize(("events", "requests"), [(0, 50), (3, 50), (25, 50), (50, 50)])
def test_the_range_of_a_share_holds_what_was_seen_and_is_narrower_at_a_higher_level(events: int, requests: int) -> None:
    seen = events / requests
    assert 0 <= lower(events, requests, 0.01) <= lower(events, requests, 0.2) <= seen
    assert seen <= upper(events, requests, 0.2) <= upper(events, requests, 0.01) <= 1


@pytest.mark.parametrize("share", [0.01, 0.5])
def test_a_share_leaves_its_range_at_any_of_many_looks_less_often_than_stated(share: float) -> None:
    # Exact: the chance of each count after each request, among the paths that never left.
    level, inside, left = 0.2, {0: 1.0}, 0.0
    for requests in range(1, 61):
        counts: dict[int, float] = {}
        for count, chance in inside.items():
            counts[count] = counts.get(count, 0) + chance * (1 - share)
            counts[count + 1] = counts.get(count + 1, 0) + chance * share
        inside = {
            count: chance
            for count, chance in counts.items()
            if lower(count, requests, level) <= share <= upper(count, requests, level)
        }
        left = 1 - sum(inside.values())
    assert 0 < left <= level


def test_the_fewest_requests_that_exclude_a_share_are_the_fewest() -> None:
    least = least_without_events(0.005, 0.025)
    assert upper(0, least, 0.025) <= 0.005 < upper(0, least - 1, 0.025)


def test_mcnemar_is_the_tail_of_a_fair_coin() -> None:
    assert p_of_loss(answers(0, 0)) == 1
    assert p_of_loss(answers(5, 0)) == 1 / 32
    assert p_of_loss(answers(4, 1)) == 6 / 32


@pytest.mark.parametrize("won_share", [0.0, 0.01, 0.05])
def test_a_loss_that_must_be_excluded_is_excluded_by_mistake_less_often_than_stated(won_share: float) -> None:
    n, loss, level = 270, 0.03, 0.05
    lost_share = won_share + loss
    mistaken = sum(
        _trinomial(n, lost, won, lost_share, won_share)
        for lost in range(40)
        for won in range(40 if won_share else 1)
        if excludes_loss(answers(lost, won, examples=n), loss, level)
    )
    assert 0 < mistaken <= level


def test_a_set_without_examples_excludes_nothing() -> None:
    assert not excludes_loss(Answers.of("empty", [], grows=False), 0.03, 0.05)


def test_bets_on_a_growing_set_are_fair_where_no_version_is_better() -> None:
    n, half = 12, 0.5**12
    mean = sum(
        math.comb(n, lost) * half * math.exp(log_evidence_of_loss(_differing(n, lost, n - lost)))
        for lost in range(n + 1)
    )
    assert mean == pytest.approx(1)


def test_bets_on_no_loss_are_fair_where_just_that_much_is_lost() -> None:
    n, loss = 12, 0.1
    mean = sum(
        _trinomial(n, lost, won, 0.2, 0.2 - loss) * math.exp(log_evidence_of_no_loss(_differing(n, lost, won), loss))
        for lost in range(n + 1)
        for won in range(n + 1 - lost)
    )
    assert mean == pytest.approx(1)


def _trinomial(n: int, lost: int, won: int, lost_share: float, won_share: float) -> float:
    ways = math.comb(n, lost) * math.comb(n - lost, won)
    return ways * lost_share**lost * won_share**won * (1 - lost_share - won_share) ** (n - lost - won)


def _differing(n: int, lost: int, won: int) -> Answers:
    return Answers(name="set", examples=n, both_wrong=0, only_incoming_wrong=lost, only_stable_wrong=won, grows=True)
