"""Whether the incoming version gets more labelled examples wrong."""

import math
from functools import cache

from serving.judge.evidence import Answers
from serving.judge.finding import Finding, Says, chance, percent
from serving.judge.pairs import excludes_loss, log_evidence_of_loss, log_evidence_of_no_loss, p_of_loss
from serving.judge.settings import JudgeSettings


def judge_answers(answers: Answers, settings: JudgeSettings, *, sets: int) -> Finding:
    """Compare the answers to one labelled set.

    Args:
        answers: To the set.
        settings: What is tolerated.
        sets: How many sets are judged; they share the false alarms between them.
    """
    if not answers.examples:
        return Finding(says=Says.OPEN, sentence=f"Answers on the {answers.name}: it has no examples.")
    numbers = (
        f"Answers on the {answers.name}: of {answers.examples:,} examples the incoming version gets "
        f"{answers.incoming_wrong} wrong, the stable one {answers.stable_wrong}; {answers.only_incoming_wrong} only "
        f"the incoming, {answers.only_stable_wrong} only the stable"
    )
    limit = settings.alarm_of_answers / sets
    p = min(1.0, math.exp(-log_evidence_of_loss(answers))) if answers.grows else p_of_loss(answers)
    if p <= limit and answers.loss > settings.loss_tolerated:
        looks = " over all looks" if answers.grows else ""
        return Finding(
            says=Says.HARM,
            sentence=f"{numbers}: a loss of {percent(answers.loss)} (p = {chance(p)}, limit {limit:.2g}{looks}).",
        )
    excluded = percent(settings.loss_excluded)
    if _excludes(answers, settings):
        return Finding(says=Says.SOUND, sentence=f"{numbers}: a loss of {excluded} is excluded.")
    least = least_examples(settings, grows=answers.grows)
    needed = f"; at least {least} examples are needed" if answers.examples < least else ""
    return Finding(says=Says.OPEN, sentence=f"{numbers}: a loss of {excluded} is not excluded{needed}.")


@cache
def least_examples(settings: JudgeSettings, *, grows: bool) -> int:
    """Fewest examples that can exclude `loss_excluded`: the versions differ on none of them."""
    count = 1
    while not _excludes(Answers.of("", [(True, True)] * count, grows=grows), settings):
        count += 1
    return count


def _excludes(answers: Answers, settings: JudgeSettings) -> bool:
    if answers.grows:
        needed = -math.log(settings.wrong_promotion)
        return log_evidence_of_no_loss(answers, settings.loss_excluded) >= needed
    return excludes_loss(answers, settings.loss_excluded, settings.wrong_promotion)
