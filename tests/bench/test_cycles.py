"""Ten times up and down: nothing grows. Prints a table; takes about six minutes with caches."""

import shutil
import subprocess
from dataclasses import dataclass

from local import paths
from local.cluster import lifecycle
from tests.e2e.platform import make

CYCLES = 10
MIB = 2**20
ALLOWED = 1.1
"""Largest growth from the second cycle to the last; the first may fill caches."""
MEMORY_LIMIT_MIB = 2560
"""Cluster and system parts without workloads."""


@dataclass(frozen=True, kw_only=True)
class Cycle:
    up_seconds: float
    down_seconds: float
    memory: int
    """Resident MiB of cluster and system parts, pods left out."""

    cache: int
    """MiB of all caches."""

    used: int
    """MiB used on the file system of the caches, after `down`."""


def measure() -> Cycle:
    up = make("up")
    assert up.status == 0, up.text
    memory = sum(row.memory for row in lifecycle.status() if row.name != "pods")
    down = make("down")
    assert down.status == 0, down.text
    size = subprocess.run(["du", "-sm", paths.CACHE], capture_output=True, text=True, check=True).stdout
    return Cycle(
        up_seconds=up.seconds,
        down_seconds=down.seconds,
        memory=memory // MIB,
        cache=int(size.split()[0]),
        used=shutil.disk_usage(paths.CACHE).used // MIB,
    )


def test_nothing_grows_over_ten_cycles() -> None:
    assert make("down").status == 0
    cycles: list[Cycle] = []
    for number in range(CYCLES):
        cycles.append(measure())
        print(number + 1, cycles[-1], flush=True)
    second, last = cycles[1], cycles[-1]
    assert last.memory <= second.memory * ALLOWED
    assert last.cache <= second.cache * ALLOWED
    assert last.used <= second.used * ALLOWED
    assert max(cycle.memory for cycle in cycles) < MEMORY_LIMIT_MIB
