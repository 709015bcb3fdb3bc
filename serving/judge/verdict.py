"""The decisions: what to do with an incoming version, and with a stable one that the world has moved away from."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from serving.judge.accuracy import judge_answers
from serving.judge.evidence import Answers, Evidence
from serving.judge.failures import judge_failures
from serving.judge.finding import Finding, Says, percent
from serving.judge.latency import judge_latency
from serving.judge.settings import JudgeSettings


class Ruling(Enum):
    """What to do."""

    PROMOTE = "promote"
    HOLD = "hold"
    ROLL_BACK = "roll back"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What to do, and why."""

    ruling: Ruling
    findings: tuple[Finding, ...]
    """The ones that decide come first."""

    @property
    def reasons(self) -> tuple[str, ...]:
        """Sentences with their numbers, the ones that decide first."""
        return tuple(finding.sentence for finding in self.findings)


def judge(evidence: Evidence, settings: JudgeSettings | None = None) -> Verdict:
    """Decide what to do with an incoming version that runs beside the stable one.

    A harm that one criterion proves is rolled back, whatever the others say. A version is promoted only when every
    criterion has excluded what it must: so a harmful one is promoted no more often than `wrong_promotion`, which needs
    no division among criteria. Everything else is held: no data, too little data, a source that is down.

    Args:
        evidence: What is known by now. May be judged as often as one likes while it grows.
        settings: What is tolerated; the defaults unless given.

    Raises:
        ValueError: Histograms have different buckets.
    """
    settings = settings or JudgeSettings()
    findings = [
        *(Finding(says=Says.OPEN, sentence=f"Missing: {reason}.") for reason in evidence.missing),
        judge_failures(evidence.intervals, settings),
        *judge_latency(evidence.intervals, settings),
        *(judge_answers(answers, settings, sets=len(evidence.answers)) for answers in evidence.answers),
    ]
    if settings.needs_answers and not evidence.answers:
        findings.append(Finding(says=Says.OPEN, sentence="Answers: there is no labelled set to compare them on."))
    if any(finding.says is Says.HARM for finding in findings):
        return _verdict(Ruling.ROLL_BACK, Says.HARM, findings)
    if all(finding.says is Says.SOUND for finding in findings):
        return _verdict(Ruling.PROMOTE, Says.SOUND, findings)
    return _verdict(Ruling.HOLD, Says.OPEN, findings)


def judge_stable(
    own: Answers, newer: Sequence[Answers], missing: Iterable[str] = (), settings: JudgeSettings | None = None
) -> Verdict:
    """Decide whether a stable version gives way to the one before it, which does better on what is drawn today.

    Rolled back if, on a newer labelled set, its accuracy is lower than on its own test part by more than
    `loss_tolerated`, and the version before is proven better on the same examples. Where both got worse, a rollback
    would help nobody: a new version is needed.

    Args:
        own: The stable version (as `incoming`) and the one before (as `stable`) on the stable one's own test part.
        newer: The same two on newer labelled sets.
        missing: Sources that did not answer.
        settings: What is tolerated; the defaults unless given.

    Returns:
        ROLL_BACK or HOLD.
    """
    settings = settings or JudgeSettings()
    findings = [Finding(says=Says.OPEN, sentence=f"Missing: {reason}.") for reason in missing]
    if not own.examples or not newer:
        what = f"the {own.name} has no examples" if not own.examples else "there is no newer labelled set"
        findings.append(Finding(says=Says.OPEN, sentence=f"Answers: {what}."))
        return _verdict(Ruling.HOLD, Says.OPEN, findings)
    findings += [_degraded(own, answers, settings, sets=len(newer)) for answers in newer]
    harmful = any(finding.says is Says.HARM for finding in findings)
    return _verdict(*((Ruling.ROLL_BACK, Says.HARM) if harmful else (Ruling.HOLD, Says.OPEN)), findings)


def _degraded(own: Answers, newer: Answers, settings: JudgeSettings, *, sets: int) -> Finding:
    found = judge_answers(newer, settings, sets=sets)
    if not newer.examples:
        return found
    before, now = 1 - own.incoming_wrong / own.examples, 1 - newer.incoming_wrong / newer.examples
    accuracy = f"right on {percent(now)}, on the {own.name} {percent(before)}"
    if before - now <= settings.loss_tolerated:
        return Finding(says=Says.OPEN, sentence=f"It has not degraded on the {newer.name}: {accuracy}.")
    if found.says is Says.HARM:
        return Finding(
            says=Says.HARM, sentence=f"It has degraded, {accuracy}; the version before is better. {found.sentence}"
        )
    return Finding(
        says=Says.OPEN,
        sentence=f"It has degraded, {accuracy}; the version before is not proven better. {found.sentence}",
    )


def _verdict(ruling: Ruling, decisive: Says, findings: Iterable[Finding]) -> Verdict:
    return Verdict(ruling=ruling, findings=tuple(sorted(findings, key=lambda finding: finding.says is not decisive)))
