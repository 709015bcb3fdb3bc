"""Puts provider plugins where the engine looks first: executables of a fixed name on PATH.

Official ones are used where they are installed. They come from a download site that the embedded default does not reach
by itself, so elsewhere the stand-ins take their place.
"""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

_NAMES = ("kubernetes", "docker")

LAUNCHER = """#!/bin/sh
# Starts the embedded default's stand-in for this provider, never meant for a cluster of one's own.
PYTHONPATH={root} exec {python} -m local.plugins.{name} "$@"
"""


def write_launchers(directory: Path) -> list[str]:
    """Make `pulumi-resource-kubernetes` and `pulumi-resource-docker` in a directory meant for PATH.

    Args:
        directory: Created if missing; launchers in it are overwritten.

    Returns:
        Names of the providers for which a stand-in is used.
    """
    directory.mkdir(parents=True, exist_ok=True)
    stand_ins: list[str] = []
    for name in _NAMES:
        launcher = directory / f"pulumi-resource-{name}"
        launcher.unlink(missing_ok=True)
        official = _official(name, Path.home() / ".pulumi" / "plugins")
        if official is not None and (name != "docker" or _docker_runs()):
            launcher.symlink_to(official)
            continue
        stand_ins.append(name)
        launcher.write_text(LAUNCHER.format(root=shlex.quote(str(ROOT)), python=shlex.quote(sys.executable), name=name))
        launcher.chmod(0o755)
    return stand_ins


def _official(name: str, plugins: Path) -> Path | None:
    """The plugin that `pulumi plugin install resource NAME` or the user's PATH has."""
    on_path = shutil.which(f"pulumi-resource-{name}")
    if on_path is not None:
        return Path(on_path)
    installed = plugins.glob(f"resource-{name}-v*/pulumi-resource-{name}")
    return max(installed, key=lambda plugin: plugin.stat().st_mtime, default=None)


def _docker_runs() -> bool:
    """The official plugin cannot even be configured without a Docker daemon."""
    docker = shutil.which("docker")
    return docker is not None and subprocess.run([docker, "info"], capture_output=True, check=False).returncode == 0
