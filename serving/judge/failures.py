"""Whether the incoming version fails more requests."""

import math
from collections.abc import Sequence

from serving.judge.evidence import Interval
from serving.judge.finding import Finding, Says, chance, percent
from serving.judge.settings import JudgeSettings
from serving.judge.shares import Table, least_without_events, log_evidence, lower, upper


def judge_failures(intervals: Sequence[Interval], settings: JudgeSettings) -> Finding:
    """Compare the shares of failed requests."""
    tables = [
        Table(each.incoming.requests, each.incoming.failures, each.stable.requests, each.stable.failures)
        for each in intervals
    ]
    requests, failures = sum(t.incoming for t in tables), sum(t.incoming_events for t in tables)
    stable_requests, stable_failures = sum(t.stable for t in tables), sum(t.stable_events for t in tables)
    if not requests or not stable_requests:
        which = " and ".join(
            name for name, count in (("the incoming", requests), ("the stable", stable_requests)) if not count
        )
        return Finding(says=Says.OPEN, sentence=f"Failures: {which} version got no requests.")
    share, stable_share = failures / requests, stable_failures / stable_requests
    numbers = (
        f"Failures: {percent(share)} of {requests:,} requests failed, and {percent(stable_share)} of the stable "
        f"version's {stable_requests:,}"
    )
    p = min(1.0, math.exp(-log_evidence(tables)))
    if p <= settings.alarm_of_failures and share - stable_share > settings.failures_tolerated:
        limit = f"p = {chance(p)}, limit {settings.alarm_of_failures:.3g}"
        return Finding(says=Says.HARM, sentence=f"{numbers}: more ({limit} over all looks).")
    level = settings.wrong_promotion / 2  # half for each of the two shares
    excess = upper(failures, requests, level) - lower(stable_failures, stable_requests, level)
    limit = percent(settings.failures_excluded)
    if excess <= settings.failures_excluded:
        return Finding(
            says=Says.SOUND, sentence=f"{numbers}: {percent(max(excess, 0))} more at most, {limit} must be excluded."
        )
    least = least_requests(settings)
    if requests < least:
        return Finding(
            says=Says.OPEN, sentence=f"{numbers}: at least {least:,} requests are needed to exclude {limit} more."
        )
    return Finding(
        says=Says.OPEN, sentence=f"{numbers}: {percent(excess)} more is still possible, {limit} must be excluded."
    )


def least_requests(settings: JudgeSettings) -> int:
    """Fewest requests of the incoming version that can exclude `failures_excluded`: not one of them fails."""
    return least_without_events(settings.failures_excluded, settings.wrong_promotion / 2)
