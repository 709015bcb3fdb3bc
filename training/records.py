"""Records: examples that need not fit into memory, in TFRecord files with an index beside them.

`<directory>/index.json` lists the files with their parts, numbers of examples, sizes and SHA-256. The digest of the
data is made of that list, so nothing has to be read through at each start; TFRecord's own checksums find damage.
`python3 -m training.records` writes such a directory.
"""

import argparse
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from contract.exits import Exit, Failure, say
from training.data import PartName

INDEX: Final = "index.json"
SCHEMA_VERSION: Final = 1
PARTS: Final[tuple[PartName, ...]] = ("train", "validation", "test")

LANES: Final = 8
"""Into how many lanes the train files are dealt. Every batch takes the same share from each, and each replica reads
lanes of its own: batches hold the same examples for every number of replicas that divides this."""

SHUFFLE_BYTES: Final = 64 * 2**20
"""What all shuffle buffers of a run hold together."""


@dataclass(frozen=True)
class RecordFile:
    """One TFRecord file of `tf.train.Example`s: `image`, side x side bytes, and `label`, a whole number from 0 to 9."""

    path: str
    """Relative to the directory."""

    part: PartName
    examples: int
    size: int
    """Bytes."""

    sha256: str


@dataclass(frozen=True)
class Records:
    """A directory of records."""

    directory: Path
    side: int
    white: float
    files: tuple[RecordFile, ...]
    noun: str = "records"

    @property
    def examples(self) -> dict[PartName, int]:
        """How many examples each part has."""
        return {part: sum(file.examples for file in self.of(part)) for part in PARTS}

    @property
    def digest(self) -> str:
        """SHA-256 of the list of files, which holds those of the files."""
        return hashlib.sha256(_text(self.side, self.white, self.files).encode()).hexdigest()

    def of(self, part: PartName) -> list[RecordFile]:
        """The files of a part, in order of their names."""
        return sorted((file for file in self.files if file.part == part), key=lambda file: file.path)

    def lanes(self, replicas: int) -> list[list[RecordFile]]:
        """The train files, dealt into lanes.

        Raises:
            Failure: There are fewer files than lanes.
        """
        count = LANES if LANES % replicas == 0 else replicas
        files = self.of("train")
        if len(files) < count:
            raise Failure(
                Exit.BAD_INPUT,
                f"{self.directory} has {len(files)} train files: {replicas} replicas need at least {count}",
            )
        return [files[lane::count] for lane in range(count)]

    def steps_of_epoch(self, batch_size: int, replicas: int) -> int:
        """Whole batches only, until the shortest lane is at its end; every epoch drops another remainder.

        Raises:
            Failure: The batch does not split evenly over the lanes, or a lane has no whole share of it.
        """
        lanes = self.lanes(replicas)
        if batch_size % len(lanes):
            raise Failure(
                Exit.BAD_INPUT,
                f"the definition is wrong: args.batchSize is {batch_size}: must be divisible by {len(lanes)}, "
                "the number of lanes the records are read in",
            )
        share = batch_size // len(lanes)
        steps = min(sum(file.examples for file in lane) for lane in lanes) // share
        if steps == 0:
            raise Failure(Exit.BAD_INPUT, f"{self.directory}: a lane of its files has fewer than {share} examples")
        return steps

    def shuffled(self, lane_count: int) -> int:
        """Records in one lane's shuffle buffer: few large ones or many small ones."""
        files = self.of("train")
        mean = sum(file.size for file in files) / max(1, sum(file.examples for file in files))
        return max(1, min(4096, int(SHUFFLE_BYTES / lane_count / mean)))

    def write_index(self) -> None:
        """Write the index of files that are there."""
        (self.directory / INDEX).write_text(_text(self.side, self.white, self.files), encoding="utf-8")


