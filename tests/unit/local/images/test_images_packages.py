"""The TensorFlow layer: which Python it is for, and its commands."""

from pathlib import Path

import pytest

from local.images import packages
from local.progress import LocalError


def test_the_images_newest_python_is_the_one(tmp_path: Path) -> None:
    (tmp_path / "usr/bin").mkdir(parents=True)
    with pytest.raises(LocalError, match="no python3"):
        packages.python_version(tmp_path)
    for name in ("python3", "python3.9", "python3.11", "python3-config"):
        (tmp_path / "usr/bin" / name).touch()
    assert packages.python_version(tmp_path) == "3.11"


@pytest.mark.parametrize(
    "head", ["#!/home/me/.venv/bin/python\n", "#!/bin/sh\n'''exec' '/a b/python' \"$0\" \"$@\"\n' '''\n"]
)
def test_commands_run_with_the_images_python(tmp_path: Path, head: str) -> None:
    source, destination = tmp_path / "bin", tmp_path / "usr/local/bin"
    source.mkdir()
    (source / "tensorboard").write_text(f"{head}{packages.SCRIPT_START}\nimport sys\n")
    packages.move_scripts(source, destination)
    command = destination / "tensorboard"
    assert command.read_text() == f"#!/usr/bin/python3\n{packages.SCRIPT_START}\nimport sys\n"
    assert command.stat().st_mode & 0o777 == 0o755
    assert not source.exists()
