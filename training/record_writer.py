"""Writes generated records: the digits, enlarged, each with noise of its own. Importing this imports TensorFlow."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from contract.files import sha256
from training.data import SIDE, WHITE, Part, PartName, load
from training.records import RecordFile, Records
from training.untyped import tf

_WHITE = 255
_NOISE = 24
"""Largest noise of a pixel, of _WHITE."""

_FRAMING = 60
"""About what a record holds beside its pixels, in bytes."""


def write_digits(directory: Path, *, train_bytes: int, side: int = 64, files: int = 16, seed: int = 0) -> Records:
    """Write a directory of records; each part is made of the digits of that part.

    Args:
        directory: Made if need be; files of the same names are replaced.
        train_bytes: About the size of the train files together.
        side: Pixels, a multiple of 8.
        files: Train files, equal in their number of examples.
        seed: Of the noise.
    """
    directory.mkdir(parents=True, exist_ok=True)
    digits = load()
    each = max(1, train_bytes // (side * side + _FRAMING) // files)
    enlarged = _Enlarged(side, seed)
    written = [
        enlarged.write(
            directory, f"train-{index:05}.tfrecord", "train", digits.train, range(each * index, each * index + each)
        )
        for index in range(files)
    ]
    judged: tuple[tuple[PartName, Part], ...] = (("validation", digits.validation), ("test", digits.test))
    for part, examples in judged:
        written.append(enlarged.write(directory, f"{part}.tfrecord", part, examples, range(len(examples))))
    records = Records(directory, side, float(_WHITE), tuple(written))
    records.write_index()
    return records


@dataclass(frozen=True)
class _Enlarged:
    """Digits of another size."""

    side: int
    seed: int

    def write(self, directory: Path, name: str, part: PartName, digits: Part, which: range) -> RecordFile:
        path = directory / name
        # Derived from the file's name, so that a file's content does not depend on how many there are before it.
        random = np.random.default_rng([self.seed, *name.encode()])
        with tf.io.TFRecordWriter(str(path)) as writer:
            for index in which:
                pixels, label = digits.images[index % len(digits)], int(digits.labels[index % len(digits)])
                features = {
                    "image": tf.train.Feature(bytes_list=tf.train.BytesList(value=[self._image(pixels, random)])),
                    "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
                }
                writer.write(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())
        size = path.stat().st_size
        return RecordFile(path=name, part=part, examples=len(which), size=size, sha256=sha256(path))

    def _image(self, pixels: NDArray[np.float32], random: np.random.Generator) -> bytes:
        scale = self.side // SIDE
        image = (pixels * ((_WHITE - _NOISE) / WHITE)).repeat(scale, axis=0).repeat(scale, axis=1)
        return (image + random.integers(0, _NOISE + 1, image.shape, dtype=np.uint8)).astype(np.uint8).tobytes()
