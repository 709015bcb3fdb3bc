"""Whether the incoming version is slower, read from histograms without a guess of what lies inside a bucket."""

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence

from serving.judge.evidence import Histogram, Interval
from serving.judge.finding import Finding, Says, chance, percent
from serving.judge.settings import JudgeSettings
from serving.judge.shares import Table, least_without_events, log_evidence, lower, upper

_Pair = tuple[Histogram, Histogram]
"""Of the incoming and of the stable version."""


def judge_latency(intervals: Sequence[Interval], settings: JudgeSettings) -> list[Finding]:
    """Compare the shares of answers that are slow by the stable version's measure.

    For each bound b of the histogram, the stable version's share of answers above b is compared with the incoming
    one's share above the first bound b' of at least `latency_ratio` times b. If no latency grew by more than b'/b,
    the second share is not the larger one, whatever the distribution.

    Returns:
        One finding where it is slower, or nothing can be said; else one for each quantile.

    Raises:
        ValueError: Histograms have different buckets.
    """
    pairs = [(i.incoming.latency, i.stable.latency) for i in intervals]
    known = [(mine, other) for mine, other in pairs if mine is not None and other is not None]
    answers, stable_answers = sum(mine.total for mine, _ in known), sum(other.total for _, other in known)
    if not answers or not stable_answers:
        return [Finding(says=Says.OPEN, sentence="Latency: there is no histogram of answers of both versions.")]
    bounds = known[0][0].bounds_us
    if any(each.bounds_us != bounds for pair in known for each in pair):
        raise ValueError("histograms have different buckets: the two versions must be measured by the same bounds")
    harm = _harm(known, bounds, settings)
    if harm is not None:
        return [harm]
    return [_quantile(known, bounds, quantile, settings) for quantile in settings.quantiles]


def least_answers(settings: JudgeSettings) -> int:
    """Fewest answers of the incoming version that can show its last quantile to be sound: not one of them is slow."""
    return least_without_events(1 - settings.quantiles[-1], settings.wrong_promotion / 2)


def _harm(known: Sequence[_Pair], bounds: Sequence[float], settings: JudgeSettings) -> Finding | None:
    limit = settings.alarm_of_latency / len(bounds)  # each bound is a test
    worst: tuple[float, int, int] | None = None
    for bucket, bound in enumerate(bounds):
        slower = bisect_left(bounds, bound * settings.latency_ratio)
        if slower == len(bounds):
            break
        share, stable_share = _shares(known, slower, bucket)
        if share <= max(stable_share, 1 - settings.quantiles[-1]):
            continue
        p = min(1.0, math.exp(-log_evidence(_tables(known, slower, bucket))))
        if p <= limit and (worst is None or p < worst[0]):
            worst = (p, slower, bucket)
    if worst is None:
        return None
    p, slower, bucket = worst
    share, stable_share = _shares(known, slower, bucket)
    return Finding(
        says=Says.HARM,
        sentence=f"Latency: {percent(share)} of {_total(mine for mine, _ in known):,} answers took longer than "
        f"{_ms(bounds[slower])}, while {percent(stable_share)} of the stable version's "
        f"{_total(other for _, other in known):,} took longer than {_ms(bounds[bucket])}: slower by more than "
        f"{bounds[slower] / bounds[bucket]:.2g} times (p = {chance(p)}, limit {limit:.2g} over all looks).",
    )


def _quantile(known: Sequence[_Pair], bounds: Sequence[float], quantile: float, settings: JudgeSettings) -> Finding:
    name = f"Latency: the {'median' if quantile == 0.5 else f'p{quantile * 100:g}'}"  # noqa: PLR2004 - the median
    first = _first(known, settings.quantiles_after)
    if first is None:
        stable_answers = _total(other for _, other in known)
        return Finding(
            says=Says.OPEN,
            sentence=f"{name} is read after {settings.quantiles_after:,} answers of the stable version; it gave "
            f"{stable_answers:,}.",
        )
    total = _total(first)
    bucket = next(
        (k for k in range(len(bounds)) if sum(each.above(k) for each in first) <= (1 - quantile) * total), len(bounds)
    )
    slower = bisect_left(bounds, bounds[bucket] * settings.latency_ratio) if bucket < len(bounds) else len(bounds)
    if slower == len(bounds):
        return Finding(says=Says.OPEN, sentence=f"{name} lies too close to the histogram's last bound to be compared.")
    level = settings.wrong_promotion / 2  # half for each of the two shares
    answers, stable_answers = _total(mine for mine, _ in known), _total(other for _, other in known)
    slow = sum(mine.above(slower) for mine, _ in known)
    most = upper(slow, answers, level)
    allowed = max(1 - quantile, lower(sum(other.above(bucket) for _, other in known), stable_answers, level))
    ratio = f"{bounds[slower] / bounds[bucket]:.2g} times the stable version's {_ms(bounds[bucket])}"
    numbers = f"{percent(slow / answers)} of {answers:,} answers took longer than {_ms(bounds[slower])}"
    if most <= allowed:
        return Finding(says=Says.SOUND, sentence=f"{name} is at most {ratio}: {numbers}.")
    least = f"; at least {least_answers(settings):,} answers are needed" if answers < least_answers(settings) else ""
    return Finding(
        says=Says.OPEN,
        sentence=f"{name} may be above {ratio}: {numbers}, which may be {percent(most)} and must be below "
        f"{percent(allowed)}{least}.",
    )


def _first(known: Sequence[_Pair], answers: int) -> list[Histogram] | None:
    """The stable version's histograms of the first intervals, as many as hold so many answers; None if they do not."""
    total = 0
    for index, (_, other) in enumerate(known):
        total += other.total
        if total >= answers:
            return [each for _, each in known[: index + 1]]
    return None


def _tables(known: Sequence[_Pair], slower: int, bucket: int) -> Iterable[Table]:
    return (Table(mine.total, mine.above(slower), other.total, other.above(bucket)) for mine, other in known)


def _shares(known: Sequence[_Pair], slower: int, bucket: int) -> tuple[float, float]:
    return (
        sum(mine.above(slower) for mine, _ in known) / _total(mine for mine, _ in known),
        sum(other.above(bucket) for _, other in known) / _total(other for _, other in known),
    )


def _total(histograms: Iterable[Histogram]) -> int:
    return sum(each.total for each in histograms)


def _ms(microseconds: float) -> str:
    return f"{microseconds / 1000:.3g} ms"
