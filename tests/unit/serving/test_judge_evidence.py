"""Latency as buckets show it, and evidence that contradicts itself."""

from dataclasses import replace

import pytest

from serving.judge import Answers, Evidence, Histogram, Interval, JudgeSettings, Ruling, Says, Traffic, Verdict, judge

BOUNDS_US = (1000.0, 1800.0, 3240.0, 5832.0)
"""Each 1.8 times the one before, as TensorFlow Serving's."""


def version(*cumulative: int) -> Traffic:
    """Traffic whose answers lie in the buckets of BOUNDS_US."""
    histogram = Histogram(bounds_us=BOUNDS_US, cumulative=cumulative)
    return Traffic(requests=histogram.total, failures=0, latency=histogram)


def judged(incoming: Traffic, stable: Traffic, settings: JudgeSettings | None = None) -> Verdict:
    return judge(Evidence(intervals=(Interval(incoming=incoming, stable=stable),)), settings)


def latency(verdict: Verdict) -> list[str]:
    return [reason for reason in verdict.reasons if reason.startswith("Latency")]


STABLE = version(0, 9000, 9000, 9000, 9000)
"""All answers between 1 and 1.8 ms."""


def test_answers_one_bucket_slower_may_be_as_little_slower_as_the_ratio_and_are_tolerated() -> None:
    next_bucket = version(0, 0, 1000, 1000, 1000)
    assert judged(next_bucket, STABLE).ruling is Ruling.HOLD
    assert judged(next_bucket, STABLE, JudgeSettings(latency_ratio=1)).ruling is Ruling.ROLL_BACK


def test_answers_two_buckets_slower_are_slower_by_more_than_the_ratio() -> None:
    verdict = judged(version(0, 0, 0, 1000, 1000), STABLE)
    assert verdict.ruling is Ruling.ROLL_BACK
    (reason,) = latency(verdict)
    assert reason == (
        "Latency: 100 % of 1,000 answers took longer than 3.24 ms, while 0 % of the stable version's 9,000 took longer "
        "than 1.8 ms: slower by more than 1.8 times (p = below 0.0001, limit 0.0031 over all looks)."
    )


def test_a_ratio_that_is_just_the_buckets_takes_the_next_bound_though_pages_round_them() -> None:
    settings = JudgeSettings(latency_ratio=1.80001)
    assert "slower by more than 1.8 times" in latency(judged(version(0, 0, 0, 1000, 1000), STABLE, settings))[0]


def test_slow_answers_that_are_rarer_than_the_last_quantile_are_not_judged() -> None:
    first_requests = version(0, 991, 991, 991, 1000)
    assert judged(first_requests, STABLE).ruling is Ruling.HOLD
    assert judged(first_requests, STABLE, JudgeSettings(quantiles=(0.5, 0.999))).ruling is Ruling.ROLL_BACK


def test_quantiles_are_read_from_the_first_answers_of_the_stable_version_and_stay() -> None:
    slow_later = Interval(incoming=version(0, 0, 1000, 1000, 1000), stable=version(0, 0, 9000, 9000, 9000))
    first = Interval(incoming=version(0, 1000, 1000, 1000, 1000), stable=STABLE)
    reasons = latency(judge(Evidence(intervals=(first, slow_later))))
    assert all("1.8 times the stable version's 1.8 ms" in reason for reason in reasons)
    too_few = Interval(incoming=first.incoming, stable=version(0, 900, 900, 900, 900))
    assert (
        "the median is read after 1,000 answers of the stable version; it gave 900."
        in latency(judge(Evidence(intervals=(too_few,))))[0]
    )


def test_quantiles_beyond_the_last_bound_cannot_be_compared() -> None:
    beyond = version(0, 0, 0, 0, 9000)
    assert all("too close to the histogram's last bound" in reason for reason in latency(judged(beyond, beyond)))


def test_versions_without_histograms_are_not_compared_on_latency() -> None:
    bare = Traffic(requests=9000, failures=0)
    verdict = judged(bare, bare)
    assert latency(verdict) == ["Latency: there is no histogram of answers of both versions."]
    assert verdict.findings[0].says is Says.OPEN


def test_histograms_with_different_buckets_are_refused() -> None:
    other = Traffic(requests=1, failures=0, latency=Histogram(bounds_us=(5000.0,), cumulative=(0, 1)))
    with pytest.raises(ValueError, match="different buckets"):
        judged(other, STABLE)


@pytest.mark.parametrize(
    ("bounds", "counts", "what"),
    [
        ((1.0, 2.0), (1, 2), "must be one more count"),
        ((2.0, 1.0), (1, 2, 3), "bounds do not ascend"),
        ((1.0, 2.0), (2, 1, 3), "must not fall"),
        ((1.0,), (-1, 3), "must not fall"),
    ],
)
def test_what_is_no_histogram_is_refused(bounds: tuple[float, ...], counts: tuple[int, ...], what: str) -> None:
    with pytest.raises(ValueError, match=what):
        Histogram(bounds_us=bounds, cumulative=counts)


def test_counts_that_do_not_add_up_are_refused() -> None:
    with pytest.raises(ValueError, match="3 failures of 2 requests"):
        Traffic(requests=2, failures=3)
    answers = Answers.of("set", [(True, True), (False, False), (True, False)], grows=False)
    assert (answers.incoming_wrong, answers.stable_wrong, answers.loss) == (1, 2, -1 / 3)
    with pytest.raises(ValueError, match="wrong answers of 2 examples"):
        replace(answers, examples=2, both_wrong=2)
