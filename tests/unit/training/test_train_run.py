"""What a training run does before it trains: nothing is written unless everything is right."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from contract import store
from contract.exits import Exit, Failure
from contract.manifest import Manifest
from contract.run import RunDefinition, RunEnvironment
from training.child import run_once

ROOT = Path(__file__).parents[3]
DEFINITION = RunDefinition(args={"epochs": 2})


def run_in(root: Path, definition: RunDefinition = DEFINITION) -> RunEnvironment:
    return RunEnvironment(
        model="digits", version=1, definition=definition, gpu_mode="pretend", image="train@sha256:1", store=str(root)
    )


def once(run: RunEnvironment) -> str:
    return run_once(run, store.staging_path(Path(run.store), run.model, run.version))


def process(env: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "training.train"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def published(tmp_path: Path) -> Path:
    manifest = Manifest(
        model="digits",
        version=1,
        definition=DEFINITION,
        metrics={"testAccuracy": 0.9811},
        image="older@sha256:0",
        data_digest="a" * 64,
        tensorflow_version="2.20.0",
        created="2026-01-31T12:00:00Z",
    )
    store.publish(tmp_path, manifest, lambda directory: (directory / "saved_model.pb").touch())
    return tmp_path


def test_a_published_version_is_not_trained_again_whatever_the_image(published: Path) -> None:
    line = once(replace(run_in(published), image="newer@sha256:2"))
    assert line == "digits version 1 is published already (test accuracy 0.981): nothing to train"


def test_a_published_version_is_recognised_without_tensorflow(published: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from contract.run import RunEnvironment;"
        "from training.child import run_once; run_once(RunEnvironment.from_env(os.environ), Path('/unused'));"
        "print({'tensorflow', 'sklearn', 'keras'} & set(sys.modules))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=run_in(published).to_env(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout == "set()\n"


def test_words_that_newer_training_code_no_longer_knows_do_not_matter_once_published(tmp_path: Path) -> None:
    definition = RunDefinition(args={"momentum": 0.9})
    manifest = Manifest(
        model="digits",
        version=1,
        definition=definition,
        metrics={},
        image="older",
        data_digest="a" * 64,
        tensorflow_version="2.19.0",
        created="2026-01-31T12:00:00Z",
    )
    store.publish(tmp_path, manifest, lambda directory: (directory / "saved_model.pb").touch())
    assert "nothing to train" in once(run_in(tmp_path, definition))


def test_another_definition_of_a_published_version_is_refused_with_both_named(published: Path) -> None:
    with pytest.raises(Failure, match=r"args\.epochs: 2 and 3; seed: 0 and 5\. Take a new version number") as caught:
        once(run_in(published, RunDefinition(args={"epochs": 3}, seed=5)))
    assert caught.value.code == Exit.REFUSED


def test_a_damaged_published_version_is_not_overwritten(published: Path) -> None:
    (published / "digits/1/saved_model.pb").write_text("damage")
    with pytest.raises(store.DamagedError, match=r"has 6 bytes instead of 0\. Move .*digits/1 away, or train under"):
        once(run_in(published))
    assert (published / "digits/1/saved_model.pb").read_text() == "damage"


@pytest.mark.parametrize(
    ("definition", "reason"),
    [
        (RunDefinition(args={"epoch": 3}), r"args\.epoch is unknown"),
        (RunDefinition(args={"batchSize": 1280}), r"args\.batchSize is 1280: must be at most 1279"),
    ],
)
def test_wrong_arguments_write_nothing(tmp_path: Path, definition: RunDefinition, reason: str) -> None:
    with pytest.raises(Failure, match=reason) as caught:
        once(run_in(tmp_path, definition))
    assert caught.value.code == Exit.BAD_INPUT
    assert list(tmp_path.iterdir()) == []


def test_the_last_line_of_a_failed_run_says_why_and_no_traceback(tmp_path: Path) -> None:
    result = process({**run_in(tmp_path, RunDefinition(args={"epochs": 0})).to_env()})
    assert result.returncode == Exit.BAD_INPUT
    assert result.stderr == (
        "error: training digits version 1: the definition is wrong: args.epochs is 0: must be a whole number from 1 to "
        "1000\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_run_without_its_variables_names_them_all() -> None:
    result = process({})
    assert result.returncode == Exit.BAD_INPUT
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: the environment of the training run is wrong: 7 problems: TFK8S_MODEL is missing")


def test_a_published_version_ends_well(published: Path) -> None:
    result = process(run_in(published).to_env())
    assert (result.returncode, result.stderr) == (Exit.OK, "")
