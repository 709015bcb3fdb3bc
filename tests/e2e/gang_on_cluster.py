"""A run of two workers on the embedded cluster: its processes as this machine sees them, and what a loss costs it.

All times are seconds since 1970 by the clock that the node's logs are stamped with.
"""

import os
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from contract import progress, store
from contract.manifest import Manifest
from local import paths
from local.cluster import credentials
from local.cluster.api import connect
from tests.e2e.platform import Done, Platform, first_process, words
from training import beat

WORKERS = 2
_POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Told:
    """What the chief told in its progress file, and when it was seen there."""

    at: float
    phase: str
    step: int
    start: int
    """How often the training was started again before."""


@dataclass(frozen=True, kw_only=True)
class Recovery:
    """What a disturbance cost."""

    what: str
    seconds: float
    """From the disturbance to the first step after it, which is seen up to half a second late."""

    resumed: int
    """The step of the checkpoint that the gang went on from."""

    repeated: int
    """Steps done twice, by what any worker told of, in its log or its beat file."""

    def __str__(self) -> str:
        return f"{self.what}: next step {self.seconds:.1f} s later, resumed at {self.resumed}, {self.repeated} repeated"


class ClusterGang:
    """A run from its declaration to its end, which `make up` waits for while the test disturbs it."""

    def __init__(self, platform: Platform, version: int, args: dict[str, Any], **settings: Any) -> None:
        """Take what to train.

        Args:
            platform: It is up.
            version: Of the model `digits`; not in the store yet.
            args: Of the training.
            settings: Of the training job beside those of the committed stack file.
        """
        self.version = version
        self.run = f"digits-v{version}"
        self.ended: list[Done] = []
        self._platform = platform
        self._config = words()
        self._config["tfk8s:trainingJobs"]["digits"] |= {
            "version": version,
            "workers": WORKERS,
            "args": args,
            **settings,
        }
        self._told: list[Told] = []
        self._lines: dict[tuple[str, int], str] = {}
        self._over = threading.Event()
        self._threads = [threading.Thread(target=target) for target in (self._up, self._look)]

    def __enter__(self) -> "ClusterGang":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None and not self.ended:  # nobody wants to wait for its deadline
            self._platform.delete(f"/apis/batch/v1/namespaces/ml/jobs/{self.run}")
        self._threads[0].join()
        self._over.set()
        self._threads[1].join()

    def wait_for_step(self, step: int, seconds: float = 60) -> None:
        """Wait until the chief tells of that step."""
        self._wait(f"step {step}", seconds, lambda: self.step >= step)

    def wait_for_phase(self, phase: str, seconds: float) -> None:
        """Wait until the chief tells of that phase."""
        self._wait(f"phase {phase}", seconds, lambda: bool(self._told) and self._told[-1].phase == phase)

    def wait_for_end(self, seconds: float = 120) -> Manifest:
        """Wait until `make up` has ended well, and return what was published."""
        self._threads[0].join(seconds)
        assert self.ended, f"not within {seconds:.0f} s: the end of {self.run}\n{self.tail()}"
        assert self.ended[0].status == 0, self.ended[0].text
        directory = store.version_dir(paths.STORE, "digits", self.version)
        return store.verify(directory, model="digits", version=self.version)

    def disturb(self, what: str, action: Callable[[], object], seconds: float = 60) -> Recovery:
        """Do something to the workers, wait for the next step, and print how the gang came to it."""
        starts = self._told[-1].start
        known = self.step
        for index in range(WORKERS):
            phase, step = self._beat(index)
            known = max(known, step) if phase == beat.TRAINING else known
        begun = time.time()
        action()
        self._wait(f"a step after: {what}", seconds, lambda: self._resumption(starts) is not None)
        at, resumed = cast("tuple[float, int]", self._resumption(starts))
        since = [(when, line) for when, line in self.log() if begun <= when <= at]
        known = max([known, *(int(step) for _, line in since for step in re.findall(r"after step (\d+)", line))])
        recovery = Recovery(what=what, seconds=at - begun, resumed=resumed, repeated=max(0, known - resumed))
        print("\n", recovery, sep="", flush=True)
        for when, line in since:
            print(f"    {when - begun:6.2f} s  {line}")
        return recovery

    @property
    def step(self) -> int:
        """The last step that the chief told of; -1 before the first start."""
        return self._told[-1].step if self._told else -1

    def first_step(self) -> float:
        """When the run's first step was seen, up to half a second late."""
        return next(told.at for told in self._told if told.step > 0)

    def pod(self, index: int) -> str:
        """Name of the pod of a worker that is not leaving."""
        [name] = [name for name in self._platform.pods() if name.startswith(f"{self.run}-{index}-")]
        return name

    def first_process(self, index: int) -> int:
        """This machine's id of the first process of a worker's container; 0 while there is none."""
        return first_process(f"TFK8S_VERSION={self.version}", f"JOB_COMPLETION_INDEX={index}")

    def training(self, index: int) -> int:
        """This machine's id of the training itself in a worker's container; 0 while there is none."""
        first = self.first_process(index)
        try:
            for child in Path(f"/proc/{first}/task/{first}/children").read_text().split():
                if b"training.child" in Path(f"/proc/{child}/cmdline").read_bytes():
                    return int(child)
        except OSError:
            pass
        return 0

    def started(self, index: int) -> float:
        """When a worker's container was started: the start of its first process."""
        ticks = int(Path(f"/proc/{self.first_process(index)}/stat").read_text().rpartition(")")[2].split()[19])
        return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + ticks / os.sysconf("SC_CLK_TCK")

    def log(self) -> list[tuple[float, str]]:
        """What all containers that are still known printed, and those of earlier calls: time and text, in order.

        The kubelet keeps the log of a container and of the one before it.
        """
        selector = f"batch.kubernetes.io/job-name={self.run}"
        pods = self._platform.get("/api/v1/namespaces/ml/pods", labelSelector=selector)["items"]
        with connect(credentials.ADMIN) as client:
            for pod in cast("list[Any]", pods):
                metadata = pod["metadata"]
                index = int(metadata["annotations"]["batch.kubernetes.io/job-completion-index"])
                for previous in ("true", "false"):
                    answer = client.get(
                        f"/api/v1/namespaces/ml/pods/{metadata['name']}/log",
                        params={"timestamps": "true", "previous": previous},
                    )
                    if answer.is_success:  # else there was no such container
                        for line in answer.text.splitlines():
                            stamp, _, text = line.partition(" ")
                            self._lines[stamp, index] = text
        return sorted(
            (datetime.fromisoformat(stamp).timestamp(), f"worker {index}: {text}")
            for (stamp, index), text in self._lines.items()
        )

    def tail(self) -> str:
        """The last lines of all workers' logs, with the time of day."""
        return "\n".join(f"{datetime.fromtimestamp(when).time()}  {line}" for when, line in self.log()[-40:])

    def _up(self) -> None:
        self.ended.append(self._platform.up(self._config))

    def _look(self) -> None:
        path = progress.progress_path(paths.STORE, "digits", self.version)
        seen = (0, 0)
        while not self._over.wait(_POLL_SECONDS):
            try:
                status = path.stat()
            except FileNotFoundError:
                continue
            if (now := (status.st_ino, status.st_mtime_ns)) != seen and (told := progress.read(path)) is not None:
                seen = now
                self._told.append(Told(time.time(), told.phase, told.step, told.restarts))

    def _beat(self, index: int) -> tuple[str, int]:
        return beat.read(Path(f"/proc/{self.first_process(index)}/root/tmp/tfk8s/beat"))

    def _resumption(self, starts: int) -> tuple[float, int] | None:
        """When a later start's first step was seen, and the step that it began at; None before it."""
        begun: dict[int, int] = {}
        for told in list(self._told):
            if told.start > starts and (told.step > begun.setdefault(told.start, told.step)):
                return told.at, begun[told.start]
        return None

    def _wait(self, what: str, seconds: float, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert not self.ended, f"{self.run} ended before {what}: {self.ended[0].text}"
            assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}\n{self.tail()}"
            time.sleep(_POLL_SECONDS)
