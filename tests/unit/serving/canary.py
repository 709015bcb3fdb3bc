"""Pretend canaries: traffic of two versions, drawn interval by interval, and answers to labelled examples."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, pairwise

import numpy as np

from serving.judge import Answers, Evidence, Histogram, Interval, Ruling, Traffic, Verdict, judge

BOUNDS_US = tuple(10 * 1.8**k for k in range(33))
"""TensorFlow Serving's."""


@dataclass(frozen=True, kw_only=True)
class Canary:
    """Two versions under a steady load, as much of which goes to the incoming one as its weight says."""

    per_interval: int = 1000
    """Requests to both versions in ten seconds: 100 a second."""

    weight: float = 0.1
    failures: float = 0.001
    stable_failures: float = 0.001
    times_slower: float = 1.0
    median_us: float = 3000.0
    spread: float = 0.4
    """Standard deviation of the logarithm of the latency."""

    def interval(self, draw: np.random.Generator) -> Interval:
        """Ten seconds."""
        incoming = int(draw.binomial(self.per_interval, self.weight))
        return Interval(
            incoming=self._traffic(draw, incoming, self.failures, self.median_us * self.times_slower),
            stable=self._traffic(draw, self.per_interval - incoming, self.stable_failures, self.median_us),
        )

    def _traffic(self, draw: np.random.Generator, requests: int, failures: float, median_us: float) -> Traffic:
        failed = int(draw.binomial(requests, failures))
        return Traffic(requests=requests, failures=failed, latency=self._histogram(draw, requests - failed, median_us))

    def _histogram(self, draw: np.random.Generator, answers: int, median_us: float) -> Histogram:
        shares = _shares(median_us, self.spread)
        counts = (int(count) for count in draw.multinomial(answers, shares))
        return Histogram(bounds_us=BOUNDS_US, cumulative=tuple(accumulate(counts)))

    def looks(self, draw: np.random.Generator, answers: Answers, most: int) -> Iterator[Verdict]:
        """The verdict after each interval, until it is no longer to hold."""
        intervals: list[Interval] = []
        for _ in range(most):
            intervals.append(self.interval(draw))
            verdict = judge(Evidence(intervals=tuple(intervals), answers=(answers,)))
            yield verdict
            if verdict.ruling is not Ruling.HOLD:
                return


@cache
def _shares(median_us: float, spread: float) -> tuple[float, ...]:
    """Of a lognormal latency, by bucket."""
    up_to = [0.5 * math.erfc(math.log(median_us / bound) / (spread * math.sqrt(2))) for bound in BOUNDS_US]
    return tuple(max(0.0, high - low) for low, high in pairwise([0.0, *up_to, 1.0]))


def answers(lost: int, won: int, *, examples: int = 263, grows: bool = False) -> Answers:
    """Of a labelled set as large as the digits' test part, of which both versions get 4 wrong."""
    return Answers(
        name="feedback" if grows else "test part",
        examples=examples,
        both_wrong=4,
        only_incoming_wrong=lost,
        only_stable_wrong=won,
        grows=grows,
    )


ALIKE = answers(2, 2)
