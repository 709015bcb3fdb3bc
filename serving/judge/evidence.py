"""What is known of two versions: their requests, interval by interval, and their answers to labelled examples."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """Latencies of answers, as Prometheus and TensorFlow Serving count them.

    TensorFlow Serving's `:tensorflow:serving:request_latency` counts successful requests, in microseconds, in 33
    buckets that grow by 1.8 (servables/tensorflow/util.cc).
    """

    bounds_us: tuple[float, ...]
    """Upper bounds of the buckets in microseconds, ascending, without +Inf."""

    cumulative: tuple[int, ...]
    """Answers up to each bound, and last all answers (+Inf): one more than there are bounds."""

    def __post_init__(self) -> None:
        """Refuse what is no histogram.

        Raises:
            ValueError: Numbers are missing, negative, or do not ascend.
        """
        if len(self.cumulative) != len(self.bounds_us) + 1:
            raise ValueError(f"{len(self.bounds_us)} bounds with {len(self.cumulative)} counts: must be one more count")
        if any(high <= low for low, high in pairwise(self.bounds_us)):
            raise ValueError(f"bounds do not ascend: {self.bounds_us}")
        counts = (0, *self.cumulative)
        if any(high < low for low, high in pairwise(counts)):
            raise ValueError(f"counts up to each bound must not fall: {self.cumulative}")

    @property
    def total(self) -> int:
        """All answers."""
        return self.cumulative[-1]

    @classmethod
    def together(cls, histograms: Sequence["Histogram"]) -> "Histogram":
        """The sum of at least one histogram with the same bounds."""
        counts = zip(*(each.cumulative for each in histograms), strict=True)
        return cls(bounds_us=histograms[0].bounds_us, cumulative=tuple(map(sum, counts)))

    def share_above(self, bucket: int) -> float:
        """Share of answers slower than the upper bound of a bucket; there are answers."""
        return self.above(bucket) / self.total

    def above(self, bucket: int) -> int:
        """Answers slower than the upper bound of a bucket, counted from 0."""
        return self.total - self.cumulative[bucket]


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """What one version did in one interval."""

    requests: int
    failures: int
    """Requests that ended with any status but OK. Callers' mistakes are among them and hit both versions alike."""

    latency: Histogram | None = None
    """None where the source has no histogram."""

    def __post_init__(self) -> None:
        """Refuse more failures than requests.

        Raises:
            ValueError: There are.
        """
        if not 0 <= self.failures <= self.requests:
            raise ValueError(f"{self.failures} failures of {self.requests} requests")


@dataclass(frozen=True, kw_only=True)
class Interval:
    """What both versions did in the same seconds, so that load and outages of the time are the same for both."""

    incoming: Traffic
    stable: Traffic


@dataclass(frozen=True, kw_only=True)
class Answers:
    """Both versions' answers to one labelled set, example by example."""

    name: str
    """What the set is called in reasons, such as `test part of version 7`."""

    examples: int
    both_wrong: int
    only_incoming_wrong: int
    only_stable_wrong: int

    grows: bool
    """Whether examples are added while the judge looks, as with feedback; a fixed set is only looked at whole."""

    def __post_init__(self) -> None:
        """Refuse counts that do not add up.

        Raises:
            ValueError: They do not.
        """
        wrong = (self.both_wrong, self.only_incoming_wrong, self.only_stable_wrong)
        if min(wrong) < 0 or sum(wrong) > self.examples:
            raise ValueError(f"{self.name}: {wrong} wrong answers of {self.examples} examples")

    @classmethod
    def of(cls, name: str, right: Iterable[tuple[bool, bool]], *, grows: bool) -> "Answers":
        """Count answers.

        Args:
            name: Of the set.
            right: Of each example, whether the incoming and whether the stable version is right.
            grows: Whether examples are added while the judge looks.
        """
        pairs = list(right)
        return cls(
            name=name,
            examples=len(pairs),
            both_wrong=pairs.count((False, False)),
            only_incoming_wrong=pairs.count((False, True)),
            only_stable_wrong=pairs.count((True, False)),
            grows=grows,
        )

    @property
    def loss(self) -> float:
        """How much more of the set the incoming version gets wrong, as a share of it; negative if it is better."""
        return (self.only_incoming_wrong - self.only_stable_wrong) / self.examples if self.examples else 0.0

    @property
    def incoming_wrong(self) -> int:
        """Examples that the incoming version gets wrong."""
        return self.both_wrong + self.only_incoming_wrong

    @property
    def stable_wrong(self) -> int:
        """Examples that the stable version gets wrong."""
        return self.both_wrong + self.only_stable_wrong


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """All that is known."""

    intervals: tuple[Interval, ...] = ()
    """In order of time. Later evidence has the same intervals and more: only then do repeated looks keep their rate."""

    answers: tuple[Answers, ...] = ()
    missing: tuple[str, ...] = ()
    """Sources that were asked and did not answer, each with its reason. Nothing is promoted without them."""
