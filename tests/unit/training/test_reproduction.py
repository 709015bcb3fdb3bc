"""What is refused before anything is trained again; the training itself is in tests/e2e/test_0_reproduce.py."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from contract import store
from contract.exits import Exit, Failure
from contract.manifest import Manifest
from contract.run import RunDefinition, RunEnvironment
from training.published import whole
from training.reproduction import reproduce

DEFINITION = RunDefinition(args={"epochs": 2})


@pytest.fixture
def run(tmp_path: Path) -> RunEnvironment:
    """Version 3 of a store in which it is published."""
    manifest = Manifest(
        model="digits",
        version=3,
        definition=DEFINITION,
        metrics={"testAccuracy": 0.98},
        image="train@sha256:1",
        data_digest="a" * 64,
        tensorflow_version="2.20.0",
        created="2026-01-31T12:00:00Z",
    )
    root = tmp_path / "store"
    root.mkdir()
    store.publish(root, manifest, lambda directory: (directory / "saved_model.pb").touch())
    return RunEnvironment(
        model="digits", version=3, definition=DEFINITION, gpu_mode="exclusive", image="train@sha256:2", store=str(root)
    )


def test_a_whole_version_gives_its_manifest(run: RunEnvironment) -> None:
    manifest = whole(run)
    assert (manifest.definition, manifest.image) == (DEFINITION, "train@sha256:1")
    assert Manifest.parse(json.dumps(json.loads(manifest.text()))) == manifest


def test_a_version_that_is_not_there_is_refused_with_those_that_are(run: RunEnvironment) -> None:
    with pytest.raises(store.MissingError, match=r"/digits/4 does not exist: the versions of digits are 3$"):
        whole(replace(run, version=4))
    with pytest.raises(store.MissingError, match=r"/letters/3 does not exist: there is no version of letters yet$"):
        whole(replace(run, model="letters"))


def test_a_damaged_version_is_not_trained_again(run: RunEnvironment, tmp_path: Path) -> None:
    (Path(run.store) / "digits/3/saved_model.pb").write_text("damage")
    with pytest.raises(store.DamagedError, match=r"saved_model\.pb has 6 bytes instead of 0"):
        reproduce(run, tmp_path, 0.01)


def test_another_definition_than_the_version_s_is_refused_with_both_named(run: RunEnvironment, tmp_path: Path) -> None:
    other = replace(run, definition=RunDefinition(args={"epochs": 3}))
    with pytest.raises(Failure, match=r"another definition \(published and asked for\): args\.epochs: 2 and 3") as no:
        reproduce(other, tmp_path, 0.01)
    assert no.value.code == Exit.REFUSED
