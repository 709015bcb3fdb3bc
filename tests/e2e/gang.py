"""Workers of one run as processes of this machine, and a kubelet of a few lines that starts them again."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from contract import store
from contract.fetch import FetchEnvironment
from contract.run import RunDefinition, RunEnvironment, Scalar, alive_probe
from serving.fetch import provide
from training import beat
from training.watcher import TERMINATION_SECONDS

ROOT = Path(__file__).parents[2]
POLL_SECONDS = 0.05
READER_SECONDS = 0.01


@dataclass
class Worker:
    """One worker: its watcher, and all it ever wrote."""

    index: int
    environment: Mapping[str, str]
    temp: Path
    process: "subprocess.Popen[str] | None" = None
    lines: list[tuple[float, str]] = field(default_factory=list[tuple[float, str]])
    """Monotonic time and text."""

    codes: list[int] = field(default_factory=list[int])
    """How each of its containers ended."""

    @property
    def directory(self) -> Path:
        return self.temp / "tfk8s"

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "training.train"],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "TMPDIR": str(self.temp), **self.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        threading.Thread(target=self._read, args=(self.process,), daemon=True).start()

    def _read(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.lines.append((time.monotonic(), line.rstrip()))

    @property
    def watcher(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def child(self) -> int:
        """The training's process; 0 while there is none."""
        try:
            return int(Path(f"/proc/{self.watcher}/task/{self.watcher}/children").read_text().split()[0])
        except (OSError, IndexError):
            return 0

    def beat(self) -> tuple[str, int]:
        return beat.read(self.directory / "beat")

    def alive(self) -> bool:
        return subprocess.run(alive_probe(str(self.directory / "alive")), check=False, timeout=10).returncode == 0

    def said(self, text: str) -> list[str]:
        return [line for _, line in self.lines if text in line]


class Gang:
    """A run of several workers."""

    def __init__(self, root: Path, workers: int, args: Mapping[str, Scalar], *, stall_timeout: int = 60) -> None:
        self.store = root / "store"
        self.store.mkdir(parents=True, exist_ok=True)
        ports = free_ports(workers)
        peers = tuple(f"127.0.0.1:{port}" for port in ports) if workers > 1 else ()
        run = RunEnvironment(
            model="digits",
            version=1,
            definition=RunDefinition(args=args, workers=workers),
            gpu_mode="exclusive",
            image="image",
            store=str(self.store),
            peers=peers,
            stall_timeout=stall_timeout,
        )
        self.workers: list[Worker] = []
        for index in range(workers):
            temp = root / f"tmp-{index}"
            temp.mkdir()
            self.workers.append(Worker(index, {**run.to_env(), "JOB_COMPLETION_INDEX": str(index)}, temp))
        self._ended = threading.Event()
        self._kubelet = threading.Thread(target=self._keep_up, daemon=True)

    def __enter__(self) -> "Gang":
        for worker in self.workers:
            worker.start()
        self._kubelet.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._kubelet.join()
        for worker in self.workers:
            if worker.process is not None and worker.process.poll() is None:
                worker.process.kill()
                worker.process.wait()

    def _keep_up(self) -> None:
        """Start containers again that failed, and kill those whose liveness probe fails; without a back-off."""
        started = {worker.index: time.monotonic() for worker in self.workers}
        probed = time.monotonic()
        while not self._ended.wait(POLL_SECONDS):
            probe = time.monotonic() - probed > 5
            for worker in self.workers:
                assert worker.process is not None
                if (code := worker.process.poll()) is not None:
                    if len(worker.codes) and worker.codes[-1] == 0:
                        continue
                    worker.codes.append(code)
                    if code != 0:
                        worker.start()
                        started[worker.index] = time.monotonic()
                elif probe and time.monotonic() - started[worker.index] > 5 and not worker.alive():
                    worker.process.kill()
            if probe:
                probed = time.monotonic()

    def wait_for_step(self, step: int, seconds: float = 60) -> int:
        """Wait until the chief's training has done that many steps."""
        return self._wait(lambda: self._step_of_chief() >= step, seconds, f"step {step}") or self._step_of_chief()

    def wait_for_new_step(self, seconds: float = 60) -> tuple[float, int]:
        """Wait until the gang, which was just disturbed, has made a step again: seconds and the step resumed at."""
        start, (chief, *_) = time.monotonic(), self.workers
        known = len(chief.said("resumed at step"))
        self._wait(lambda: len(chief.said("resumed at step")) > known, seconds, "the gang to resume")
        resumed = int(chief.said("resumed at step")[-1].split()[3])
        self._wait(lambda: self._step_of_chief() > resumed, seconds, f"a step after {resumed}")
        return time.monotonic() - start, resumed

    def wait_for_end(self, seconds: float = 60) -> None:
        """Wait until every worker has ended well."""
        self._wait(lambda: all(worker.codes[-1:] == [0] for worker in self.workers), seconds, "the end")

    def _step_of_chief(self) -> int:
        phase, step = self.workers[0].beat()
        return step if phase == beat.TRAINING else -1

    def _wait(self, done: "object", seconds: float, what: str) -> None:
        assert callable(done)
        deadline = time.monotonic() + seconds
        while not done():
            if time.monotonic() > deadline:
                logs = "\n".join(f"{w.index}: {line}" for w in self.workers for _, line in w.lines[-30:])
                raise TimeoutError(f"waited {seconds} s for {what}\n{logs}")
            time.sleep(POLL_SECONDS)


@contextmanager
def polled(root: Path, version: int) -> Generator[list[str]]:
    """Read a version of the digits all the while as a server's init step does; yields what was ever wrong with it.

    A version that is not there yet is not wrong.
    """
    wanted = FetchEnvironment(model="digits", version=version, directory=str(root))
    problems: list[str] = []
    ended = threading.Event()

    def poll() -> None:
        while not ended.wait(READER_SECONDS):
            try:
                provide(wanted, root)
            except store.MissingError:
                continue
            except store.StoreError as error:
                problems.append(str(error))

    reader = threading.Thread(target=poll)
    reader.start()
    try:
        yield problems
    finally:
        ended.set()
        reader.join()


def signal_child(worker: Worker, number: int) -> None:
    """Signal the training itself, not its watcher."""
    if child := worker.child:
        os.kill(child, number)


def terminate_container(worker: Worker) -> None:
    """End a container as a drain does, whose training must hear it: its watcher would kill it later."""
    assert worker.process is not None
    worker.process.terminate()
    worker.process.wait(TERMINATION_SECONDS)


def kill_container(worker: Worker) -> None:
    """End a container as a kubelet or a lost node does."""
    os.kill(worker.watcher, signal.SIGKILL)


def free_ports(count: int) -> list[int]:
    """Ports of this machine that nobody listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
