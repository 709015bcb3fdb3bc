"""Curves of a training for TensorBoard. Importing this imports TensorFlow."""

import os
import time
from pathlib import Path
from typing import Any, Final

from contract.progress import EpochProgress
from training.untyped import tf

Event = Any
"""A tf.compat.v1.Event."""

_FILE_VERSION: Final = "brain.Event:2"
"""Of tensorflow/core/util/events_writer.cc, and what every reader looks for first."""

_TAGS: Final = ("loss/train", "loss/validation", "accuracy/train", "accuracy/validation")


class TensorBoardLog:
    """Scalars for TensorBoard, in one directory per run; written with TensorFlow alone.

    `tf.summary` needs the tensorboard package from TensorFlow 2.21 on, and takes 1 ms of the training for an epoch.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        now = time.time()
        self._writer = tf.io.TFRecordWriter(str(directory / f"events.out.tfevents.{int(now)}.{os.uname().nodename}"))
        metadata = tf.compat.v1.SummaryMetadata(
            plugin_data=tf.compat.v1.SummaryMetadata.PluginData(plugin_name="scalars")
        )
        points = [
            tf.compat.v1.Summary.Value(tag=tag, tensor=tf.make_tensor_proto(0.0, tf.float32), metadata=metadata)
            for tag in _TAGS
        ]
        self._event: Event = tf.compat.v1.Event(summary=tf.compat.v1.Summary(value=points))
        """One for all epochs, with the values of the last: making it costs more than writing it."""
        self._append(tf.compat.v1.Event(wall_time=now, file_version=_FILE_VERSION))

    def write(self, epoch: EpochProgress) -> None:
        """Add one point to each curve, readable at once."""
        self._event.wall_time = time.time()
        self._event.step = epoch.epoch
        values = (epoch.loss, epoch.validation_loss, epoch.accuracy, epoch.validation_accuracy)
        for point, value in zip(self._event.summary.value, values, strict=True):
            point.tensor.float_val[0] = value
        self._append(self._event)

    def _append(self, event: Event) -> None:
        self._writer.write(event.SerializeToString())
        self._writer.flush()
