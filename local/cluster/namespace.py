"""The cluster's own mount and process namespaces."""

import os
import subprocess
import sys

from local import paths, processes
from local.cluster.supervisor import LOGS

MARK = "TFK8S_CLUSTER"
"""Like `processes.MARK`, but only on the cluster's own processes."""


def enter() -> processes.Identity | None:
    """Start the namespaces with the supervisor inside; they all end, by SIGKILL, when the returned process does."""
    LOGS.mkdir(parents=True, exist_ok=True)
    unshare = ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc"]
    with (LOGS / "namespace.log").open("wb") as log:
        process = subprocess.Popen(
            [*unshare, sys.executable, "-m", "local.cluster.layout"],
            cwd=paths.ROOT,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    return processes.identify(process.pid)


def environment() -> dict[str, str]:
    """All that the cluster's processes inherit: no proxy settings, no tokens, nothing of the person's."""
    inherited = {name: os.environ[name] for name in ("HOME", "TFK8S_CACHE", "XDG_CACHE_HOME") if name in os.environ}
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return {**inherited, "PATH": path, "LANG": "C.UTF-8", processes.MARK: str(paths.LOCAL), MARK: str(paths.LOCAL)}
