"""Versions trained again beside themselves, as processes of this machine: what the image itself does."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from contract import store
from contract.comparison import Comparison, Verdict
from contract.exits import Exit
from contract.manifest import MANIFEST
from contract.run import RunDefinition, RunEnvironment
from tests.e2e.gang import ROOT, Gang

LEARNED = {"epochs": 2, "deterministic": True}
WEIGHTS = 151_306


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of a version that this repository's training made."""
    with Gang(tmp_path_factory.mktemp("alone"), 1, LEARNED) as gang:
        gang.wait_for_end()
    return gang.store


def reproduced(root: Path, temp: Path, code: Path = ROOT) -> "subprocess.CompletedProcess[str]":
    """What came of training the version of a store again."""
    run = RunEnvironment(
        model="digits",
        version=1,
        definition=RunDefinition(args=LEARNED),
        gpu_mode="exclusive",
        image="image",
        store=str(root),
    )
    place = temp / "temp"
    place.mkdir()
    return subprocess.run(
        [sys.executable, "-m", "training.reproduce"],
        cwd=code,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(code), "TMPDIR": str(place), **run.to_env()},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def compared(root: Path, temp: Path, code: Path = ROOT) -> Comparison:
    done = reproduced(root, temp, code)
    assert done.returncode == Exit.OK, done.stderr
    return Comparison.parse(done.stdout.splitlines()[-1])


def content(root: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(file): (file.stat().st_mtime_ns, file.read_bytes() if file.is_file() else b"") for file in root.rglob("*")
    }


def test_one_worker_learns_the_same_bits_again_and_writes_nothing_into_the_store(alone: Path, tmp_path: Path) -> None:
    before = content(alone)
    comparison = compared(alone, tmp_path)
    assert comparison.verdict is Verdict.IDENTICAL
    assert (comparison.weights.count, comparison.weights.differing) == (WEIGHTS, 0)
    assert all(published == again for published, again in comparison.variables.values())
    assert len(comparison.variables) == 2
    assert content(alone) == before


def test_other_data_is_refused_before_it_is_trained_on(alone: Path, tmp_path: Path) -> None:
    root = tmp_path / "edited"
    shutil.copytree(alone, root)
    file = store.version_dir(root, "digits", 1) / MANIFEST
    file.write_text(json.dumps({**json.loads(file.read_text()), "dataDigest": "a" * 64}))
    refused = reproduced(root, tmp_path)
    assert refused.returncode == Exit.REFUSED
    assert refused.stdout == ""
    assert (
        "the data digits is not the one it was trained on (SHA-256 then and now): aaaaaaaaaaaa… and " in refused.stderr
    )


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("layers.Dense(128,", "layers.Dense(64,", "was float32 [1024, 128] and is float32 [1024, 64]"),
        ('layers.Dense(128, activation="relu")', 'layers.Dense(128, activation="tanh")', "weights differ"),
    ],
)
def test_other_training_code_is_told_apart(alone: Path, tmp_path: Path, old: str, new: str, said: str) -> None:
    code = tmp_path / "code"
    for package in ("contract", "training"):
        shutil.copytree(ROOT / package, code / package)
    model = code / "training" / "model.py"
    assert old in model.read_text()
    model.write_text(model.read_text().replace(old, new))
    comparison = compared(alone, tmp_path, code)
    assert comparison.verdict is not Verdict.IDENTICAL
    assert said in comparison.sentence
