"""The process supervisor inside the namespaces: its configuration, and talking to it."""

import http.client
import socket
import time
import xmlrpc.client
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from local import paths
from local.cluster.footprint import STATE_DIR
from local.cluster.program import Program, supervisor_section
from local.private import write_private
from local.progress import LocalError

CONFIG = paths.CLUSTER / "config" / "supervisord.conf"
PROGRAMS = paths.CLUSTER / "config" / "programs.conf"
LOGS = paths.CLUSTER / "logs"
SOCKET = STATE_DIR / "supervisor.sock"
LOG_LINES = 15
"""Lines of a process's log that an error shows."""

_FAILED = {"FATAL", "EXITED", "UNKNOWN"}


@dataclass(frozen=True)
class ProcessState:
    """A supervised process as its supervisor sees it."""

    name: str
    state: str
    """RUNNING, STARTING, BACKOFF, FATAL and so on (supervisor's words)."""
    pid: int
    """In the cluster's process namespace; 0 when it does not run."""
    seconds: int
    """Since its last start."""


def write_main_config() -> None:
    """Write supervisord's own configuration, with no programs yet."""
    LOGS.mkdir(parents=True, exist_ok=True)
    write_private(PROGRAMS, b"")
    write_private(CONFIG, main_config().encode())


def main_config() -> str:
    """Configuration of supervisord; only root can talk to its socket."""
    # Names beside the configuration file stay relative: `files` is a list that spaces separate.
    return f"""\
[unix_http_server]
file={SOCKET}
chmod=0700

[supervisord]
silent=true
logfile=%(here)s/../{LOGS.name}/supervisord.log
logfile_maxbytes=1MB
logfile_backups=1
pidfile=/run/supervisord.pid
user=root

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface

[include]
files={PROGRAMS.name}
"""


def run(programs: Iterable[Program]) -> None:
    """Let exactly these programs run: start the new ones, restart the changed ones, end the others."""
    text = "\n".join(supervisor_section(program, LOGS) for program in programs)
    write_private(PROGRAMS, text.encode())
    added, changed, removed = cast("list[list[list[str]]]", _call("reloadConfig"))[0]
    for name in [*changed, *removed]:
        _call("stopProcessGroup", name)
        _call("removeProcessGroup", name)
    for name in [*added, *changed]:
        _call("addProcessGroup", name)


def processes() -> list[ProcessState]:
    """All supervised processes."""
    rows = cast("list[dict[str, Any]]", _call("getAllProcessInfo"))
    return [
        ProcessState(row["name"], row["statename"], row["pid"], max(0, row["now"] - row["start"]) if row["pid"] else 0)
        for row in rows
    ]


def runs(name: str) -> bool:
    """Whether a process runs, and has done so for a second."""
    return any(process.state == "RUNNING" for process in processes() if process.name == name)


def restart_failed() -> None:
    """Give processes that were given up another chance."""
    for process in processes():
        if process.state in _FAILED:
            _call("startProcess", process.name, False)


def answers() -> bool:
    """Whether the supervisor is there."""
    try:
        _call("getState")
    except (OSError, http.client.HTTPException):
        return False
    return True


def wait_answers(seconds: float) -> None:
    """Wait for the supervisor to be there.

    Raises:
        LocalError: It is not there after `seconds`.
    """
    deadline = time.monotonic() + seconds
    while not answers():
        if time.monotonic() > deadline:
            raise LocalError(
                f"the cluster's process supervisor did not start within {seconds:g} s:\n{tail('namespace')}"
            )
        time.sleep(0.05)


def require_running(names: Sequence[str]) -> None:
    """Fail if one of these processes has been given up.

    Raises:
        LocalError: With the last lines of its log.
    """
    for process in processes():
        if process.name in names and process.state in _FAILED:
            raise LocalError(f"{process.name} does not run ({process.state}):\n{tail(process.name)}")


def tail(name: str) -> str:
    """The last lines of a process's log, indented, and where the rest is."""
    file = LOGS / f"{name}.log"
    try:
        lines = file.read_text(errors="replace").splitlines()[-LOG_LINES:]
    except OSError:
        lines = []
    return "\n".join([*(f"  {line[:300]}" for line in lines), f"The whole log: {file}"])


class _UnixTransport(xmlrpc.client.Transport):
    def make_connection(self, host: Any) -> http.client.HTTPConnection:  # noqa: ANN401 (the base class's own signature)
        connection = http.client.HTTPConnection("localhost")
        connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.sock.connect(str(SOCKET))
        return connection


def _call(method: str, *arguments: object) -> object:
    with xmlrpc.client.ServerProxy("http://localhost", transport=_UnixTransport()) as proxy:
        return getattr(proxy.supervisor, method)(*arguments)
