"""Where the examples come from: scikit-learn's digits, or records in files. No TensorFlow here."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from contract.exits import Exit, Failure
from training import data, records
from training.arguments import DIGITS, Arguments
from training.data import PartName


class Source(Protocol):
    """Labelled square images in three parts. No step and no choice of a training looks at the test part."""

    @property
    def noun(self) -> str:
        """What an example is called in the log, as a plural."""
        ...

    @property
    def side(self) -> int:
        """Pixels; images are side x side."""
        ...

    @property
    def white(self) -> float:
        """The largest value of a pixel; the smallest is 0."""
        ...

    @property
    def examples(self) -> Mapping[PartName, int]:
        """How many examples each part has."""
        ...

    @property
    def digest(self) -> str:
        """SHA-256 of the data."""
        ...

    def steps_of_epoch(self, batch_size: int, replicas: int) -> int:
        """Whole batches of one pass over the train part."""
        ...


def load(name: str, root: Path, version: str | None) -> Source:
    """Load a source, as far as it fits into memory.

    Args:
        name: `digits`, or a directory of records: absolute, or relative to the store.
        root: Root of the store.
        version: The definition's `dataVersion`; None takes what is there.

    Raises:
        Failure: There is no such data, or it is not of that version.
    """
    if name != DIGITS:
        return records.load(root / name, version)
    if version not in (None, *data.DATA_VERSIONS):
        known = ", ".join(data.DATA_VERSIONS)
        raise Failure(
            Exit.BAD_INPUT, f"the definition is wrong: dataVersion is {version!r}: this training code has {known}"
        )
    digits = data.load()
    if version is not None and digits.digest != data.DATA_VERSIONS[version]:
        raise Failure(
            Exit.BAD_INPUT,
            f"the data is not dataVersion {version!r}: SHA-256 {digits.digest[:12]}… instead of "
            f"{data.DATA_VERSIONS[version][:12]}…: install a scikit-learn that ships those digits",
        )
    return digits


def require_one_batch(source: Source, arguments: Arguments) -> None:
    """Refuse a batch that is larger than the train part.

    Raises:
        Failure: It is, or the records lie in too few files for it.
    """
    examples = source.examples["train"]
    if arguments.batch_size > examples:
        raise Failure(
            Exit.BAD_INPUT,
            f"the definition is wrong: args.batchSize is {arguments.batch_size}: "
            f"must be at most {examples}, the number of examples to train on",
        )
