"""The first process of a training container: runs the training as its child, and starts it again where that helps.

A gang that lost a worker, and a training that hangs or was killed from outside, is started again in place: within
seconds, without the kubelet's back-off and without using up the Job's retries. Every other end of the training is the
container's; so is a kill for want of memory, which a new start would meet again.
"""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from contract import store
from contract.exits import Exit, end, say
from contract.run import ALIVE_FILE, RunEnvironment
from training import beat

TICK_SECONDS: Final = 1.0
STOPPED_LIMIT_SECONDS: Final = 5.0
"""How long the training may be stopped (SIGSTOP) before it is killed: nobody who stopped it is seen to go on."""

PUBLISHED_GRACE_SECONDS: Final = 3.0
"""How long a worker that waits may take to see by itself that the version is published."""

TERMINATION_SECONDS: Final = 5.0
"""What the training has to end after SIGTERM. Inside TensorFlow it cannot hear the signal."""

FRUITLESS_STARTS: Final = 3
"""Starts in a row that stalled or were killed without one new step; after them the run fails."""

_STALL: Final = "no step for"
_SIGNALS: Final = {signal.SIGCHLD, signal.SIGTERM, signal.SIGINT}


@dataclass(frozen=True)
class Ending:
    """How one start of the training ended."""

    code: int
    """Exit code, or minus the number of the signal that killed it."""

    step: int
    """The last step it told of."""

    reason: str = ""
    """Why it was killed by its watcher; empty if it was not."""

    stalled: bool = False
    """Whether that was for making no step."""

    out_of_memory: bool | None = None
    """Whether the kernel killed a process for want of memory meanwhile; None where it does not say."""

    @property
    def killed_from_outside(self) -> bool:
        """Whether somebody else's SIGKILL ended it, for all that can be known."""
        return self.code == -signal.SIGKILL and not self.reason and self.out_of_memory is False


def watch(run: RunEnvironment, name: str, command: list[str], directory: Path) -> NoReturn:
    """Run the training until it ends for good, and end this process with its code.

    Args:
        run: What is trained.
        name: What the training is called in the log.
        command: The training's program and arguments; the beat file's path is added.
        directory: For the alive file and the beat file, of this container alone.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    directory.mkdir(parents=True, exist_ok=True)
    watcher = _Watcher(run, name, command, directory)
    restarts = fruitless = furthest = 0
    while True:
        ending = watcher.run_once()
        if watcher.terminated and ending.code < 0:  # it could not say so itself
            if run.is_chief:
                store.remove_leftovers(Path(run.store), run.model, run.version)
            end(Exit.TERMINATED, f"{name} was stopped by SIGTERM; nothing half-written is left behind")
        killed = ending.killed_from_outside
        if (ending.reason or killed or ending.code == Exit.PEER_LOST) and not watcher.terminated:
            restarts += 1
            fruitless = fruitless + 1 if (ending.stalled or killed) and ending.step <= furthest else 0
            furthest = max(furthest, ending.step)
            if fruitless < FRUITLESS_STARTS:
                reason = ending.reason or ("the training was killed" if killed else "a worker was lost")
                say(f"{reason}: training starts again from its newest checkpoint (restart {restarts})")
                continue
            if ending.stalled:
                end(Exit.STALLED, f"{name}: {ending.reason} {fruitless} times in a row without a step between")
        if ending.code >= 0:  # the training said why itself
            os._exit(ending.code)
        cause = signal.Signals(-ending.code).name
        if ending.out_of_memory:
            cause += ", out of memory: raise the memory of the run's resources"
        elif killed:
            cause += f" from outside {fruitless} times in a row without a step between"
        end(128 - ending.code, f"{name} was killed by {cause}")


class _Watcher:
    """One container's training."""

    def __init__(self, run: RunEnvironment, name: str, command: list[str], directory: Path) -> None:
        self.terminated = False
        """Whether this process was told to end."""

        self._run = run
        self._name = name
        self._command = command
        self._beat = directory / "beat"
        self._alive = os.open(directory / Path(ALIVE_FILE).name, os.O_WRONLY | os.O_CREAT, 0o600)
        self._version = store.version_dir(Path(run.store), run.model, run.version)
        self._published_since = 0.0

    def run_once(self) -> Ending:
        """Start the training and wait for its end, killing it if it hangs."""
        self._beat.unlink(missing_ok=True)
        kills_before = _out_of_memory_kills()
        child = os.posix_spawn(self._command[0], [*self._command, str(self._beat)], os.environ, setsigmask=())
        reason = ""
        deadline = float("inf")
        seen, since, stopped = beat.read(self._beat), time.monotonic(), 0.0
        before = since
        while True:
            self._say_alive()
            received = signal.sigtimedwait(_SIGNALS, TICK_SECONDS)
            if (status := _reap(child)) is not None:
                kills = _out_of_memory_kills()
                out_of_memory = None if kills is None or kills_before is None else kills > kills_before
                step = beat.read(self._beat)[1]
                return Ending(status, step, reason, reason.startswith(_STALL), out_of_memory)
            if received is not None and received.si_signo != signal.SIGCHLD:
                self.terminated = True
                deadline = time.monotonic() + TERMINATION_SECONDS
                os.kill(child, signal.SIGTERM)
                continue
            now = time.monotonic()
            # Whoever was stopped himself has not seen what the training did.
            since += max(0.0, now - before - 2 * TICK_SECONDS)
            passed, before = now - before, now
            if (current := beat.read(self._beat)) != seen:
                seen, since = current, now
            stopped = stopped + min(passed, 2 * TICK_SECONDS) if _is_stopped(child) else 0.0
            if not reason and not self.terminated:
                reason = self._why_kill(seen, now - since, stopped)
            if reason or now > deadline:
                os.kill(child, signal.SIGKILL)

    def _why_kill(self, seen: tuple[str, int], quiet_seconds: float, stopped_seconds: float) -> str:
        phase, step = seen
        if stopped_seconds >= STOPPED_LIMIT_SECONDS:
            return f"the training was stopped by a signal after step {step}"
        if phase == beat.WAITING:
            # The others are done and gone: a new start finds the version and ends.
            return "the version was published meanwhile" if self._is_published_for_long() else ""
        if 0 < self._run.stall_timeout < quiet_seconds:
            return f"{_STALL} {self._run.stall_timeout} s (stall timeout) while {phase}, after step {step}"
        return ""

    def _is_published_for_long(self) -> bool:
        if not self._version.exists():
            return False
        self._published_since = self._published_since or time.monotonic()
        return time.monotonic() - self._published_since > PUBLISHED_GRACE_SECONDS

    def _say_alive(self) -> None:
        uptime = Path("/proc/uptime").read_text().partition(".")[0]
        os.pwrite(self._alive, uptime.encode() + b"\n", 0)


def _reap(child: int) -> int | None:
    """Collect every process that ended, orphans too; the child's code if it is among them."""
    code = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return code
        if pid == 0:
            return code
        if pid == child:
            code = os.waitstatus_to_exitcode(status)


def _is_stopped(pid: int) -> bool:
    """Whether a process was stopped by a signal (a debugger shows as another letter)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    except FileNotFoundError:
        return False


def _out_of_memory_kills() -> int | None:
    """Processes of this container that the kernel killed for want of memory; None where it does not say."""
    for file in ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"):
        try:
            lines = Path(file).read_text().splitlines()
        except OSError:
            continue
        return sum(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))
    return None
