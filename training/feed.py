"""Batches for the loop, in an order that follows from seed and epoch alone. Importing this imports TensorFlow.

Batch b of epoch e holds the same examples, in the same rows, however many replicas share it: each takes its rows. So
several workers learn what one would have learned, and a run goes on in the middle of an epoch as if never interrupted.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from training.data import Digits, Part, PartName
from training.records import RecordFile, Records
from training.source import Source
from training.untyped import tf

# TensorFlow's own types, by name only
Batches = Any
Tensor = Any

_EVALUATED = 512
"""Examples judged at once."""

_READ_BYTES = 1 << 20


@dataclass(frozen=True)
class Share:
    """The replicas of this process among all."""

    first: int
    count: int
    of: int


@dataclass(frozen=True)
class Order:
    """What the order of examples follows from."""

    seed: int
    batch_size: int
    """Examples of one step over all replicas."""

    epochs: int


def training_batches(source: Source, order: Order, first_step: int, share: Share) -> tuple[Batches, int]:
    """Batches of this process from a step on: (images, labels) for each of its replicas in turn.

    Returns:
        A tf.data.Dataset of images [n, side, side] and int64 [n], n examples of one replica, and the step before
        which it ends: it may be the epoch's. Images are as they are stored, float32 or uint8: what is read ahead, and
        what goes to a GPU, takes a quarter of the room.
    """
    if isinstance(source, Digits):
        return _digits(source.train, order, first_step, share)
    assert isinstance(source, Records)
    return _records(source, order, first_step, share)


def evaluation_batches(source: Source, part: PartName) -> Iterator[tuple[Tensor, Tensor]]:
    """All examples of a part, as (images, labels) of any number; images are as in `training_batches`."""
    if isinstance(source, Digits):
        examples: Part = getattr(source, part)
        return iter([(tf.constant(examples.images), tf.constant(examples.labels))])
    assert isinstance(source, Records)
    files = [str(source.directory / file.path) for file in source.of(part)]
    return iter(_parsed(source, tf.data.TFRecordDataset(files, buffer_size=_READ_BYTES).batch(_EVALUATED)).prefetch(1))


def _digits(part: Part, order: Order, first_step: int, share: Share) -> tuple[Batches, int]:
    steps = len(part) // order.batch_size
    images, labels = tf.constant(part.images), tf.constant(part.labels)

    def epoch(number: Tensor) -> Batches:
        seed = tf.stack([tf.constant(order.seed, tf.int64), number])
        rows = tf.random.experimental.stateless_shuffle(tf.range(len(part)), seed)[: steps * order.batch_size]
        by_replica = tf.reshape(rows, [steps, share.of, order.batch_size // share.of])
        mine = by_replica[:, share.first : share.first + share.count]
        return tf.data.Dataset.from_tensor_slices(tf.reshape(mine, [-1, order.batch_size // share.of]))

    rows = tf.data.Dataset.range(first_step // steps, order.epochs).flat_map(epoch)

    def gathered(chosen: Tensor) -> tuple[Tensor, Tensor]:
        return tf.gather(images, chosen), tf.gather(labels, chosen)

    batches = rows.skip(first_step % steps * share.count).map(gathered)
    return batches.prefetch(2 * share.count), order.epochs * steps


def _records(source: Records, order: Order, first_step: int, share: Share) -> tuple[Batches, int]:
    """One epoch: the lanes of this process' replicas, each shuffled within its files, read side by side."""
    steps = source.steps_of_epoch(order.batch_size, share.of)
    epoch = first_step // steps
    lanes = source.lanes(share.of)
    each = len(lanes) // share.of
    rows = order.batch_size // len(lanes)
    buffer = source.shuffled(len(lanes))

    def lane(number: int) -> Batches:
        seed = order.seed * 1_000_003 + epoch * 1009 + number
        names = _shuffled_names(source, lanes[number], seed)
        return (
            tf.data.TFRecordDataset(names, buffer_size=_READ_BYTES)
            .shuffle(buffer, seed=seed % 2**31, reshuffle_each_iteration=False)
            .batch(rows, drop_remainder=True)
            .take(steps)
            .skip(first_step % steps)
        )

    def replica(index: int) -> Batches:
        mine = tuple(lane(number) for number in range(index * each, (index + 1) * each))
        return tf.data.Dataset.zip(mine).map(_joined)

    own = [replica(index) for index in range(share.first, share.first + share.count)]
    serialized = own[0] if share.count == 1 else tf.data.Dataset.choose_from_datasets(own, _in_turn(share.count))
    return _parsed(source, serialized).prefetch(2 * share.count), (epoch + 1) * steps


def _joined(*parts: Tensor) -> Tensor:
    return tf.concat(parts, axis=0)


def _in_turn(count: int) -> Batches:
    return tf.data.Dataset.range(count).repeat()


def _shuffled_names(source: Records, files: list[RecordFile], seed: int) -> list[str]:
    names = [str(source.directory / file.path) for file in files]
    order = tf.random.experimental.stateless_shuffle(tf.range(len(names)), [seed % 2**31, len(names)]).numpy()
    return [names[index] for index in order]


def _parsed(source: Records, serialized: Batches) -> Batches:
    features = {"image": tf.io.FixedLenFeature([], tf.string), "label": tf.io.FixedLenFeature([], tf.int64)}

    def parse(records: Tensor) -> tuple[Tensor, Tensor]:
        examples = tf.io.parse_example(records, features)
        pixels = tf.io.decode_raw(examples["image"], tf.uint8, fixed_length=source.side**2)
        return tf.reshape(pixels, [-1, source.side, source.side]), examples["label"]

    return serialized.map(parse, num_parallel_calls=2, deterministic=True)
