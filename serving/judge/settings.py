"""What a version is judged by: how often the judge may err, and how much worse is too much."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class JudgeSettings:
    """All rates and shares are from 0 to 1. A harm is rolled back when proven, and promotion needs its exclusion.

    Each limit therefore comes twice: what is tolerated (less is never rolled back, however certain) and what must be
    excluded before promotion. Between the two lies what the judge holds on.
    """

    false_alarm: float = 0.05
    """Most often that a version no worse than the other is rolled back, over all looks and all criteria together: a
    quarter of it each for failures and latency, half for labelled answers, which are the scarcest."""

    wrong_promotion: float = 0.05
    """Most often that a version with a harm that must be excluded is promoted, over all looks."""

    failures_tolerated: float = 0.001
    """Excess share of failed requests that is not worth a rollback."""

    failures_excluded: float = 0.005
    """Excess share of failed requests that promotion excludes."""

    latency_ratio: float = 1.5
    """How many times slower is tolerated; what a histogram cannot tell from it (the next bound above) is too."""

    quantiles: tuple[float, ...] = (0.5, 0.99)
    """Of the latency, in ascending order; promotion needs each of them, and rarer slow answers than the last one's are
    not judged: the first requests of fresh pods are among them."""

    quantiles_after: int = 1000
    """Answers of the stable version from which its quantiles are read, once: what is compared must not move later."""

    loss_tolerated: float = 0.01
    """Loss of accuracy that is not worth a rollback."""

    loss_excluded: float = 0.03
    """Loss of accuracy that promotion excludes."""

    needs_answers: bool = True
    """Whether promotion needs labelled answers; a model without a labelled set can be judged by its traffic alone."""

    def __post_init__(self) -> None:
        """Refuse settings that contradict each other.

        Raises:
            ValueError: One does; says which.
        """
        for name in ("false_alarm", "wrong_promotion"):
            value = getattr(self, name)
            if not 0 < value < 0.5:  # noqa: PLR2004 - a coin errs half the time
                raise ValueError(f"{name} is {value}: must be above 0 and below 0.5")
        for kind in ("failures", "loss"):
            tolerated, excluded = getattr(self, f"{kind}_tolerated"), getattr(self, f"{kind}_excluded")
            if not 0 <= tolerated < excluded < 1:
                raise ValueError(
                    f"{kind}_tolerated is {tolerated}, {kind}_excluded {excluded}: must be 0 <= first < second < 1"
                )
        if not self.latency_ratio >= 1:
            raise ValueError(f"latency_ratio is {self.latency_ratio}: must be at least 1")
        if not self.quantiles or not all(0 < quantile < 1 for quantile in self.quantiles):
            raise ValueError(f"quantiles are {self.quantiles}: must be shares above 0 and below 1")
        if list(self.quantiles) != sorted(self.quantiles):
            raise ValueError(f"quantiles are {self.quantiles}: must ascend")

    @property
    def alarm_of_failures(self) -> float:
        """The part of `false_alarm` that failures may use up."""
        return self.false_alarm / 4

    @property
    def alarm_of_latency(self) -> float:
        """The part of `false_alarm` that latency may use up."""
        return self.false_alarm / 4

    @property
    def alarm_of_answers(self) -> float:
        """The part of `false_alarm` that all labelled sets together may use up."""
        return self.false_alarm / 2
