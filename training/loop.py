"""The training loop: one for every strategy.

Keras 3's own `fit` fails under MirroredStrategy on batches that do not split evenly, and under
MultiWorkerMirroredStrategy altogether; optimizer and layers are Keras' here, the loop is ours.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.arguments import Arguments
from training.data import Digits, Part
from training.model import Model, build
from training.strategy import Strategy
from training.untyped import keras, tf

# TensorFlow's and Keras' own types, by name only
Tensor = Any
Batches = Any
Optimizer = Any


@dataclass(frozen=True)
class Score:
    """How well a model does on a part of the data."""

    loss: float
    """Mean cross-entropy in nats."""

    accuracy: float
    """Share of right answers."""


@dataclass(frozen=True)
class Epoch:
    """What one pass over the train part gave."""

    number: int
    """From 1."""

    train: Score
    validation: Score
    seconds: float


def train(
    digits: Digits, arguments: Arguments, strategy: Strategy, seed: int, report: Callable[[Epoch], None]
) -> Model:
    """Train a fresh model.

    Args:
        digits: The data; its test part is not touched.
        arguments: How to train.
        strategy: Where to train; the batch size is divisible by its replicas.
        seed: Of weights and order.
        report: Called after each epoch.
    """
    keras.utils.set_random_seed(seed)
    with strategy.scope():
        model = build()
        optimizer = keras.optimizers.Adam(arguments.learning_rate)
        optimizer.build(model.trainable_variables)
    batches = strategy.experimental_distribute_dataset(_batches(digits.train, arguments.batch_size, seed))
    epoch = _make_epoch(model, optimizer, strategy, arguments.batch_size)
    for number in range(1, arguments.epochs + 1):
        start = time.monotonic()
        score = Score(*(float(mean) for mean in epoch(batches)))
        report(Epoch(number, score, evaluate(model, digits.validation), time.monotonic() - start))
    return model


def evaluate(model: Model, part: Part) -> Score:
    """Judge a model on a part of the data, on one device."""
    logits = model(tf.constant(part.images), training=False)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(part.labels, logits)
    right = tf.argmax(logits, axis=1) == part.labels
    return Score(float(tf.reduce_mean(losses)), float(tf.reduce_mean(tf.cast(right, tf.float32))))


class TensorBoardLog:
    """Scalars for TensorBoard, in one directory per run; written with TensorFlow alone."""

    def __init__(self, directory: Path) -> None:
        self._writer = tf.summary.create_file_writer(str(directory))
        self._metadata = tf.compat.v1.SummaryMetadata(
            plugin_data=tf.compat.v1.SummaryMetadata.PluginData(plugin_name="scalars")
        )

    def write(self, epoch: Epoch) -> None:
        """Add one point to each curve, readable at once."""
        values = {
            "loss/train": epoch.train.loss,
            "loss/validation": epoch.validation.loss,
            "accuracy/train": epoch.train.accuracy,
            "accuracy/validation": epoch.validation.accuracy,
        }
        with self._writer.as_default():
            for tag, value in values.items():
                # tf.summary.scalar does the same, but needs the tensorboard package from TensorFlow 2.21 on
                tf.summary.write(tag, tf.constant(value, tf.float32), step=epoch.number, metadata=self._metadata)
        self._writer.flush()


def _batches(part: Part, batch_size: int, seed: int) -> Batches:
    """Whole batches only: each replica gets the same share in each step. Every epoch drops another remainder."""
    return (
        tf.data.Dataset.from_tensor_slices((part.images, part.labels))
        .cache()
        .shuffle(len(part), seed=seed)
        .batch(batch_size, drop_remainder=True)
        .prefetch(tf.data.AUTOTUNE)
    )


def _make_epoch(
    model: Model, optimizer: Optimizer, strategy: Strategy, batch_size: int
) -> Callable[[Batches], tuple[Tensor, Tensor]]:
    variables = model.trainable_variables

    def replica_step(images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        with tf.GradientTape() as tape:
            logits = model(images, training=True)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
            # The optimizer sums gradients over replicas, so each divides by the whole batch.
            loss = tf.reduce_sum(losses) / batch_size
        optimizer.apply(tape.gradient(loss, variables), variables)
        right = tf.argmax(logits, axis=1) == labels
        return tf.reduce_sum(losses), tf.reduce_sum(tf.cast(right, tf.float32))

    @tf.function  # the whole epoch is one call: a call for each step costs several times the arithmetic
    def epoch(batches: Batches) -> tuple[Tensor, Tensor]:
        total, right, seen = tf.constant(0.0), tf.constant(0.0), tf.constant(0.0)
        for images, labels in batches:
            part_total, part_right = strategy.run(replica_step, args=(images, labels))
            total += strategy.reduce(tf.distribute.ReduceOp.SUM, part_total, axis=None)
            right += strategy.reduce(tf.distribute.ReduceOp.SUM, part_right, axis=None)
            seen += batch_size
        return total / seen, right / seen

    return epoch
