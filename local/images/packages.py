"""The TensorFlow layer: the locked Python packages, lean and compiled.

uv runs on the host, for the image's Python: it reuses what `make` has downloaded, and the host's way to the package
index (proxy, certificates, mirror) serves without a trace of it in the image.
"""

import re
import shutil
import sys
from pathlib import Path

from local import paths
from local.images import buildah, index
from local.progress import LocalError

REQUIREMENTS = paths.ROOT / "training" / "requirements-tensorflow.txt"

UNUSED = ("tensorflow/include", "clang/native")
"""Headers for building operators; a compiler library that only its caller needs. 0.35 GB of 1.6 GB that every node
would pull."""

SCRIPT_START = "# -*- coding: utf-8 -*-"
"""First line of what uv writes into a command's script, after the line or lines that name the interpreter."""

PLATFORM = "x86_64-unknown-linux-gnu"


def python_version(root: Path) -> str:
    """Version of the Python in an image's root file system, such as `3.11`.

    Raises:
        LocalError: There is none.
    """
    names = [match[1] for path in (root / "usr/bin").iterdir() if (match := re.fullmatch(r"python(3\.\d+)", path.name))]
    if not names:
        raise LocalError(f"the base image has no python3 in {root / 'usr/bin'}")
    return max(names, key=lambda name: int(name.split(".")[1]))


def fill(root: Path, container: str) -> None:
    """Install the packages into the root file system `root` of buildah's working container `container`.

    Raises:
        LocalError: A step failed.
    """
    version = python_version(root)
    directory = f"/usr/local/lib/python{version}/dist-packages"
    target = root / directory.removeprefix("/")
    uv = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--link-mode=copy", "--only-binary=:all:"]
    python = [f"--python-version={version}", f"--python-platform={PLATFORM}", f"--target={target}"]
    locked = ["--require-hashes", f"--requirement={REQUIREMENTS}"]
    buildah.run("installing TensorFlow", [*uv, *python, *locked], environment=index.uv_environment())
    move_scripts(target / "bin", root / "usr/local/bin")
    for name in UNUSED:
        shutil.rmtree(target / name, ignore_errors=True)
    for tests in list(target.rglob("tests")):
        shutil.rmtree(tests, ignore_errors=True)
    # unchecked-hash: an image's layers may carry other file times than the ones compiled from, and the root file
    # system is read-only when it runs, so a stale file would be compiled again at each start.
    compileall = ["python3", "-m", "compileall", "-q", "-j2", "--invalidation-mode=unchecked-hash", directory]
    buildah.run("compiling Python files", buildah.command("run", "--isolation=chroot", container, "--", *compileall))


def move_scripts(source: Path, destination: Path) -> None:
    """Put the packages' commands on PATH, run by the image's Python: uv has named the host's in them.

    Args:
        source: Directory that uv made; removed.
        destination: Directory on the image's PATH.
    """
    destination.mkdir(parents=True, exist_ok=True)
    for script in source.iterdir() if source.is_dir() else ():
        _, start, body = script.read_text(errors="replace").partition(SCRIPT_START)
        if start:
            command = destination / script.name
            command.write_text(f"#!/usr/bin/python3\n{start}{body}")
            command.chmod(0o755)
    shutil.rmtree(source, ignore_errors=True)
