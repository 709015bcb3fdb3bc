"""Promote, hold or roll back: what the judge rules, and what it says."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.judge import (
    Answers,
    Evidence,
    Interval,
    JudgeSettings,
    Ruling,
    Says,
    Traffic,
    Verdict,
    judge,
    judge_stable,
)
from tests.unit.serving.canary import ALIKE, Canary, answers

LOOKS_OF_3_MINUTES = 18


def last(canary: Canary, labelled: Answers = ALIKE, *, looks: int = LOOKS_OF_3_MINUTES, seed: int = 1) -> Verdict:
    *_, verdict = canary.looks(np.random.default_rng(seed), labelled, looks)
    return verdict


def evidence(canary: Canary, intervals: int, seed: int = 1) -> Evidence:
    draw = np.random.default_rng(seed)
    return Evidence(intervals=tuple(canary.interval(draw) for _ in range(intervals)), answers=(ALIKE,))


def test_a_canary_that_fails_one_request_in_a_hundred_is_rolled_back_within_three_minutes() -> None:
    verdict = last(Canary(failures=0.01, stable_failures=0))
    assert verdict.ruling is Ruling.ROLL_BACK
    assert "requests failed" in verdict.reasons[0]
    assert verdict.findings[0].says is Says.HARM


def test_a_canary_three_times_slower_is_rolled_back_within_three_minutes() -> None:
    verdict = last(Canary(times_slower=3))
    assert verdict.ruling is Ruling.ROLL_BACK
    assert verdict.reasons[0].startswith("Latency:")
    assert "slower by more than 1.8 times" in verdict.reasons[0]


@pytest.mark.parametrize(("lost", "won"), [(14, 0), (15, 1), (17, 3), (20, 6)])
def test_a_canary_that_gets_five_percent_more_digits_wrong_is_rolled_back_at_the_first_look(
    lost: int, won: int
) -> None:
    verdict = last(Canary(), answers(lost, won), looks=1)
    assert verdict.ruling is Ruling.ROLL_BACK
    assert "a loss of 5.32 %" in verdict.reasons[0]


def test_a_good_canary_is_promoted_and_every_criterion_says_why() -> None:
    verdict = last(Canary(), looks=60)
    assert verdict.ruling is Ruling.PROMOTE
    assert [reason.split(" ")[0] for reason in verdict.reasons] == ["Failures:", "Latency:", "Latency:", "Answers"]


def test_a_better_canary_is_promoted_too() -> None:
    canary = Canary(failures=0, stable_failures=0.01, times_slower=0.5)
    assert last(canary, answers(1, 14), looks=60).ruling is Ruling.PROMOTE


counts = st.integers(0, 400)
traffic = st.tuples(counts, counts).map(lambda pair: Traffic(requests=sum(pair), failures=pair[0]))
intervals = st.lists(st.builds(Interval, incoming=traffic, stable=traffic), max_size=4).map(tuple)
labelled = st.tuples(counts, counts).map(lambda pair: answers(*pair, examples=1000))


@given(intervals, labelled)
@settings(max_examples=8, deadline=None)
def test_of_two_versions_at_most_one_is_worse_on_a_criterion(seen: tuple[Interval, ...], compared: Answers) -> None:
    other_way = tuple(Interval(incoming=each.stable, stable=each.incoming) for each in seen)
    swapped = answers(compared.only_stable_wrong, compared.only_incoming_wrong, examples=1000)
    one = judge(Evidence(intervals=seen, answers=(compared,)))
    other = judge(Evidence(intervals=other_way, answers=(swapped,)))
    harms = [{reason.split(" ")[0] for reason in _harms(verdict)} for verdict in (one, other)]
    assert not harms[0] & harms[1]


@given(intervals)
@settings(max_examples=8, deadline=None)
def test_whatever_both_do_alike_is_no_harm(seen: tuple[Interval, ...]) -> None:
    alike = tuple(replace(each, incoming=each.stable) for each in seen)
    assert not _harms(judge(Evidence(intervals=alike)))


def _harms(verdict: Verdict) -> list[str]:
    return [finding.sentence for finding in verdict.findings if finding.says is Says.HARM]


def test_no_data_is_hold() -> None:
    verdict = judge(Evidence())
    assert verdict.ruling is Ruling.HOLD
    assert "Failures: the incoming and the stable version got no requests." in verdict.reasons
    assert "Answers: there is no labelled set to compare them on." in verdict.reasons


def test_no_traffic_on_the_canary_is_hold() -> None:
    verdict = judge(evidence(Canary(weight=0), 20))
    assert verdict.ruling is Ruling.HOLD
    assert "Failures: the incoming version got no requests." in verdict.reasons


def test_a_source_that_is_down_is_hold_also_where_all_else_is_sound() -> None:
    known = evidence(Canary(), 60)
    assert judge(known).ruling is Ruling.PROMOTE
    verdict = judge(replace(known, missing=("http://prometheus:9090 does not answer",)))
    assert verdict.ruling is Ruling.HOLD
    assert verdict.reasons[0] == "Missing: http://prometheus:9090 does not answer."


def test_a_proven_harm_is_rolled_back_also_where_a_source_is_down() -> None:
    known = Evidence(answers=(answers(14, 0),), missing=("http://prometheus:9090 does not answer",))
    assert judge(known).ruling is Ruling.ROLL_BACK


def test_too_few_requests_are_hold_with_the_number_that_is_needed() -> None:
    verdict = judge(evidence(Canary(failures=0, stable_failures=0), 3))
    assert verdict.ruling is Ruling.HOLD
    assert any("at least 1,586 requests are needed to exclude 0.5 % more" in reason for reason in verdict.reasons)


def test_without_a_labelled_set_traffic_alone_promotes_only_where_the_settings_say_so() -> None:
    known = replace(evidence(Canary(), 60), answers=())
    assert judge(known).ruling is Ruling.HOLD
    assert judge(known, JudgeSettings(needs_answers=False)).ruling is Ruling.PROMOTE


def test_an_outage_that_hits_both_versions_alike_is_no_harm() -> None:
    draw = np.random.default_rng(3)
    good, outage = Canary(), Canary(failures=0.3, stable_failures=0.3)
    intervals = tuple(each.interval(draw) for each in [good] * 6 + [outage] * 3 + [good] * 6)
    verdict = judge(Evidence(intervals=intervals, answers=(ALIKE,)))
    assert verdict.ruling is Ruling.HOLD


def test_an_excess_of_failures_below_what_is_tolerated_is_not_rolled_back_however_certain() -> None:
    requests = Traffic(requests=1_000_000, failures=900)
    interval = Interval(incoming=requests, stable=replace(requests, failures=0))
    assert judge(Evidence(intervals=(interval,))).ruling is Ruling.HOLD
    assert judge(Evidence(intervals=(interval,)), JudgeSettings(failures_tolerated=0)).ruling is Ruling.ROLL_BACK


def test_two_sets_share_the_false_alarms_between_them() -> None:
    doubtful = answers(15, 4)
    assert judge(Evidence(answers=(doubtful,))).ruling is Ruling.ROLL_BACK
    assert judge(Evidence(answers=(doubtful, *[ALIKE] * 9))).ruling is Ruling.HOLD


def test_identical_versions_are_never_told_apart_by_their_answers() -> None:
    assert judge(Evidence(answers=(answers(0, 0),))).findings[-1].says is Says.SOUND


def test_a_stable_version_that_degrades_is_rolled_back_to_a_better_one_before_it() -> None:
    verdict = judge_stable(answers(1, 5), [answers(20, 3, examples=200, grows=True)])
    assert verdict.ruling is Ruling.ROLL_BACK
    assert verdict.reasons[0].startswith(
        "It has degraded, right on 88 %, on the test part 98.1 %; the version before is better. Answers on "
    )


def test_a_stable_version_that_degrades_stays_where_the_one_before_does_no_better() -> None:
    verdict = judge_stable(answers(1, 5), [answers(20, 19, examples=200, grows=True)])
    assert verdict.ruling is Ruling.HOLD
    assert "the version before is not proven better" in verdict.reasons[0]


def test_a_stable_version_that_did_not_degrade_stays_even_where_the_one_before_was_better_all_along() -> None:
    verdict = judge_stable(answers(25, 2), [answers(20, 3, grows=True)])
    assert verdict.ruling is Ruling.HOLD
    assert verdict.reasons[0].startswith("It has not degraded on the feedback")


@pytest.mark.parametrize(
    ("own", "newer"), [(ALIKE, []), (answers(0, 0, examples=4), [answers(0, 0, examples=4, grows=True)])]
)
def test_a_stable_version_stays_where_little_or_nothing_newer_is_known(own: Answers, newer: list[Answers]) -> None:
    assert judge_stable(own, newer).ruling is Ruling.HOLD


@pytest.mark.parametrize(
    "wrong",
    [
        {"false_alarm": 0.0},
        {"wrong_promotion": 0.5},
        {"failures_tolerated": 0.01},
        {"loss_excluded": 0.01},
        {"latency_ratio": 0.9},
        {"quantiles": ()},
        {"quantiles": (0.99, 0.5)},
        {"quantiles": (1.0,)},
    ],
)
def test_settings_that_contradict_each_other_are_refused_by_name(wrong: dict[str, object]) -> None:
    name = next(iter(wrong))
    with pytest.raises(ValueError, match=name):
        replace(JudgeSettings(), **wrong)  # pyright: ignore[reportArgumentType] - wrong on purpose
