"""Whether the incoming version is slower, read from histograms without a guess of what lies inside a bucket."""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from serving.judge.evidence import Histogram, Interval
from serving.judge.finding import Finding, Says, chance, percent
from serving.judge.settings import JudgeSettings
from serving.judge.shares import Table, least_without_events, log_evidence, lower, upper

_ROUNDING: Final = 1e-4
"""By how much a bound may fall short of the ratio: metrics pages print bounds with six figures."""


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
    pairs = [(each.incoming.latency, each.stable.latency) for each in intervals]
    known = [(incoming, stable) for incoming, stable in pairs if incoming is not None and stable is not None]
    if len({each.bounds_us for pair in known for each in pair}) > 1:
        raise ValueError("histograms have different buckets: the two versions must be measured by the same bounds")
    if not known or not all(sum(each.total for each in version) for version in zip(*known, strict=True)):
        return [Finding(says=Says.OPEN, sentence="Latency: there is no histogram of answers of both versions.")]
    latencies = _Latencies([incoming for incoming, _ in known], [stable for _, stable in known], settings)
    harm = latencies.harm()
    return [harm] if harm is not None else [latencies.quantile(quantile) for quantile in settings.quantiles]


def least_answers(settings: JudgeSettings) -> int:
    """Fewest answers of the incoming version that can show its last quantile to be sound: not one of them is slow."""
    return least_without_events(1 - settings.quantiles[-1], settings.wrong_promotion / 2)


@dataclass(frozen=True)
class _Latencies:
    """Both versions' histograms of the same intervals, all with the same bounds."""

    incoming: Sequence[Histogram]
    stable: Sequence[Histogram]
    settings: JudgeSettings

    @cached_property
    def all_incoming(self) -> Histogram:
        return Histogram.together(self.incoming)

    @cached_property
    def all_stable(self) -> Histogram:
        return Histogram.together(self.stable)

    @property
    def bounds(self) -> tuple[float, ...]:
        return self.incoming[0].bounds_us

    def harm(self) -> Finding | None:
        """What proves the incoming version slower: the bound that shows it most clearly."""
        limit = self.settings.alarm_of_latency / len(self.bounds)  # each bound is a test
        rare = 1 - self.settings.quantiles[-1]
        worst: tuple[float, int, int] | None = None
        for bucket in range(len(self.bounds)):
            slower = self._slower(bucket)
            if slower is None:
                break
            share = self.all_incoming.share_above(slower)
            if share > max(self.all_stable.share_above(bucket), rare):
                p = self._p(slower, bucket)
                if p <= limit and (worst is None or p < worst[0]):
                    worst = (p, slower, bucket)
        if worst is None:
            return None
        p, slower, bucket = worst
        return Finding(
            says=Says.HARM,
            sentence=f"Latency: {self._numbers(slower)}, while {percent(self.all_stable.share_above(bucket))} of the "
            f"stable version's {self.all_stable.total:,} took longer than {_ms(self.bounds[bucket])}: slower by more "
            f"than {self._ratio(slower, bucket)} times (p = {chance(p)}, limit {limit:.2g} over all looks).",
        )

    def quantile(self, quantile: float) -> Finding:
        """Whether a quantile is shown to be sound."""
        name = f"Latency: the {'median' if quantile == 0.5 else f'p{quantile * 100:g}'}"  # noqa: PLR2004 - the median
        first = self._first()
        if first is None:
            after = f"{self.settings.quantiles_after:,} answers of the stable version"
            return Finding(says=Says.OPEN, sentence=f"{name} is read after {after}; it gave {self.all_stable.total:,}.")
        bucket = next((k for k in range(len(self.bounds)) if first.share_above(k) <= 1 - quantile), None)
        slower = None if bucket is None else self._slower(bucket)
        if bucket is None or slower is None:
            return Finding(
                says=Says.OPEN, sentence=f"{name} lies too close to the histogram's last bound to be compared."
            )
        level = self.settings.wrong_promotion / 2  # half for each of the two shares
        answers = self.all_incoming.total
        most = upper(self.all_incoming.above(slower), answers, level)
        allowed = max(1 - quantile, lower(self.all_stable.above(bucket), self.all_stable.total, level))
        limit = f"{self._ratio(slower, bucket)} times the stable version's {_ms(self.bounds[bucket])}"
        if most <= allowed:
            return Finding(says=Says.SOUND, sentence=f"{name} is at most {limit}: {self._numbers(slower)}.")
        least = least_answers(self.settings)
        needed = f"; at least {least:,} answers are needed" if answers < least else ""
        return Finding(
            says=Says.OPEN,
            sentence=f"{name} may be above {limit}: {self._numbers(slower)}, which may be {percent(most)} and must be "
            f"below {percent(allowed)}{needed}.",
        )

    def _slower(self, bucket: int) -> int | None:
        """The first bound that is `latency_ratio` times another one; None beyond the last."""
        found = bisect_left(self.bounds, self.bounds[bucket] * self.settings.latency_ratio * (1 - _ROUNDING))
        return found if found < len(self.bounds) else None

    def _p(self, slower: int, bucket: int) -> float:
        tables = (
            Table(incoming.total, incoming.above(slower), stable.total, stable.above(bucket))
            for incoming, stable in zip(self.incoming, self.stable, strict=True)
        )
        return min(1.0, math.exp(-log_evidence(tables)))

    def _first(self) -> Histogram | None:
        """The stable version's first answers, as many as its quantiles are read from; None if it has not given them."""
        total = 0
        for index, histogram in enumerate(self.stable):
            total += histogram.total
            if total >= self.settings.quantiles_after:
                return Histogram.together(self.stable[: index + 1])
        return None

    def _ratio(self, slower: int, bucket: int) -> str:
        return f"{self.bounds[slower] / self.bounds[bucket]:.2g}"

    def _numbers(self, slower: int) -> str:
        share = percent(self.all_incoming.share_above(slower))
        return f"{share} of {self.all_incoming.total:,} answers took longer than {_ms(self.bounds[slower])}"


def _ms(microseconds: float) -> str:
    return f"{microseconds / 1000:.3g} ms"
