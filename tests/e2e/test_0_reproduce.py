"""Versions trained again beside themselves, as processes of this machine: what the image itself does."""

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from contract import store
from contract.comparison import Comparison, Verdict
from contract.exits import Exit
from contract.manifest import MANIFEST
from contract.run import RunDefinition, RunEnvironment, Scalar
from tests.e2e.gang import ROOT, Gang, free_ports

LEARNED = {"epochs": 2}
WEIGHTS = 151_306


def trained(root: Path, workers: int, **args: Scalar) -> Path:
    """The store of a version that this repository's training made."""
    with Gang(root, workers, {**LEARNED, **args}) as gang:
        gang.wait_for_end()
    return gang.store


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("alone"), 1, deterministic=True)


def run_of(root: Path, workers: int = 1, **args: Scalar) -> RunEnvironment:
    return RunEnvironment(
        model="digits",
        version=1,
        definition=RunDefinition(args={**LEARNED, **args}, workers=workers),
        gpu_mode="exclusive",
        image="image",
        store=str(root),
        peers=tuple(f"127.0.0.1:{port}" for port in free_ports(workers)) if workers > 1 else (),
    )


def ended(run: RunEnvironment, temp: Path, code: Path = ROOT) -> list["subprocess.CompletedProcess[str]"]:
    """Every worker of a reproduction, once all have ended."""
    done: dict[int, subprocess.CompletedProcess[str]] = {}

    def work(index: int) -> None:
        place = temp / f"temp-{index}"
        place.mkdir()
        done[index] = subprocess.run(
            [sys.executable, "-m", "training.reproduce"],
            cwd=code,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(code),
                "TMPDIR": str(place),
                **run.to_env(),
                "JOB_COMPLETION_INDEX": str(index),
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    workers = [threading.Thread(target=work, args=(index,)) for index in range(run.definition.workers)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return [done[index] for index in sorted(done)]


def compared(run: RunEnvironment, temp: Path, code: Path = ROOT) -> Comparison:
    chief, *others = ended(run, temp, code)
    assert chief.returncode == Exit.OK, chief.stderr
    assert all(other.returncode == Exit.OK for other in others)
    assert all(other.stdout.endswith("is done; the chief compares\n") for other in others)
    return Comparison.parse(chief.stdout.splitlines()[-1])


def content(root: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(file): (file.stat().st_mtime_ns, file.read_bytes() if file.is_file() else b"") for file in root.rglob("*")
    }


def test_one_worker_learns_the_same_bits_again_and_writes_nothing_into_the_store(alone: Path, tmp_path: Path) -> None:
    before = content(alone)
    comparison = compared(run_of(alone, deterministic=True), tmp_path)
    assert comparison.verdict is Verdict.IDENTICAL
    assert (comparison.weights.count, comparison.weights.differing) == (WEIGHTS, 0)
    assert all(published == again for published, again in comparison.variables.values())
    assert len(comparison.variables) == 2
    assert content(alone) == before


def test_two_workers_learn_the_same_bits_again_each_with_a_store_of_its_own(tmp_path: Path) -> None:
    root = trained(tmp_path, 2, deterministic=True)
    comparison = compared(run_of(root, 2, deterministic=True), tmp_path)
    assert comparison.verdict is Verdict.IDENTICAL
    assert all(published == again for published, again in comparison.variables.values())


def test_other_data_is_refused_before_it_is_trained_on(alone: Path, tmp_path: Path) -> None:
    root = tmp_path / "edited"
    shutil.copytree(alone, root)
    file = store.version_dir(root, "digits", 1) / MANIFEST
    file.write_text(json.dumps({**json.loads(file.read_text()), "dataDigest": "a" * 64}))
    [refused] = ended(run_of(root, deterministic=True), tmp_path)
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
    comparison = compared(run_of(alone, deterministic=True), tmp_path, code)
    assert comparison.verdict is not Verdict.IDENTICAL
    assert said in comparison.sentence