def load(directory: Path, version: str | None = None) -> Records:
    """Read the index of a directory and compare the files' sizes with it.

    Args:
        directory: Where the files lie.
        version: The first 12 or more digits of the digest that the data must have; None takes any.

    Raises:
        Failure: No or a wrong index, a file that is missing or of another size, or another digest.
    """
    try:
        records = _parse(directory, (directory / INDEX).read_bytes())
    except FileNotFoundError:
        raise Failure(
            Exit.BAD_INPUT,
            f"args.data: {directory / INDEX} does not exist: mount the data there (dataSet of the run: /data); "
            f"an index is written by python3 -m training.records",
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise Failure(Exit.BAD_INPUT, f"args.data: {directory / INDEX} is not valid: {error}") from None
    for file in records.files:
        path = directory / file.path
        size = path.stat().st_size if path.is_file() else None
        if size != file.size:
            found = "is missing" if size is None else f"has {size} bytes"
            raise Failure(Exit.STORE, f"args.data: {path} {found}; the index says {file.size} bytes")
    if version is not None and (len(version) < 12 or not records.digest.startswith(version)):  # noqa: PLR2004 - 48 bits
        raise Failure(
            Exit.BAD_INPUT,
            f"the definition is wrong: dataVersion is {version!r}, and the digest of {directory} is {records.digest}: "
            "give its first 12 digits or more, or the data of that version",
        )
    return records


def _text(side: int, white: float, files: tuple[RecordFile, ...]) -> str:
    rows = [vars(file) for file in sorted(files, key=lambda file: file.path)]
    document = {"schemaVersion": SCHEMA_VERSION, "side": side, "white": white, "files": rows}
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


def _parse(directory: Path, text: bytes) -> Records:
    document = cast("dict[str, object]", json.loads(text))
    if document["schemaVersion"] != SCHEMA_VERSION:
        raise ValueError(f"schemaVersion is {document['schemaVersion']!r}; this program reads {SCHEMA_VERSION}")
    side, white = document["side"], document["white"]
    if not isinstance(side, int) or side < 8 or side % 8:  # noqa: PLR2004 - the model sees 8 x 8
        raise ValueError(f"side is {side!r}: must be a multiple of 8")
    if not isinstance(white, int | float) or white <= 0:
        raise ValueError(f"white is {white!r}: must be a number above 0")
    files: list[RecordFile] = []
    for row in cast("list[dict[str, object]]", document["files"]):
        file = RecordFile(
            path=str(row["path"]),
            part=cast("PartName", row["part"]),
            examples=int(cast("int", row["examples"])),
            size=int(cast("int", row["size"])),
            sha256=str(row["sha256"]),
        )
        if file.part not in PARTS or file.path.startswith("/") or ".." in file.path.split("/"):
            raise ValueError(f"files: {file.path!r} of part {file.part!r}")
        files.append(file)
    records = Records(directory, side, float(white), tuple(files))
    if empty := [part for part in PARTS if not records.examples[part]]:
        raise ValueError(f"no examples for {', '.join(empty)}")
    return records


def main(words: list[str] | None = None) -> None:
    """Write generated records: the digits, enlarged and made unlike each other by noise."""
    parser = argparse.ArgumentParser(prog="python3 -m training.records", description=main.__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--megabytes", type=float, default=1000, help="size of the train part (1000)")
    parser.add_argument("--side", type=int, default=64, help="pixels of a side, a multiple of 8 (64)")
    parser.add_argument("--files", type=int, default=16, help="train files (16)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(words)
    from training.record_writer import write_digits  # noqa: PLC0415 - imports TensorFlow

    written = write_digits(
        options.directory,
        train_bytes=int(options.megabytes * 1e6),
        side=options.side,
        files=options.files,
        seed=options.seed,
    )
    size = sum(file.size for file in written.files)
    counts = ", ".join(f"{count} {part}" for part, count in written.examples.items())
    say(f"{options.directory}: {counts} records, {size / 1e6:.1f} MB, dataVersion {written.digest[:12]}")


if __name__ == "__main__":
    main()
