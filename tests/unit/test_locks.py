"""The lock files hold what pyproject.toml pins, with hashes."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT: Any = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROGRAM: list[str] = PROJECT["project"]["dependencies"]
GROUPS: dict[str, list[str]] = PROJECT["dependency-groups"]


@pytest.mark.parametrize(
    ("lock", "pins"),
    [
        ("requirements.txt", PROGRAM),
        (
            "requirements-dev.txt",
            [*PROGRAM, *(pin for group, pins in GROUPS.items() if group != "checkov" for pin in pins)],
        ),
        ("training/requirements.txt", GROUPS["training"]),
        ("training/requirements-tensorflow.txt", [*GROUPS["training"], *GROUPS["tensorflow"]]),
        ("tools/checkov.txt", GROUPS["checkov"]),
        ("tools/uv.txt", [pin for pin in GROUPS["build"] if pin.startswith("uv==")]),
    ],
)
def test_every_pin_is_locked(lock: str, pins: list[str]) -> None:
    locked = set(re.findall(r"^(\S+==\S+)", (ROOT / lock).read_text(), re.MULTILINE))
    assert pins
    assert {re.sub(r"[._]", "-", pin.partition("==")[0]) + "==" + pin.partition("==")[2] for pin in pins} <= locked


@pytest.mark.parametrize("lock", ["requirements.txt", "requirements-dev.txt", "tools/checkov.txt", "tools/uv.txt"])
def test_nothing_is_locked_without_a_hash(lock: str) -> None:
    for entry in re.split(r"\n(?=\S)", (ROOT / lock).read_text()):
        assert entry.startswith("#") or "--hash=sha256:" in entry, entry


def test_the_program_does_not_bring_tensorflow() -> None:
    assert "tensorflow" not in (ROOT / "requirements.txt").read_text()
