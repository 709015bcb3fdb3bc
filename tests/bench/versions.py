"""Versions with faults, made from a trained one: SavedModels in the store as any other, which a server loads."""

import math
import shutil
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from contract.labelled import TEST_PART
from contract.store import WARMUP, publish, verify, version_dir
from tests.bench.duel import Faults
from training.data import load
from training.untyped import tf

_SIGNATURE = "serving_default"
_SIDE = 64
_TIMED, _TIMES = 2000, 5


def publish_faulty(root: Path, *, of: int, version: int, faults: Faults, seconds: float) -> None:
    """Publish another version of the digits that answers as one that is there, but for its faults.

    Args:
        root: The store.
        of: The version that it is made from.
        version: The new one.
        faults: What is wrong with it.
        seconds: What the server takes for a request to the version it is made from.
    """
    directory = version_dir(root, "digits", of)
    manifest = verify(directory, model="digits", version=of)
    original = tf.saved_model.load(str(directory))

    def write(staging: Path) -> None:
        _export(original, staging, faults, (faults.times_slower - 1) * seconds)
        (staging / WARMUP).parent.mkdir(exist_ok=True)
        for kept in (WARMUP, TEST_PART):
            shutil.copy(directory / kept, staging / kept)

    publish(root, replace(manifest, version=version), write)


def _export(original: Any, directory: Path, faults: Faults, wasted_seconds: float) -> None:
    signature = original.signatures[_SIGNATURE]
    wrong = tf.constant(_chosen(signature, faults.wrong))
    turns = round(wasted_seconds / _seconds_of_a_turn())

    def serve(pixels: Any) -> Mapping[str, Any]:
        failed = tf.debugging.assert_greater_equal(tf.random.uniform([]), faults.errors, message="made to fail")
        with tf.control_dependencies([failed, _waste(turns)]):
            found = signature(pixels=pixels)["probabilities"]
        same = tf.reduce_all(tf.equal(pixels[:, None], wrong[None]), axis=[2, 3])
        return {"probabilities": tf.where(tf.reduce_any(same, axis=1)[:, None], tf.roll(found, 1, axis=1), found)}

    module = tf.Module()
    module.original = original
    module.serve = tf.function(serve, input_signature=[tf.TensorSpec([None, 8, 8], tf.float32, name="pixels")])
    tf.saved_model.save(module, str(directory), signatures={_SIGNATURE: module.serve})


def _chosen(signature: Any, share: float) -> Any:
    """So many pictures of the test part that the version reads well, the last ones: [n, 8, 8]."""
    test = load().test
    read = signature(pixels=tf.constant(test.images))["probabilities"].numpy().argmax(axis=1)
    well = np.flatnonzero(read == test.labels)
    return test.images[well[len(well) - math.ceil(share * len(test.labels)) :]]


def _waste(turns: int) -> Any:
    """Work that takes time and is of no use."""
    matrix = tf.linalg.diag(tf.ones(_SIDE))

    def goes_on(done: Any, _: Any) -> Any:
        return done < turns

    def turn(done: Any, found: Any) -> tuple[Any, Any]:
        return done + 1, found @ matrix

    return tf.while_loop(goes_on, turn, (0, matrix))[1]


def _seconds_of_a_turn() -> float:
    """As a server of one thread takes it, at its best."""
    v1 = tf.compat.v1
    one_thread = v1.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
    took: list[float] = []
    with tf.Graph().as_default(), v1.Session(config=one_thread) as session:
        waste = _waste(_TIMED)
        for _ in range(_TIMES):
            started = time.perf_counter()
            session.run(waste)
            took.append(time.perf_counter() - started)
    return min(took) / _TIMED
