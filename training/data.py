"""The data: scikit-learn's 1,797 handwritten digits, which ship inside the package, split for good by a hash."""

import hashlib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

DATA_VERSIONS: Final = {"1": "451194d5b56598650d4010fb7e9c5e30a4485da5d0a8c15a51dc5226d88ef066"}
"""Digest of the digits by the definition's `dataVersion`; scikit-learn's have never changed."""

CLASSES: Final = 10
SIDE: Final = 8
"""Pixels; images are SIDE x SIDE with values from 0 to WHITE."""

WHITE: Final = 16.0

PartName = Literal["train", "validation", "test"]


@dataclass(frozen=True)
class Part:
    """One part of the data."""

    images: NDArray[np.float32]
    """[examples, 8, 8], from 0 to 16."""

    labels: NDArray[np.int64]
    """[examples], from 0 to 9."""

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Digits:
    """The data in its three parts. No step and no choice of a training looks at the test part."""

    train: Part
    validation: Part
    test: Part
    digest: str
    """SHA-256 of all images and labels, in order."""

    noun: str = "digits"
    side: int = SIDE
    white: float = WHITE

    @property
    def examples(self) -> dict[PartName, int]:
        """How many examples each part has."""
        return {"train": len(self.train), "validation": len(self.validation), "test": len(self.test)}

    def steps_of_epoch(self, batch_size: int, replicas: int) -> int:
        """Whole batches only: each replica gets the same share in each step. Every epoch drops another remainder."""
        return len(self.train) // batch_size


def part_of(index: int) -> PartName:
    """The part an example belongs to, for ever: 70 % train, 15 % validation, 15 % test.

    A hash of the index, unlike a shuffle, keeps every example where it is when examples are added, on any platform.
    """
    share = int.from_bytes(hashlib.sha256(f"digits/{index}".encode()).digest()[:8], "big") / 2**64
    if share < 0.70:  # noqa: PLR2004  the shares are the ones of the docstring
        return "train"
    return "validation" if share < 0.85 else "test"  # noqa: PLR2004  as above


def digest(images: NDArray[np.float32], labels: NDArray[np.int64]) -> str:
    """SHA-256 of shapes and values, the same on every platform (little-endian)."""
    sha = hashlib.sha256(f"{images.shape}{labels.shape}".encode())
    sha.update(images.astype("<f4").tobytes())
    sha.update(labels.astype("<i8").tobytes())
    return sha.hexdigest()


def _file() -> Path:
    """Where scikit-learn keeps the digits: 64 pixels and the label a line. Importing it, to ask, takes a second."""
    spec = find_spec("sklearn")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0], "datasets", "data", "digits.csv.gz")


def load() -> Digits:
    """Load the digits from the installed scikit-learn and split them."""
    table = np.loadtxt(_file(), delimiter=",", dtype=np.int64)
    images: NDArray[np.float32] = table[:, :-1].reshape(-1, SIDE, SIDE).astype(np.float32)
    labels: NDArray[np.int64] = table[:, -1]
    names = np.array([part_of(index) for index in range(len(labels))])

    def part(name: PartName) -> Part:
        chosen = names == name
        return Part(images[chosen], labels[chosen])

    return Digits(part("train"), part("validation"), part("test"), digest(images, labels))
