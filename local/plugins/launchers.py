"""Puts the stand-ins where the engine looks for plugins: executables of a fixed name on PATH."""

import shlex
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

LAUNCHER = """#!/bin/sh
# Starts the embedded default's stand-in for this provider, never meant for a cluster of one's own.
PYTHONPATH={root} exec {python} -m local.plugins.{name} "$@"
"""


def write_launchers(directory: Path) -> None:
    """Write `pulumi-resource-kubernetes` and `pulumi-resource-docker` into a directory made for PATH.

    Args:
        directory: Created if missing; launchers in it are overwritten.
    """
    directory.mkdir(parents=True, exist_ok=True)
    for name in ("kubernetes", "docker"):
        launcher = directory / f"pulumi-resource-{name}"
        launcher.write_text(LAUNCHER.format(root=shlex.quote(str(ROOT)), python=shlex.quote(sys.executable), name=name))
        launcher.chmod(0o755)
