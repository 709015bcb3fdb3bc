"""buildah with a storage of its own in the cache, and its mounts and processes tied to whoever started them."""

import fcntl
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from local import paths
from local.progress import LocalError

ERROR_LINES = 25
"""Lines of a failed step's output that an error shows."""

DIES_WITH_ITS_STARTER = (
    *("setpriv", "--pdeathsig", "KILL"),
    *("unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc"),
)
"""Prefix of a command that leaves neither mount nor process behind, however it or its starter ends."""


def command(*arguments: str) -> list[str]:
    """A buildah command line on the cache's storage; the system's storage is never touched."""
    storage = paths.BUILDAH_CACHE
    return ["buildah", "--root", str(storage / "root"), "--runroot", str(storage / "run"), *arguments]


@contextmanager
def scratch() -> Generator[Path]:
    """A directory for one build: for buildah's big temporary files too, as /tmp may be small or in memory."""
    place = paths.BUILDAH_CACHE / "tmp"
    place.mkdir(parents=True, exist_ok=True)
    with _lock_file().open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        with tempfile.TemporaryDirectory(dir=place) as directory:
            yield Path(directory)


def tidy() -> None:
    """Remove what killed builds left in the storage, and images that nothing names any more.

    Does nothing while any build runs, of this checkout or another.
    """
    with _lock_file().open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        for stale in (paths.BUILDAH_CACHE / "tmp").glob("*"):
            shutil.rmtree(stale, ignore_errors=True)
        for arguments in (("rm", "--all"), ("rmi", "--prune")):
            subprocess.run([*DIES_WITH_ITS_STARTER, *command(*arguments)], capture_output=True, check=False)


def _lock_file() -> Path:
    """Builds hold it shared, `tidy` alone; it dies with its holder."""
    return paths.BUILDAH_CACHE / ".in-use"


def run(step: str, arguments: Sequence[str], *, environment: Mapping[str, str] | None = None) -> str:
    """Run one step of a build.

    Args:
        step: What it does, as an error names it: `installing Debian packages`.
        arguments: The command line.
        environment: Instead of the process's own.

    Returns:
        Its standard output, stripped.

    Raises:
        LocalError: It failed or is not installed; names the step and shows the last lines of its output.
    """
    try:
        done = subprocess.run(
            arguments, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise LocalError(f"{step}: the command `{arguments[0]}` is missing. Install it, then try again.") from None
    if done.returncode:
        raise LocalError(failure(step, arguments, done.returncode, done.stdout + done.stderr))
    return done.stdout.strip()


def failure(step: str, arguments: Sequence[str], code: int, output: str) -> str:
    """Text of a failed step: what, the exit code, the last lines of its output, the command."""
    lines = [line.rstrip() for line in output.splitlines() if line.strip()]
    tail = "\n".join(f"  {line}" for line in lines[-ERROR_LINES:]) or "  (it printed nothing)"
    return f"{step} failed (exit code {code}). Its last lines:\n{tail}\nThe command was: {shlex.join(arguments)}"


def environment(scratch_directory: Path) -> dict[str, str]:
    """The process's environment with buildah's temporary files sent to `scratch_directory`."""
    return {**os.environ, "TMPDIR": str(scratch_directory)}
