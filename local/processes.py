"""Processes of an installation: who belongs to it, whether one is still the same, how all of them end.

Membership is an environment variable that every child inherits, never a name: another kubelet, registry or compiler on
the machine is none of our business.
"""

import os
import signal
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from local import paths

MARK = "TFK8S_INSTALLATION"
"""Environment variable whose value is the `.local` directory that a process works for."""
_PROC = Path("/proc")
_STARTED_FIELD = 19
"""Index of `starttime` among the fields of /proc/PID/stat that follow the command's name (proc(5), field 22)."""


@dataclass(frozen=True)
class Identity:
    """A process that cannot be mistaken for a later one with the same number."""

    pid: int
    started: int
    """Clock ticks from the machine's boot to the process's start."""

    def alive(self) -> bool:
        """Whether it still runs."""
        return started(self.pid) == self.started


def mark_children() -> None:
    """Let every process started from here on, and theirs, be members of this installation."""
    os.environ[MARK] = str(paths.LOCAL)


def identify(pid: int) -> Identity | None:
    """The identity of a running process."""
    ticks = started(pid)
    return None if ticks is None else Identity(pid, ticks)


def started(pid: int) -> int | None:
    """When a process started, in clock ticks from boot; None for one that is gone or a zombie."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else int(fields[_STARTED_FIELD])


def members(mark: str) -> Iterator[int]:
    """Running processes whose environment has `mark` set to this installation; not this one, nor its ancestors."""
    wanted = f"{mark}={paths.LOCAL}".encode()
    spared = set(_lineage(os.getpid()))
    for entry in _PROC.iterdir():
        if not entry.name.isdigit() or int(entry.name) in spared:
            continue
        try:
            environment = (entry / "environ").read_bytes()
        except OSError:
            continue  # gone meanwhile, or not ours to read
        if wanted in environment.split(b"\0"):
            yield int(entry.name)


def kill(pids: Iterable[int]) -> None:
    """SIGKILL; those that are gone already do not matter."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def wait_gone(identities: Iterable[Identity], seconds: float) -> bool:
    """Wait until none of them runs any more; False if one still does after `seconds`."""
    deadline = time.monotonic() + seconds
    left = list(identities)
    while left := [one for one in left if one.alive()]:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def in_child_namespace(holder: int) -> dict[int, int]:
    """Processes of the namespace that a process made for its children.

    Returns:
        Their numbers outside, by their numbers inside; those of further namespaces within, such as pods', are left out.
    """
    found: dict[int, int] = {}
    try:
        wanted = (_PROC / str(holder) / "ns" / "pid_for_children").readlink()
    except OSError:
        return found
    for entry in _PROC.iterdir():
        try:
            if entry.name.isdigit() and (entry / "ns" / "pid").readlink() == wanted:
                numbers = next(
                    line for line in (entry / "status").read_text().splitlines() if line.startswith("NSpid:")
                )
                found[int(numbers.split()[-1])] = int(entry.name)
        except OSError:
            continue  # gone meanwhile
    return found


def resident_bytes(pid: int) -> int:
    """Resident memory of a process; 0 if it is gone."""
    try:
        pages = int((_PROC / str(pid) / "statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _lineage(pid: int) -> Iterator[int]:
    while pid > 0:
        yield pid
        try:
            stat = (_PROC / str(pid) / "stat").read_text(errors="replace")
        except OSError:
            return
        pid = int(stat.rpartition(")")[2].split()[1])
