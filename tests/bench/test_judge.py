"""How often the judge errs and how soon it decides, on simulated canaries that it looks at every ten seconds.

No cluster and no clock: seconds are those of the simulated traffic, 100 requests a second, a tenth to the canary.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from serving.judge import Answers, JudgeSettings, Ruling
from tests.unit.serving.canary import ALIKE, Canary, answers

LOOK_SECONDS = 10
THREE_MINUTES = 18
TWENTY_MINUTES = 120
HEADER = (
    f"{'simulated canary':<46} {'runs':>5} {'rolled back':>12} {'promoted':>9} {'held':>6} {'median':>8} {'p95':>8}"
)


@dataclass(frozen=True, kw_only=True)
class Row:
    """What became of many canaries of one kind."""

    name: str
    rulings: Counter[Ruling]
    seconds: list[int]

    def share(self, ruling: Ruling) -> float:
        return self.rulings[ruling] / self.rulings.total()

    def text(self) -> str:
        counts = [self.rulings[each] for each in (Ruling.ROLL_BACK, Ruling.PROMOTE, Ruling.HOLD)]
        median, p95 = (round(float(np.quantile(self.seconds, share))) for share in (0.5, 0.95))
        shown = f"{counts[0]:>12} {counts[1]:>9} {counts[2]:>6} {median:>6} s {p95:>6} s"
        return f"{self.name:<46} {self.rulings.total():>5} {shown}"


def simulated(name: str, canary: Canary, *, runs: int, looks: int, labelled: Answers | None = ALIKE) -> Row:
    """Judges canaries until a decision or the last look; answers are drawn anew for each where none are given."""
    draw, rulings, seconds = np.random.default_rng(2026), Counter[Ruling](), list[int]()
    for _ in range(runs):
        verdicts = list(canary.looks(draw, labelled or drawn(draw), looks))
        rulings[verdicts[-1].ruling] += 1
        seconds.append(len(verdicts) * LOOK_SECONDS)
    row = Row(name=name, rulings=rulings, seconds=seconds)
    print(row.text())
    return row


def drawn(draw: np.random.Generator) -> Answers:
    """Of two versions that each get 3 % wrong which the other gets right."""
    lost, won, _ = draw.multinomial(263, [0.03, 0.03, 0.94])
    return answers(int(lost), int(won))


def test_a_version_that_is_no_worse_is_rolled_back_no_more_often_than_stated() -> None:
    print("", HEADER, sep="\n")
    stated = JudgeSettings().false_alarm
    for name, canary, runs, looks in (
        ("A/A: same in everything", Canary(), 1000, THREE_MINUTES),
        ("A/A: 5 % of requests fail in both", Canary(failures=0.05, stable_failures=0.05), 300, THREE_MINUTES),
        ("A/A: latency spread over decades", Canary(spread=1.5), 300, THREE_MINUTES),
        ("A/A: half of the requests to the canary", Canary(weight=0.5), 300, THREE_MINUTES),
        ("A/A: 1 % to the canary, 120 looks", Canary(weight=0.01), 100, TWENTY_MINUTES),
    ):
        row = simulated(name, canary, runs=runs, looks=looks, labelled=None)
        assert row.share(Ruling.ROLL_BACK) <= stated, row.text()


def test_a_harmful_version_is_rolled_back_within_three_minutes_and_a_good_one_promoted() -> None:
    print("", HEADER, sep="\n")
    for name, canary in (
        ("errors on 1 % of requests", Canary(failures=0.01, stable_failures=0.0)),
        ("errors on 1.1 %, stable on 0.1 %", Canary(failures=0.011)),
        ("3 times slower", Canary(times_slower=3)),
        ("3 times slower, hardly any spread", Canary(times_slower=3, spread=0.1)),
    ):
        row = simulated(name, canary, runs=300, looks=THREE_MINUTES)
        assert row.share(Ruling.ROLL_BACK) >= 0.95, row.text()
    for lost, won in ((14, 0), (17, 3), (20, 6)):
        name = f"5.3 % more digits wrong: {lost} lost, {won} won"
        row = simulated(name, Canary(), runs=20, looks=THREE_MINUTES, labelled=answers(lost, won))
        assert row.share(Ruling.ROLL_BACK) == 1, row.text()
    row = simulated("good, the same answers but for 4 of 263", Canary(), runs=300, looks=TWENTY_MINUTES)
    assert row.share(Ruling.PROMOTE) >= 0.95, row.text()
    assert row.share(Ruling.ROLL_BACK) <= JudgeSettings().false_alarm, row.text()
