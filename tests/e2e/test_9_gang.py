"""Two workers on the cluster: its names, its network and its kubelet under the gang that `test_3_gang_processes` tries.

What is checked is that the run ends by itself, whichever container is lost, soon, and with no more than one checkpoint
interval trained twice. `tests/bench/test_gang.py` has the other ways to lose a worker.
"""

import pytest

from local import paths
from tests.e2e.gang_on_cluster import ClusterGang
from tests.e2e.platform import Platform, signal_one

EVERY = 50
"""Steps between two checkpoints."""

KILL_SECONDS = 20
"""Longest time from a kill to the gang's next step."""


@pytest.fixture(autouse=True)
def running(platform: Platform) -> None:
    if not paths.OUTPUTS.exists():
        assert platform.up().status == 0


def test_two_workers_end_by_themselves_whichever_container_is_killed(platform: Platform) -> None:
    with ClusterGang(platform, 6, {"epochs": 40, "checkpointSteps": EVERY}) as gang:
        gang.wait_for_step(EVERY + 10, 90)
        recoveries = [gang.disturb("worker 1's container killed", lambda: signal_one(gang.first_process(1)))]
        gang.wait_for_step(recoveries[0].resumed + EVERY + 10)
        recoveries += [gang.disturb("the chief's container killed", lambda: signal_one(gang.first_process(0)))]
        version = gang.wait_for_end()
    assert version.metrics["testAccuracy"] >= 0.95
    assert version.definition.workers == 2
    for recovery in recoveries:
        assert recovery.repeated <= EVERY, recovery
        assert recovery.seconds <= KILL_SECONDS, recovery
