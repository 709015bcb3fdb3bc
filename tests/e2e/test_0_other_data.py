"""A run stands for the data it began with: other data under the same words are refused. Processes, no cluster."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from contract import checkpoints, store
from contract.exits import Exit
from contract.run import RunDefinition, RunEnvironment
from tests.e2e.gang import ROOT, Worker, signal_child
from training import records

ARGS = {"data": "data", "epochs": 5, "batchSize": 16, "checkpointSteps": 10}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two directories of records that differ in their noise alone."""
    from training.record_writer import write_digits  # noqa: PLC0415  imports TensorFlow

    directories = tmp_path_factory.mktemp("first"), tmp_path_factory.mktemp("second")
    for seed, directory in enumerate(directories):
        write_digits(directory, train_bytes=60_000, side=16, files=9, seed=seed)
    return directories


@pytest.fixture
def put(tmp_path: Path) -> Callable[[Path], None]:
    """Makes a directory of records the one that the run finds."""

    def put(directory: Path) -> None:
        shutil.rmtree(tmp_path / "data", ignore_errors=True)
        shutil.copytree(directory, tmp_path / "data")

    return put


def environment(root: Path, definition: RunDefinition, version: int = 1) -> dict[str, str]:
    run = RunEnvironment(
        model="digits", version=version, definition=definition, gpu_mode="exclusive", image="i", store=str(root)
    )
    return {**run.to_env(), "PATH": os.environ["PATH"], "TMPDIR": str(root)}


def ended(root: Path, definition: RunDefinition, version: int = 1) -> tuple[int, str]:
    """Exit code, and all that was said."""
    done = subprocess.run(
        [sys.executable, "-m", "training.train"],
        cwd=ROOT,
        env=environment(root, definition, version),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    print(done.stdout)
    return done.returncode, done.stdout


def cut_off(root: Path, definition: RunDefinition) -> None:
    """Train until there is a checkpoint, and no further."""
    temp = root / "temp"
    temp.mkdir()
    worker = Worker(0, environment(root, definition), temp)
    worker.start()
    place, deadline = checkpoints.checkpoints_dir(root, "digits", 1), time.monotonic() + 60
    while not checkpoints.steps(place):
        assert time.monotonic() < deadline, worker.lines
        time.sleep(0.005)
    signal_child(worker, signal.SIGSTOP)
    assert worker.process is not None
    worker.process.kill()
    worker.process.wait()


def test_a_run_cut_off_goes_on_with_its_own_data_only(
    tmp_path: Path, data: tuple[Path, Path], put: Callable[[Path], None]
) -> None:
    first, second = data
    definition = RunDefinition(args=ARGS)
    put(first)
    cut_off(tmp_path, definition)
    place = checkpoints.checkpoints_dir(tmp_path, "digits", 1)
    saved = checkpoints.steps(place)

    put(second)
    code, said = ended(tmp_path, definition)
    digests = [records.load(directory).digest[:12] for directory in data]
    assert code == Exit.REFUSED
    assert f"it had {digests[0]}… up to step {saved[-1]}, and finds {digests[1]}… now" in said.splitlines()[-1]
    assert (store.versions(tmp_path, "digits"), checkpoints.steps(place)) == ([], saved)

    put(first)
    code, said = ended(tmp_path, definition)
    assert code == Exit.OK
    assert f"resumed at step {saved[-1]} of 50" in said
    manifest = store.verify(tmp_path / "digits" / "1", model="digits", version=1)
    assert manifest.data_digest == records.load(first).digest

    put(second)
    code, said = ended(tmp_path, definition)
    assert (code, said.endswith("nothing to train\n")) == (Exit.OK, True), "a published version needs no data"
    assert store.verify(tmp_path / "digits" / "1", model="digits", version=1) == manifest


def test_data_that_are_not_of_the_declared_version_are_refused_before_anything_is_done(
    tmp_path: Path, data: tuple[Path, Path], put: Callable[[Path], None]
) -> None:
    first, second = data
    put(second)
    declared = records.load(first).digest[:12]
    code, said = ended(tmp_path, RunDefinition(args=ARGS, data_version=declared))
    assert code == Exit.BAD_INPUT
    assert f"dataVersion is '{declared}', and the digest of {tmp_path / 'data'} is" in said
    assert not (tmp_path / "digits").exists()
