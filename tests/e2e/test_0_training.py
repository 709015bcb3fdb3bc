"""One tiny real training on two pretend GPUs, in a process of its own, and what it published."""

import math
import multiprocessing
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from contract import checkpoints, labelled, progress, store
from contract.exits import Exit, Failure
from contract.manifest import Manifest
from contract.run import RunDefinition, RunEnvironment
from training.child import run_once
from training.data import Digits, load

DEFINITION = RunDefinition(args={"epochs": 2}, gpus=2)


@dataclass(frozen=True)
class Trained:
    """A run in a store of its own, in which an attempt had crashed before."""

    run: RunEnvironment
    said: list[str]
    manifest: Manifest
    digits: Digits
    predict: Callable[[NDArray[np.float32]], NDArray[np.float32]]
    signature: Any

    @property
    def model_dir(self) -> Path:
        return Path(self.run.store) / "digits"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    root = tmp_path_factory.mktemp("store")
    (root / "digits" / ".tmp-1-crashed").mkdir(parents=True)
    (root / "digits" / ".logs" / "1").mkdir(parents=True)
    (root / "digits" / ".logs" / "1" / "events.of.the.crashed.attempt").touch()
    run = RunEnvironment(
        model="digits", version=1, definition=DEFINITION, gpu_mode="pretend", image="train@sha256:1", store=str(root)
    )
    with multiprocessing.get_context("spawn").Pool(1) as process:  # TensorFlow splits its CPU once in a process
        said = process.apply(_train, (run,))
    manifest = store.verify(root / "digits" / "1", model="digits", version=1)
    from training.untyped import tf  # noqa: PLC0415  not before it is needed, like the code under test

    loaded = tf.saved_model.load(str(root / "digits" / "1"))
    signature = loaded.signatures["serving_default"]

    def predict(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        # The signature does not keep the loaded model alive.
        return loaded.signatures["serving_default"](pixels=tf.constant(pixels))["probabilities"].numpy()

    return Trained(run, said, manifest, load(), predict, signature)


def _train(run: RunEnvironment) -> list[str]:
    said = StringIO()
    with redirect_stdout(said):
        last = run_once(run, store.staging_path(Path(run.store), "digits", 1))
    return [*said.getvalue().splitlines(), last]


def test_the_test_part_stands_beside_the_model_as_requests_with_their_labels(trained: Trained) -> None:
    examples = labelled.read(trained.model_dir / "1" / labelled.TEST_PART)
    answers = trained.predict(np.array([example.instance for example in examples], np.float32)).argmax(axis=1)
    right = sum(int(answer) == example.label for answer, example in zip(answers, examples, strict=True))
    assert len(examples) == trained.manifest.metrics["testExamples"]
    assert right / len(examples) == pytest.approx(trained.manifest.metrics["testAccuracy"], abs=1e-6)


def test_a_session_loads_it_which_is_how_tensorflow_serving_does(trained: Trained) -> None:
    from training.untyped import tf  # noqa: PLC0415  imports TensorFlow

    pixels = trained.digits.test.images[:5]
    session = tf.compat.v1.Session(graph=tf.Graph())
    with session.graph.as_default():
        graph = tf.compat.v1.saved_model.load(session, ["serve"], str(trained.model_dir / "1"))
    signature = graph.signature_def["serving_default"]
    answer = session.run(signature.outputs["probabilities"].name, {signature.inputs["pixels"].name: pixels})
    np.testing.assert_allclose(answer, trained.predict(pixels), rtol=1e-5)


def test_the_published_model_is_the_one_that_was_judged(trained: Trained) -> None:
    probabilities = trained.predict(trained.digits.test.images)
    labels = trained.digits.test.labels
    accuracy = float((probabilities.argmax(axis=1) == labels).mean())
    loss = float(-np.log(probabilities[np.arange(len(labels)), labels]).mean())
    assert trained.manifest.metrics["testAccuracy"] == pytest.approx(accuracy, abs=1e-6)
    assert trained.manifest.metrics["testLoss"] == pytest.approx(loss, abs=1e-4)
    assert accuracy > 0.8


def test_the_serving_signature_is_explicit(trained: Trained) -> None:
    inputs, outputs = trained.signature.structured_input_signature[1], trained.signature.structured_outputs
    assert {name: (spec.dtype.name, spec.shape.as_list()) for name, spec in inputs.items()} == {
        "pixels": ("float32", [None, 8, 8])
    }
    assert {name: (spec.dtype.name, spec.shape.as_list()) for name, spec in outputs.items()} == {
        "probabilities": ("float32", [None, 10])
    }


@pytest.mark.parametrize("count", [1, 3, 64])
def test_any_number_of_raw_images_gives_probabilities(trained: Trained, count: int) -> None:
    probabilities = trained.predict(trained.digits.test.images[:count])
    assert probabilities.shape == (count, 10)
    assert probabilities.sum(axis=1) == pytest.approx(np.ones(count), abs=1e-5)


def test_the_version_brings_requests_of_several_sizes_that_the_server_replays(trained: Trained) -> None:
    from local.images.serving.runtime import import_tensorflow  # noqa: PLC0415  not before TensorFlow is there
    from local.images.serving.warmup import warmup_requests  # noqa: PLC0415  not before TensorFlow is there

    assert store.WARMUP in {entry.path for entry in trained.manifest.files}
    requests = list(warmup_requests(import_tensorflow(), str(trained.model_dir / "1")))
    assert {signature for signature, _ in requests} == {"serving_default"}
    assert [inputs["pixels"].shape for _, inputs in requests] == [(n, 8, 8) for n in (1, 2, 4, 8, 16, 32)]
    assert [trained.predict(inputs["pixels"]).shape for _, inputs in requests][-1] == (32, 10)


def test_the_manifest_says_where_the_version_comes_from(trained: Trained) -> None:
    manifest = trained.manifest
    assert manifest.definition == DEFINITION
    assert manifest.image == "train@sha256:1"
    assert manifest.data_digest == trained.digits.digest
    assert manifest.metrics["trainExamples"] == 1279
    assert manifest.metrics["epochs"] == 2


def test_each_epoch_is_one_line_and_the_last_line_is_the_result(trained: Trained) -> None:
    assert trained.said[0] == "removed .tmp-1-crashed, left by an attempt that crashed"
    assert trained.said[1].startswith("training digits version 1: 2 epochs of 1279 digits in batches of 64 on 2 GPUs")
    assert [line.split(":")[0] for line in trained.said[2:4]] == ["epoch 1/2", "epoch 2/2"]
    assert trained.said[4].startswith("published digits version 1: test accuracy 0.")
    assert len(trained.said) == 5


def test_nothing_else_is_left_in_the_store(trained: Trained) -> None:
    names = sorted(path.relative_to(trained.model_dir).as_posix() for path in trained.model_dir.glob(".*/*"))
    assert names == [".logs/1", ".progress/1.json"]
    assert sorted(path.name for path in trained.model_dir.iterdir() if path.name[0] != ".") == ["1"]


def test_the_logs_hold_the_curves_of_this_attempt_for_tensorboard(trained: Trained) -> None:
    from training.untyped import tf  # noqa: PLC0415  not before it is needed, like the code under test

    (file,) = (trained.model_dir / ".logs" / "1").iterdir()
    events = [tf.compat.v1.Event.FromString(record.numpy()) for record in tf.data.TFRecordDataset(str(file))]
    points = [(event.step, value) for event in events for value in event.summary.value]
    assert {value.metadata.plugin_data.plugin_name for step, value in points if step == 1} == {"scalars"}
    assert [step for step, value in points if value.tag == "accuracy/validation"] == [1, 2]
    assert {value.tag for _, value in points} == {
        "loss/train",
        "loss/validation",
        "accuracy/train",
        "accuracy/validation",
    }


def test_the_second_run_finds_the_first_ones_version(trained: Trained) -> None:
    line = run_once(trained.run, store.staging_path(Path(trained.run.store), "digits", 1))
    assert line.endswith("nothing to train")


def test_tensorflow_is_imported_without_the_packages_that_keras_only_looks_for() -> None:
    code = "import sys, training.untyped; print({'sklearn', 'scipy'} & {*sys.modules}); import sklearn, scipy"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


@pytest.mark.parametrize("mode", ["exclusive", "timeSlicing", "mps", "mig"])
def test_fewer_gpus_than_asked_for_is_an_error_of_its_own(trained: Trained, mode: str) -> None:
    from training.strategy import make_strategy  # noqa: PLC0415  imports TensorFlow

    assert trained
    with pytest.raises(Failure, match=f"gpus is 4 in mode {mode}, and TensorFlow sees 0") as caught:
        make_strategy(4, mode)
    assert caught.value.code == Exit.NO_GPU


def test_a_disk_that_fills_up_during_the_export_is_said_in_plain_words(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from training.model import build, export  # noqa: PLC0415  imports TensorFlow
    from training.untyped import keras, tf  # noqa: PLC0415 - imports TensorFlow

    def write_out(*_: object, **__: object) -> None:
        raise tf.errors.UnknownError(
            None, None, "{{function_node __wrapped__SaveV2}} x; No space left on device [Op:SaveV2]"
        )

    assert trained
    monkeypatch.setattr(keras.export.ExportArchive().__class__, "write_out", write_out)
    with pytest.raises(OSError, match="No space left on device") as caught:
        export(build(trained.digits), trained.digits, tmp_path)
    assert caught.value.strerror == "No space left on device"
    assert caught.value.filename == str(tmp_path)


def test_progress_ends_as_published_with_every_epoch(trained: Trained) -> None:
    told = progress.read(progress.progress_path(Path(trained.run.store), "digits", 1))
    assert told is not None
    assert (told.phase, told.step, told.steps, told.restarts) == ("published", 38, 38, 0)
    assert [epoch.epoch for epoch in told.history] == [1, 2]
    assert told.history[-1].validation_accuracy == pytest.approx(
        trained.manifest.metrics["validationAccuracy"], abs=1e-6
    )


def any_devices(_gpus: int, _mode: str, *, memory_fraction: float, deterministic: bool) -> Any:
    """Devices cannot be configured once TensorFlow has used one."""
    from training.untyped import tf  # noqa: PLC0415  imports TensorFlow

    assert memory_fraction == 1
    assert not deterministic
    return tf.distribute.get_strategy()


def test_a_training_that_diverges_publishes_nothing_and_leaves_no_checkpoint_of_it(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from training import loop, work  # noqa: PLC0415  imports TensorFlow

    def no_number(*_: Any) -> float:
        return math.nan

    assert trained
    monkeypatch.setattr(work, "make_strategy", any_devices)
    monkeypatch.setattr(loop, "float", no_number, raising=False)
    run = RunEnvironment(
        model="digits",
        version=2,
        definition=RunDefinition(args={"checkpointSteps": 1}),
        gpu_mode="pretend",
        image="i",
        store=str(tmp_path),
    )
    with pytest.raises(Failure, match=r"the loss is nan in epoch 1: lower args\.learningRate \(0\.002\)"):
        run_once(run, store.staging_path(tmp_path, "digits", 2))
    assert store.versions(tmp_path, "digits") == []
    assert checkpoints.steps(checkpoints.checkpoints_dir(tmp_path, "digits", 2)) == []
