"""Tests of shares that may be looked at as often as one likes, in closed form and the standard library."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Final

ODDS: Final = (1.25, 1.6, 2.0, 3.0, 5.0, 10.0, 30.0, 100.0)
"""How many times the odds of an event may be raised in the incoming version: what `log_evidence` bets on, an eighth of
the stake on each."""


@dataclass(frozen=True)
class Table:
    """Events among the requests of both versions in one interval."""

    incoming: int
    incoming_events: int
    stable: int
    stable_events: int

    @property
    def total(self) -> int:
        """Requests of both versions."""
        return self.incoming + self.stable

    @property
    def events(self) -> int:
        """Events of both versions."""
        return self.incoming_events + self.stable_events


def log_evidence(tables: Iterable[Table]) -> float:
    """Evidence that events are more frequent in the incoming version, whatever their rate is and however it changes.

    Under the hypothesis that they are not, the number X of an interval's events that fall on the incoming version is,
    given the totals, at most hypergeometric (as in Fisher's exact test), whatever share of the requests the version
    got. For odds o > 1, E[o^X] is at most (1 + w (o - 1))^f, and at most (1 + r (o - 1))^n, with f events of which a
    share w = n / N is expected and n requests of which a share r = f / N is expected to be events: Hoeffding,
    "Probability inequalities for sums of bounded random variables", JASA 58 (1963), section 6 (drawing without
    replacement is dominated by drawing with it), applied both ways. So o^X divided by the smaller bound has a mean of
    at most 1, its products over intervals and the mean of these over ODDS are non-negative supermartingales, and by
    Ville's inequality exceed 1/a ever with probability a at most: repeated looks need no correction (Ramdas,
    Gruenwald, Vovk, Shafer, "Game-theoretic statistics and safe anytime-valid inference", Statistical Science 38
    (2023); Turner, Ly, Gruenwald, "Generic E-variables for exact sequential k-sample tests", JSPI 230 (2024)).

    Assumed: requests reach the versions independently of what will become of them, and within an interval one
    request's event does not cause another's in the same version only.

    Returns:
        Natural logarithm of the evidence; 0 without any.
    """
    logs = [0.0] * len(ODDS)
    for table in tables:
        if not table.events or not table.incoming or not table.stable:
            continue
        share, rate = table.incoming / table.total, table.events / table.total
        for index, odds in enumerate(ODDS):
            bound = min(
                table.events * math.log1p(share * (odds - 1)),
                table.incoming * math.log1p(rate * (odds - 1)),
            )
            logs[index] += table.incoming_events * math.log(odds) - bound
    return log_mean(logs)


def log_mean(logs: list[float]) -> float:
    """Logarithm of the mean of numbers given by their logarithms."""
    highest = max(logs)
    return highest + math.log(sum(math.exp(each - highest) for each in logs) / len(logs))


def upper(events: int, requests: int, level: float) -> float:
    """Highest share that is compatible with the counts, at every look at once.

    The share p is excluded when the likelihood under Beta(1/2, 1/2) exceeds the one under p by 1/level (Robbins,
    "Statistical methods related to the law of the iterated logarithm", Annals of Mathematical Statistics 41 (1970);
    Howard, Ramdas, McAuliffe, Sekhon, "Time-uniform, nonparametric, nonasymptotic confidence sequences", Annals of
    Statistics 49 (2021)).

    Args:
        events: Of the requests.
        requests: Counted so far.
        level: Probability that the share is ever outside, from 0 to 1.
    """
    if events == requests:
        return 1.0
    return _edge(events / requests, 1.0, _excludes(events, requests, level))


def lower(events: int, requests: int, level: float) -> float:
    """Lowest share that is compatible with the counts, at every look at once; as `upper`."""
    if events == 0:
        return 0.0
    return _edge(events / requests, 0.0, _excludes(events, requests, level))


@cache
def least_without_events(share: float, level: float) -> int:
    """Fewest requests that, without a single event among them, exclude a share."""
    high = 1
    while upper(0, high, level) > share:
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if upper(0, middle, level) > share else (low, middle)
    return high


def _excludes(events: int, requests: int, level: float) -> Callable[[float], bool]:
    rest = requests - events
    mixed = (
        math.lgamma(events + 0.5)
        + math.lgamma(rest + 0.5)
        - math.lgamma(requests + 1)
        - math.log(math.pi)  # Beta(1/2, 1/2) integrates to pi
        + math.log(level)
    )

    def excludes(share: float) -> bool:
        return mixed >= events * math.log(share) + rest * math.log1p(-share)

    return excludes


def _edge(inside: float, outside: float, excludes: Callable[[float], bool]) -> float:
    """Where exclusion begins between a compatible share and the end of the scale, towards the end."""
    for _ in range(40):
        middle = (inside + outside) / 2
        inside, outside = (inside, middle) if excludes(middle) else (middle, outside)
    return outside
