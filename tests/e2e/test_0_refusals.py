"""A machine that cannot run the cluster is told so at once, on one screen, and is left as it was."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from local import paths
from tests.e2e.platform import make

SECONDS = 5
"""In which a refusal must be said."""


@pytest.fixture
def checkout() -> Generator[Path]:
    """What `make up` needs before it installs anything, where every user can read it."""
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        place.chmod(0o755)
        shutil.copy(paths.ROOT / "Makefile", place)
        for part in ("local", "tools"):
            shutil.copytree(paths.ROOT / part, place / part, ignore=shutil.ignore_patterns("__pycache__"))
        yield place


def refused(checkout: Path, *privileges: str) -> str:
    """What `make up` says with fewer privileges."""
    done = subprocess.run(
        ["setpriv", *privileges, "make", "up"],
        cwd=checkout,
        env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "HOME": str(checkout), "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode != 0
    assert "Traceback" not in done.stdout
    assert "pulumi up -s dev" in done.stdout, "how to use a cluster of one's own"
    assert not (checkout / ".venv").exists()
    assert not (checkout / ".local").exists()
    return done.stdout


def test_nobody_is_told_to_be_root(checkout: Path) -> None:
    assert "not root (user 65534)" in refused(checkout, "--reuid=65534", "--regid=65534", "--clear-groups")


def test_a_host_that_cannot_make_namespaces_is_named(checkout: Path) -> None:
    assert "namespaces" in refused(checkout, "--bounding-set=-sys_admin", "--inh-caps=-all")


def test_a_taken_port_is_named_with_its_holder() -> None:
    assert make("down").status == 0
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind((paths.LOOPBACK, paths.API_PORT))
        taken.listen()
        done = make("up")
    assert done.status != 0
    assert f"port {paths.API_PORT}, needed for the API server, is taken by process {os.getpid()}" in done.text
    assert "Traceback" not in done.text
    assert done.seconds < SECONDS
