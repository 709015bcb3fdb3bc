"""The training loop: one for every strategy.

Keras 3's own `fit` fails under MirroredStrategy on batches that do not split evenly, and under
MultiWorkerMirroredStrategy altogether; optimizer and layers are Keras' here, the loop is ours.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from contract.exits import Exit, Failure
from contract.progress import EpochProgress
from training.arguments import Arguments
from training.feed import Batches, Order, Share, evaluation_batches, training_batches
from training.model import Model, build
from training.saver import Schedule
from training.source import Source
from training.state import Array, State, Sums
from training.strategy import Strategy
from training.untyped import keras, tf

# TensorFlow's own types, by name only
InputContext = Any
Tensor = Any
Variable = Any


@dataclass(frozen=True)
class Score:
    """How well a model does on a part of the data."""

    loss: float
    """Mean cross-entropy in nats."""

    accuracy: float
    """Share of right answers."""


class Training:
    """A model, its optimizer and its data under a strategy."""

    def __init__(self, source: Source, arguments: Arguments, strategy: Strategy, seed: int) -> None:
        """Make a fresh model, with the same weights in every worker.

        Args:
            source: The data; its test part is not touched.
            arguments: How to train.
            strategy: Where to train; the batch size is divisible by its replicas.
            seed: Of weights, order and dropout.
        """
        keras.utils.set_random_seed(seed)
        self.step: Variable = tf.Variable(0, dtype=tf.int64)
        """Steps done; any thread may read it, also in the middle of a chunk."""

        with strategy.scope():
            self.model: Model = build(source, seed, self.step.read_value)
            self._optimizer = keras.optimizers.Adam(arguments.learning_rate)
            self._optimizer.build(self.model.trainable_variables)
        self._source = source
        self._arguments = arguments
        self._strategy = strategy
        self._order = Order(seed, arguments.batch_size, arguments.epochs)
        self.steps_of_epoch = source.steps_of_epoch(arguments.batch_size, strategy.num_replicas_in_sync)
        self._schedule = Schedule(arguments.checkpoint_steps)
        self._own_replicas = 1
        self.steps = arguments.epochs * self.steps_of_epoch
        """Steps of the whole run."""

    @property
    def variables(self) -> list[Array]:
        """Copies of the values of all variables, as a checkpoint holds them."""
        return [variable.numpy() for variable in self._variables()]

    def takes(self, variables: list[Array]) -> bool:
        """Whether a checkpoint's values fit this model."""
        own = self._variables()
        return [value.shape for value in variables] == [tuple(variable.shape) for variable in own]

    def set_variables(self, variables: list[Array]) -> None:
        """Take over values of the same shapes."""
        for variable, value in zip(self._variables(), variables, strict=True):
            variable.assign(value)

    def run(
        self,
        state: State,
        save: Callable[[State], None] | None,
        report: Callable[[EpochProgress], None],
        settle: Callable[[], None] = lambda: None,
    ) -> None:
        """Train to the end, in chunks that end with an epoch, or where a checkpoint is begun or must be there.

        The chunks are the same in every worker: TensorFlow names the sums over workers by their number in a chunk.

        Args:
            state: Where to go on from; it is kept up to date.
            save: Called where a checkpoint begins; None for workers that write none and judge nothing.
            report: Called after each epoch.
            settle: Called where the checkpoint must be there.

        Raises:
            Failure: The training diverged.
        """
        self.step.assign(state.step)
        batches, fed_until = self._feed(state.step)
        chunk = self._make_chunk()
        epoch_start = begun = time.monotonic()
        seconds_before = state.seconds
        while state.step < self.steps:
            if state.step == fed_until:
                batches, fed_until = self._feed(state.step)
            until = self._chunk_end(state.step)
            loss, right = chunk(batches, tf.constant(until - state.step, tf.int64))
            state.sums.add(float(loss), float(right), (until - state.step) * self._arguments.batch_size)
            state.step = until
            state.seconds = seconds_before + time.monotonic() - begun
            number = -(-until // self.steps_of_epoch)
            self._require_finite(state.sums.loss / state.sums.seen, number)
            if until % self.steps_of_epoch == 0:
                # Only the chief judges; the others are at their next step meanwhile, and wait for it there.
                epoch = self._end_epoch(number, state.sums, epoch_start, judged=save is not None)
                state.sums = Sums()
                state.history.append(epoch)
                report(epoch)
                self._require_finite(epoch.validation_loss, number)
                epoch_start = time.monotonic()
            is_last = until == self.steps
            if save is not None and (is_last or self._schedule.begins_at(until)):
                save(state)
            if is_last or self._schedule.is_due_at(until):
                settle()

    def evaluate(self, part: str) -> Score:
        """Judge the model on a part of the data, on one device."""
        total, right, seen = 0.0, 0.0, 0
        for images, labels in evaluation_batches(self._source, part):  # pyright: ignore[reportArgumentType]
            logits = self.model(tf.cast(images, tf.float32), training=False)
            total += float(tf.reduce_sum(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)))
            right += float(tf.reduce_sum(tf.cast(tf.argmax(logits, axis=1) == labels, tf.float32)))
            seen += len(labels)
        return Score(total / seen, right / seen)

    def _variables(self) -> list[Variable]:
        return [*self.model.variables, *self._optimizer.variables]

    def _chunk_end(self, step: int) -> int:
        return min((step // self.steps_of_epoch + 1) * self.steps_of_epoch, self._schedule.next(step))

    def _feed(self, step: int) -> tuple[Iterator[Batches], int]:
        until = step

        def of_worker(context: InputContext) -> Batches:
            nonlocal until
            count = context.num_replicas_in_sync // context.num_input_pipelines
            self._own_replicas = count
            share = Share(context.input_pipeline_id * count, count, context.num_replicas_in_sync)
            batches, until = training_batches(self._source, self._order, step, share)
            # Without an end, so that workers need not agree before each step whether all have another batch.
            return batches.repeat().prefetch(2 * count)

        return iter(self._strategy.distribute_datasets_from_function(of_worker)), until

    def _end_epoch(self, number: int, sums: Sums, start: float, *, judged: bool) -> EpochProgress:
        validation = self.evaluate("validation") if judged else Score(0.0, 0.0)
        return EpochProgress(
            epoch=number,
            loss=sums.loss / sums.seen,
            accuracy=sums.right / sums.seen,
            validation_loss=validation.loss,
            validation_accuracy=validation.accuracy,
            seconds=round(time.monotonic() - start, 3),
        )

    def _require_finite(self, loss: float, epoch: int) -> None:
        if not np.isfinite(loss):
            raise Failure(
                Exit.BAD_INPUT,
                f"the loss is {loss} in epoch {epoch}: lower args.learningRate ({self._arguments.learning_rate})",
            )

    def _make_chunk(self) -> Callable[[Iterator[Batches], Tensor], tuple[Tensor, Tensor]]:
        model, optimizer, strategy = self.model, self._optimizer, self._strategy
        variables = model.trainable_variables
        batch_size = self._arguments.batch_size
        own_replicas = float(self._own_replicas)

        def replica_step(images: Tensor, labels: Tensor) -> Tensor:
            pixels = tf.cast(images, tf.float32)
            with tf.GradientTape() as tape:
                logits = model(pixels, training=True)
                losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
                # The optimizer sums gradients over replicas, so each divides by the whole batch.
                loss = tf.reduce_sum(losses) / batch_size
            optimizer.apply(tape.gradient(loss, variables), variables)
            right = tf.cast(tf.argmax(logits, axis=1) == labels, tf.float32)
            # The loss is known before the other workers' gradients: a step counts as done when they are in the weights.
            with tf.control_dependencies([tf.convert_to_tensor(variables[0])]):
                return tf.stack([tf.reduce_sum(losses), tf.reduce_sum(right)])

        @tf.function  # the whole chunk is one call: a call for each step costs several times the arithmetic
        def chunk(batches: Iterator[Batches], steps: Tensor) -> tuple[Tensor, Tensor]:
            sums = tf.zeros([2])
            for _ in tf.range(steps):
                own = strategy.experimental_local_results(strategy.run(replica_step, args=next(batches)))
                sums += tf.add_n(list(own))
                with tf.control_dependencies([sums]):
                    self.step.assign_add(1)
            # Summed over workers once a chunk. Each replica of this one brings its part of what is summed already.
            parts = strategy.run(lambda: sums / own_replicas)
            loss, right = tf.unstack(strategy.reduce(tf.distribute.ReduceOp.SUM, parts, axis=None))
            return loss, right

        return chunk
