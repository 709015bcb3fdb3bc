"""Tests of paired answers: of the examples on which two versions differ, who is wrong more often."""

import math
from statistics import NormalDist
from typing import Final

from serving.judge.evidence import Answers
from serving.judge.shares import log_mean

STAKES: Final = (0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9)
"""Shares of its capital that a bet of `log_evidence_of_loss` and `log_evidence_of_no_loss` puts on each example."""


def p_of_loss(answers: Answers) -> float:
    """How likely a version that is not worse loses so many examples by chance: McNemar's test, exact and one-sided.

    For a set that is looked at once, whole. If no version is better, the examples that only one gets wrong are a fair
    coin's (McNemar, "Note on the sampling error of the difference between correlated proportions or percentages",
    Psychometrika 12 (1947); in the exact form it is the sign test).
    """
    differing = answers.only_incoming_wrong + answers.only_stable_wrong
    tail = sum(math.comb(differing, wrong) for wrong in range(answers.only_incoming_wrong, differing + 1))
    return tail / 2**differing


def excludes_loss(answers: Answers, loss: float, level: float) -> bool:
    """Whether a set that is looked at once rules out that this share of it, or more, is lost.

    Tango's score test (Tango, "Equivalence test and confidence interval for the difference in proportions for the
    paired-sample design", Statistics in Medicine 17 (1998)) with a continuity correction of one example, which keeps
    its real level below the stated one also where few answers differ (tests/unit/serving/test_judge_pairs.py).
    """
    n, lost, won = answers.examples, answers.only_incoming_wrong, answers.only_stable_wrong
    if n == 0:
        return False
    linear = loss * (2 * n - lost + won) - (lost + won)
    won_share = (math.sqrt(linear**2 + 8 * n * won * loss * (1 - loss)) - linear) / (4 * n)  # likeliest at that loss
    deviation = math.sqrt(n * (2 * won_share + loss * (1 - loss)))
    return n * loss - (lost - won) - 1 >= NormalDist().inv_cdf(1 - level) * deviation


def log_evidence_of_loss(answers: Answers) -> float:
    """Evidence that the incoming version is worse, for a set that grows between looks.

    Capital of a bettor who stakes a share s on each example that only one version gets wrong, on the incoming one:
    (1 + s)^lost (1 - s)^won, averaged over STAKES. It is a fair game if no version is better, so by Ville's inequality
    it ever exceeds 1/a with probability a at most (Waudby-Smith, Ramdas, "Estimating means of bounded random variables
    by betting", JRSS B 86 (2024); with s = 2q - 1 it is the sequential probability ratio of q against 1/2).

    Returns:
        Natural logarithm of the evidence; 0 without any.
    """
    lost, won = answers.only_incoming_wrong, answers.only_stable_wrong
    return log_mean([lost * math.log1p(stake) + won * math.log1p(-stake) for stake in STAKES])


def log_evidence_of_no_loss(answers: Answers, loss: float) -> float:
    """Evidence that less than this share is lost, for a set that grows between looks; as `log_evidence_of_loss`.

    Each example pays 1 + s (loss - d), with d = 1 if only the incoming version is wrong, -1 if only the stable one is,
    and 0 otherwise: never a favourable game while the mean of d is `loss` or more.
    """
    lost, won = answers.only_incoming_wrong, answers.only_stable_wrong
    same = answers.examples - lost - won
    return log_mean(
        [
            lost * math.log1p(stake * (loss - 1))
            + won * math.log1p(stake * (loss + 1))
            + same * math.log1p(stake * loss)
            for stake in STAKES
        ]
    )
