"""The lock files hold what pyproject.toml pins, with hashes."""

import re
import tomllib
from importlib.metadata import requires
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
PROJECT: Any = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROGRAM: list[str] = PROJECT["project"]["dependencies"]
GROUPS: dict[str, list[str]] = {
    group: [pin for pin in pins if isinstance(pin, str)] for group, pins in PROJECT["dependency-groups"].items()
}


@pytest.mark.parametrize(
    ("lock", "pins"),
    [
        ("requirements.txt", PROGRAM),
        (
            "requirements-dev.txt",
            [*PROGRAM, *(pin for group, pins in GROUPS.items() if group != "checkov" for pin in pins)],
        ),
        ("training/requirements.txt", GROUPS["training"]),
        (
            "training/requirements-tensorflow.txt",
            [*GROUPS["training"], *GROUPS["tensorflow"], *GROUPS["tensorboard"]],
        ),
        ("training/requirements-tensorboard.txt", GROUPS["tensorboard"]),
        ("tools/checkov.txt", GROUPS["checkov"]),
        ("tools/uv.txt", [pin for pin in GROUPS["build"] if pin.startswith("uv==")]),
    ],
)
def test_every_pin_is_locked(lock: str, pins: list[str]) -> None:
    assert pins
    assert {re.sub(r"[._]", "-", pin.partition("==")[0]) + "==" + pin.partition("==")[2] for pin in pins} <= locked_in(
        lock
    )


def locked_in(lock: str) -> set[str]:
    return set(re.findall(r"^(\S+==\S+)", (ROOT / lock).read_text(), re.MULTILINE))


def test_tensorboard_alone_brings_nothing_that_tensorflow_has_brought() -> None:
    """It is installed without a look at dependencies, so what is missing here would be missing there."""
    needs = {Requirement(need).name for need in requires("tensorboard") or () if "extra" not in need}
    shared = needs & {Requirement(need).name for need in requires("tensorflow-cpu") or () if "extra" not in need}
    alone = {pin.partition("==")[0] for pin in locked_in("training/requirements-tensorboard.txt")}
    assert "protobuf" in shared
    assert not shared & alone
    assert needs - shared <= alone
    assert locked_in("training/requirements-tensorboard.txt") <= locked_in("training/requirements-tensorflow.txt")


@pytest.mark.parametrize("lock", ["requirements.txt", "requirements-dev.txt", "tools/checkov.txt", "tools/uv.txt"])
def test_nothing_is_locked_without_a_hash(lock: str) -> None:
    for entry in re.split(r"\n(?=\S)", (ROOT / lock).read_text()):
        assert entry.startswith("#") or "--hash=sha256:" in entry, entry


def test_the_program_does_not_bring_tensorflow() -> None:
    assert "tensorflow" not in (ROOT / "requirements.txt").read_text()
