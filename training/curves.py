"""Curves of a training for TensorBoard. Importing this imports TensorFlow."""

from pathlib import Path

from contract.progress import EpochProgress
from training.untyped import tf


class TensorBoardLog:
    """Scalars for TensorBoard, in one directory per run; written with TensorFlow alone."""

    def __init__(self, directory: Path) -> None:
        self._writer = tf.summary.create_file_writer(str(directory))
        self._metadata = tf.compat.v1.SummaryMetadata(
            plugin_data=tf.compat.v1.SummaryMetadata.PluginData(plugin_name="scalars")
        )

    def write(self, epoch: EpochProgress) -> None:
        """Add one point to each curve, readable at once."""
        values = {
            "loss/train": epoch.loss,
            "loss/validation": epoch.validation_loss,
            "accuracy/train": epoch.accuracy,
            "accuracy/validation": epoch.validation_accuracy,
        }
        with self._writer.as_default():
            for tag, value in values.items():
                # tf.summary.scalar does the same, but needs the tensorboard package from TensorFlow 2.21 on
                tf.summary.write(tag, tf.constant(value, tf.float32), step=epoch.epoch, metadata=self._metadata)
        self._writer.flush()
