"""Starts containerd, without the containers that an earlier cluster left in its metadata.

`python -m local.cluster.containerd CONFIG` runs under the supervisor. Images outlive the cluster in the cache, and so
would records of containers whose processes and API objects are long gone. They are removed while containerd runs
without its Kubernetes part, which would otherwise take them for its own.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

from local.cluster.node import CONTAINERD_SOCKET

_CLEANED = Path("/run/containerd-cleaned")
"""Goes with the namespace: a restart of containerd within one must keep the running containers."""
_NAMESPACE = "k8s.io"
_START_SECONDS = 30.0


def main() -> None:
    """Clean once per namespace, then become containerd."""
    config = Path(sys.argv[1])
    if not _CLEANED.exists():
        _clean(config.with_name("containerd-clean.toml"))
        _CLEANED.touch()
    os.execvp("containerd", ["containerd", "--config", str(config)])  # noqa: S606 (no shell is the point)


def _clean(config: Path) -> None:
    containerd = subprocess.Popen(["containerd", "--config", str(config)])
    try:
        deadline = time.monotonic() + _START_SECONDS
        while subprocess.run([*_CTR, "version"], capture_output=True, check=False).returncode:
            if time.monotonic() > deadline or containerd.poll() is not None:
                sys.exit("containerd did not start to be cleaned")
            time.sleep(0.05)
        listed = subprocess.run([*_CTR, "containers", "list", "-q"], capture_output=True, text=True, check=True)
        if containers := listed.stdout.split():
            subprocess.run([*_CTR, "containers", "remove", *containers], check=True)
    finally:
        containerd.terminate()
        containerd.wait()


_CTR = ["ctr", "--address", str(CONTAINERD_SOCKET), "--namespace", _NAMESPACE]


if __name__ == "__main__":
    main()
