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


class TensorBoardLog:
    """Scalars for TensorBoard, in one directory per run; written with TensorFlow alone.

    `tf.summary` needs the tensorboard package from TensorFlow 2.21 on, and takes 1 ms of the training for an epoch.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        now = time.time()
        self._writer = tf.io.TFRecordWriter(str(directory / f"events.out.tfevents.{int(now)}.{os.uname().nodename}"))
        self._metadata = tf.compat.v1.SummaryMetadata(
            plugin_data=tf.compat.v1.SummaryMetadata.PluginData(plugin_name="scalars")
        )
        self._append(tf.compat.v1.Event(wall_time=now, file_version=_FILE_VERSION))

    def write(self, epoch: EpochProgress) -> None:
        """Add one point to each curve, readable at once."""
        values = {
            "loss/train": epoch.loss,
            "loss/validation": epoch.validation_loss,
            "accuracy/train": epoch.accuracy,
            "accuracy/validation": epoch.validation_accuracy,
        }
        summary = tf.compat.v1.Summary(
            value=[
                tf.compat.v1.Summary.Value(
                    tag=tag, tensor=tf.make_tensor_proto(value, tf.float32), metadata=self._metadata
                )
                for tag, value in values.items()
            ]
        )
        self._append(tf.compat.v1.Event(wall_time=time.time(), step=epoch.epoch, summary=summary))

    def _append(self, event: Event) -> None:
        self._writer.write(event.SerializeToString())
        self._writer.flush()
