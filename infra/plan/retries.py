"""How the Job controller waits before it tries a failed pod again."""

from typing import Final

from infra.settings import Duration

FIRST_BACKOFFS: Final = (10, 20, 40, 80, 160, 320)
"""Seconds before the first retries; each wait is twice the one before
(https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-backoff-failure-policy)."""

LONGEST_BACKOFF: Final = 360
"""Seconds before every later one."""


def backoff(retries: int) -> Duration:
    """All the waits before so many retries."""
    first = sum(FIRST_BACKOFFS[:retries])
    return Duration.parse(f"{first + LONGEST_BACKOFF * max(0, retries - len(FIRST_BACKOFFS))}s")
