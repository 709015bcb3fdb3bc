"""Two workers on the cluster: its names, its network and its kubelet under the gang that `test_3_gang_processes` tries.

What is checked is that the run ends by itself, whichever container is lost, with no more than one checkpoint interval
trained twice.
"""

import os
import re
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from contract import progress, store
from local import paths
from local.cluster import credentials
from local.cluster.api import connect
from tests.e2e.platform import Done, Platform, until, words

VERSION = 6
RUN = f"digits-v{VERSION}"
EVERY = 50
"""Steps between two checkpoints."""


@pytest.fixture(autouse=True)
def running(platform: Platform) -> None:
    if not paths.OUTPUTS.exists():
        assert platform.up().status == 0


def two_workers() -> Any:
    """Version 6 in training by two workers while version 1 is served."""
    config = words()
    config["tfk8s:trainingJobs"]["digits"] |= {
        "version": VERSION,
        "workers": 2,
        "args": {"epochs": 40, "checkpointSteps": EVERY},
    }
    return config


def first_process(index: int) -> int:
    """This machine's id of the first process of a worker's container; 0 while there is none."""
    wanted = {f"TFK8S_VERSION={VERSION}".encode(), f"JOB_COMPLETION_INDEX={index}".encode()}
    for process in Path("/proc").iterdir():
        try:
            # Its last id is the one that the container's own namespace gives it.
            is_first = re.search(r"^NSpid:.*\t1$", (process / "status").read_text(), re.MULTILINE)
            if is_first and wanted <= set((process / "environ").read_bytes().split(b"\0")):
                return int(process.name)
        except OSError:
            continue
    return 0


def step() -> int:
    """How far the run is, by what its chief tells."""
    told = progress.read(progress.progress_path(paths.STORE, "digits", VERSION))
    return told.step if told is not None else -1


def log(platform: Platform, index: int, *, previous: bool = False) -> str:
    """What a worker's container printed since it started, or the one before it."""
    [pod] = [name for name in platform.pods() if name.startswith(f"{RUN}-{index}-")]
    with connect(credentials.ADMIN) as client:
        answer = client.get(f"/api/v1/namespaces/ml/pods/{pod}/log", params={"previous": str(previous).lower()})
        answer.raise_for_status()
        return answer.text


def numbers(pattern: str, text: str) -> list[int]:
    return [int(found) for found in re.findall(pattern, text)]


def test_two_workers_end_by_themselves_whichever_container_is_killed(platform: Platform) -> None:
    done: list[Done] = []
    config = two_workers()
    up = threading.Thread(target=lambda: done.append(platform.up(config)))
    up.start()
    try:
        until("the first steps", 45, lambda: step() > EVERY or not up.is_alive())
        os.kill(first_process(1), signal.SIGKILL)
        lost_at_least = step()
        until("steps after worker 1 was killed", 30, lambda: step() > lost_at_least + EVERY or not up.is_alive())
        before_chief = log(platform, 0)
        os.kill(first_process(0), signal.SIGKILL)
    finally:
        up.join()
    [ended] = done
    assert ended.status == 0, ended.text

    # The one who was not killed tells how far it was when it lost the other.
    for survivor, resumed_by in ((before_chief, before_chief), (log(platform, 1), log(platform, 0))):
        [lost] = numbers(r"another worker was lost after step (\d+)", survivor)[-1:]
        [resumed] = numbers(r"resumed at step (\d+) of", resumed_by)[-1:]
        assert 0 <= lost - resumed <= EVERY, f"{survivor}\n{resumed_by}"

    version = store.verify(store.version_dir(paths.STORE, "digits", VERSION), model="digits", version=VERSION)
    assert version.metrics["testAccuracy"] >= 0.95
    assert version.definition.workers == 2
