"""How long Kubernetes waits before it tries again: the Job controller with a pod, the kubelet with a container."""

from typing import Final

from infra.settings import Duration

FIRST_BACKOFFS: Final = (10, 20, 40, 80, 160, 320)
"""Seconds before the first retries; each wait is twice the one before
(https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-backoff-failure-policy)."""

LONGEST_BACKOFF: Final = 360
"""Seconds before every later one."""

FIRST_RESTARTS: Final = (0, 10, 20, 40, 80, 160)
"""Seconds before the first restarts of a container in its pod. One that ran for 10 minutes counts anew, which is left
out: the sums are about runs that keep failing
(https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#restart-policy)."""

LONGEST_RESTART: Final = 300
"""Seconds before every later one."""


def waits(workers: int) -> tuple[tuple[int, ...], int]:
    """Seconds before the first retries and before every later one: the kubelet's where several workers train."""
    return (FIRST_RESTARTS, LONGEST_RESTART) if workers > 1 else (FIRST_BACKOFFS, LONGEST_BACKOFF)


def backoff(retries: int, workers: int = 1) -> Duration:
    """All the waits before so many retries of each worker; workers wait at the same time."""
    first, later = waits(workers)
    return Duration.parse(f"{sum(first[:retries]) + later * max(0, retries - len(first))}s")
