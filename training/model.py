"""The model: a small convolutional network for 8 x 8 digits, and its SavedModel with requests to warm it up."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from contract.store import WARMUP, WARMUP_ROWS
from training.data import CLASSES, SIDE
from training.prediction_log import predict_log
from training.source import Source
from training.untyped import keras, tf

Model = Any
"""A keras.Model."""

Tensor = Any
"""A tf.Tensor."""


_DROPPED = 0.3
"""Held-out accuracy on the digits over six seeds: 0.98 to 0.99 with both layers of dropout, 0.95 to 0.98 without."""


class Dropout(keras.layers.Layer):
    """Dropout whose choice belongs to seed, step and row of the whole batch, not to the process that draws it.

    Keras' own draws for the rows of one replica, so that two workers would learn something else than one does.
    """

    def __init__(self, salt: int, step: Callable[[], Tensor]) -> None:
        super().__init__()  # pyright: ignore[reportUnknownMemberType] - Keras ships no type information
        self._salt = salt
        self._step = step

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        """Drop _DROPPED of the inputs [rows of this replica, features] while training."""
        if not training:
            return inputs
        replica = tf.distribute.get_replica_context()
        rows = tf.shape(inputs)[0]
        shape = [rows * replica.num_replicas_in_sync, inputs.shape[1]]
        noise = tf.random.stateless_uniform(shape, tf.stack([tf.constant(self._salt, tf.int64), self._step()]))
        first = rows * replica.replica_id_in_sync_group
        return tf.where(noise[first : first + rows] < _DROPPED, 0.0, inputs / (1 - _DROPPED))


_SIGNATURE: Final = "serving_default"
_INPUT: Final = "pixels"

_WARM_BATCHES: Final = (1, 2, 4, 8, 16, WARMUP_ROWS)
"""Images of each warm-up request: kernels are chosen and memory is taken by the size of a batch."""


def build(source: Source, seed: int = 0, step: Callable[[], Tensor] | None = None) -> Model:
    """Make an untrained model: raw pixels [n, side, side] from 0 to white in, logits [n, 10] out; 151,306 weights.

    Args:
        source: Whose images it takes; larger ones than 8 x 8 are averaged down to that.
        seed: Of dropout.
        step: Gives the number of the step while training; without it the model is not for training.
    """
    layers = keras.layers
    dropouts = [Dropout(2 * seed + index, step) for index in range(2)] if step else []
    return keras.Sequential(
        [
            keras.Input((source.side, source.side), dtype="float32", name=_INPUT),
            layers.Rescaling(1 / source.white),
            layers.Reshape((source.side, source.side, 1)),
            *([layers.AveragePooling2D(source.side // SIDE)] if source.side > SIDE else []),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            *dropouts[:1],
            layers.Dense(128, activation="relu"),
            *dropouts[1:],
            layers.Dense(CLASSES, name="logits"),
        ],
        name="digits",
    )


def export(model: Model, source: Source, directory: Path) -> None:
    """Write a SavedModel with one signature, `serving_default`: `pixels` to `probabilities`.

    Beside it stand requests that TensorFlow Serving replays before it says AVAILABLE
    (https://www.tensorflow.org/tfx/serving/saved_model_warmup).

    Args:
        model: As `build` made it, trained.
        source: Whose images it takes.
        directory: An existing directory. Input: float32 [n, side, side], raw values from 0 to white (8 and 16 for the
            digits), because scaling lies in the graph. Output: float32 [n, 10], rows that sum to 1.

    Raises:
        OSError: It could not be written.
    """
    # A model made under a strategy takes its devices into the graph; one made under none goes anywhere.
    portable = build(source)
    portable.set_weights(model.get_weights())

    def serve(pixels: Tensor) -> dict[str, Tensor]:
        return {"probabilities": tf.nn.softmax(portable(pixels, training=False))}

    # Keras's own archive saves the weights so that a session, which is how TensorFlow Serving runs a graph, finds them;
    # a tf.Module holding the model does not (keras.src.backend.tensorflow.core.Variable saves a copy of each).
    archive = keras.export.ExportArchive()
    archive.track(portable)
    signature = [tf.TensorSpec([None, source.side, source.side], tf.float32, name=_INPUT)]
    endpoint = archive.add_endpoint(_SIGNATURE, serve, input_signature=signature)
    # TensorFlow lists a graph's variables by their addresses in memory; equal weights should be equal files.
    endpoint.get_concrete_function().graph.variables = [variable.value for variable in portable.variables]
    try:
        archive.write_out(str(directory), verbose=False)
        _write_warmup(source, directory)
    except tf.errors.OpError as error:  # TensorFlow's file system reports in words of its own
        full = os.strerror(errno.ENOSPC)
        if full in error.message:
            raise OSError(errno.ENOSPC, full, str(directory)) from error
        raise OSError(errno.EIO, error.message, str(directory)) from error


def _write_warmup(source: Source, directory: Path) -> None:
    """Record requests of several sizes. Grey images do: what is prepared depends on shapes, and one value is small."""
    path = directory / WARMUP
    path.parent.mkdir()
    with tf.io.TFRecordWriter(str(path)) as writer:
        for images in _WARM_BATCHES:
            shape = [images, source.side, source.side]
            pixels = tf.make_tensor_proto(source.white / 2, tf.float32, shape)
            writer.write(predict_log(_SIGNATURE, {_INPUT: pixels.SerializeToString()}))
