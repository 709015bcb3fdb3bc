"""The file system as the cluster sees it.

`python -m local.cluster.layout` is what runs first in the cluster's namespaces; it becomes the process supervisor.
"""

import os
import subprocess
import sys
from pathlib import Path

from local import paths
from local.cluster.supervisor import CONFIG


def main() -> None:
    """Lay out the file system as the cluster sees it, then become the supervisor."""
    # Named network namespaces, containers' state and sockets: gone without a trace when the last process ends.
    _mount("-t", "tmpfs", "-o", "mode=755", "tfk8s", "/run")
    Path("/run/netns").mkdir()
    _mount("-t", "tmpfs", "-o", "mode=755", "tfk8s", "/var/lib/cni")
    # kubelet and containerd have fixed places below these.
    _bind(paths.CLUSTER / "kubelet", Path("/var/lib/kubelet"))
    _bind(paths.CLUSTER / "pod-logs", Path("/var/log"))
    paths.STORE.mkdir(parents=True, exist_ok=True)
    os.chown(paths.STORE, -1, paths.STORE_GROUP)
    paths.STORE.chmod(0o2775)
    _bind(paths.STORE, paths.STORE_IN_CLUSTER)
    hosts = paths.CLUSTER / "config" / "hosts"
    hosts.write_text(f"{paths.LOOPBACK} localhost {paths.NODE}\n")
    _mount("--bind", str(hosts), "/etc/hosts")
    command = [sys.executable, "-m", "supervisor.supervisord", "--nodaemon", "--configuration", str(CONFIG)]
    os.execv(sys.executable, command)  # noqa: S606 (no shell is the point)


def _bind(source: Path, target: Path) -> None:
    source.mkdir(parents=True, exist_ok=True)
    _mount("--bind", str(source), str(target))


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


if __name__ == "__main__":
    main()
