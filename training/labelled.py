"""The test part as a file beside the SavedModel, so that two versions can be compared on it whenever somebody asks."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from contract.labelled import TEST_PART, Example, write
from training.feed import evaluation_batches
from training.source import Source

MOST_EXAMPLES: Final = 2000
"""What is kept of a large test part: enough to see 1 % more wrong answers, and a file of a few megabytes at most."""


def write_test_part(source: Source, directory: Path) -> None:
    """Write the first MOST_EXAMPLES of the test part into a version's directory.

    Raises:
        OSError: It cannot be written.
    """
    write(directory / TEST_PART, _examples(source))


def _examples(source: Source) -> Iterator[Example]:
    left = MOST_EXAMPLES
    for images, labels in evaluation_batches(source, "test"):
        pixels = np.asarray(images)[:left]
        if pixels.dtype != np.uint8 and np.array_equal(pixels, pixels.astype(np.int64)):
            pixels = pixels.astype(np.int64)  # "7" is half as long as "7.0"
        for image, label in zip(pixels.tolist(), np.asarray(labels).tolist(), strict=False):
            yield Example(image, label)
        left -= len(pixels)
        if left == 0:
            return
