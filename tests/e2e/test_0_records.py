"""Records: batches that hold the same examples for any number of workers, read file by file."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from contract.exits import Exit, Failure
from training import records, source
from training.arguments import Arguments
from training.data import Digits, load
from training.records import RecordFile, Records

FILE = RecordFile(path="train-00000.tfrecord", part="train", examples=100, size=0, sha256="0" * 64)


@dataclass(frozen=True)
class Written:
    records: Records
    feed: Any  # the module training.feed, imported late because it imports TensorFlow

    def batches(self, data: Records | Digits, first_step: int, workers: int, steps: int) -> list[bytes]:
        """Whole batches from a step on, put together from the workers' shares."""
        order = self.feed.Order(seed=3, batch_size=16, epochs=2)
        parts: list[Iterator[Any]] = []
        for worker in range(workers):
            share = self.feed.Share(worker, 1, workers)
            parts.append(iter(self.feed.training_batches(data, order, first_step, share)[0]))
        whole: list[bytes] = []
        for _ in range(steps):
            images = [next(part)[0].numpy() for part in parts]
            whole.append(np.concatenate(images).tobytes())
        return whole


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    from training import feed, record_writer  # noqa: PLC0415  import TensorFlow

    directory = tmp_path_factory.mktemp("records")
    record_writer.write_digits(directory, train_bytes=60_000, side=16, files=9)
    return Written(records.load(directory), feed)


def test_the_index_tells_parts_and_digest_without_reading_the_files(written: Written) -> None:
    data = written.records
    assert (data.side, data.white, data.noun) == (16, 255.0, "records")
    assert data.examples == {"train": 9 * 21, "validation": 255, "test": 263}
    assert data.steps_of_epoch(16, 1) == 10  # lanes of 21 and one of 42 examples, two of each a step


@pytest.mark.parametrize("workers", [2, 4, 8])
def test_a_batch_holds_the_same_examples_in_the_same_rows_for_any_number_of_workers(
    written: Written, workers: int
) -> None:
    assert written.batches(written.records, 0, workers, 4) == written.batches(written.records, 0, 1, 4)


@pytest.mark.parametrize("kind", ["records", "digits"])
def test_reading_goes_on_in_the_middle_of_an_epoch(written: Written, kind: str) -> None:
    data = written.records if kind == "records" else load()
    assert written.batches(data, 3, 1, 3) == written.batches(data, 0, 1, 6)[3:]


def test_digits_too_are_shared_by_rows(written: Written) -> None:
    assert written.batches(load(), 0, 4, 3) == written.batches(load(), 0, 1, 3)


def test_the_next_epoch_has_another_order(written: Written) -> None:
    assert not set(written.batches(written.records, 0, 1, 5)) & set(written.batches(written.records, 10, 1, 5))


def test_an_evaluated_part_is_read_whole(written: Written) -> None:
    sizes = [len(labels) for _, labels in written.feed.evaluation_batches(written.records, "test")]
    assert sum(sizes) == 263


def test_the_shuffle_buffers_are_bounded_in_bytes() -> None:
    large = replace(FILE, size=100 * 150_000)
    data = Records(Path(), 8, 255.0, tuple(replace(large, path=f"{index}") for index in range(8)))
    assert data.shuffled(8) == records.SHUFFLE_BYTES // 8 // 150_000


def test_no_index_a_changed_file_and_another_version_are_refused(written: Written, tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"index\.json does not exist: mount the data there") as caught:
        source.load("data", tmp_path, None)
    assert caught.value.code == Exit.BAD_INPUT
    with pytest.raises(Failure, match="dataVersion is 'abcdefabcdef', and the digest of"):
        records.load(written.records.directory, "abcdefabcdef")
    assert records.load(written.records.directory, written.records.digest[:12]).digest == written.records.digest
    index = json.loads((written.records.directory / "index.json").read_text())
    (tmp_path / "index.json").write_text(json.dumps(index))
    with pytest.raises(Failure, match="is missing; the index says") as caught:
        records.load(tmp_path)
    assert caught.value.code == Exit.STORE


def test_too_few_files_or_a_batch_that_does_not_split_over_the_lanes_is_refused(written: Written) -> None:
    with pytest.raises(Failure, match="has 9 train files: 16 replicas need at least 16"):
        written.records.steps_of_epoch(16, 16)
    with pytest.raises(Failure, match=r"batchSize is 20: must be divisible by 8, the number of lanes"):
        written.records.steps_of_epoch(20, 1)
    with pytest.raises(Failure, match="must be at most 189, the number of examples"):
        source.require_one_batch(written.records, Arguments(batch_size=192))


def test_the_digits_have_one_version(tmp_path: Path) -> None:
    assert source.load("digits", tmp_path, "1").noun == "digits"
    with pytest.raises(Failure, match="dataVersion is '2': this training code has 1"):
        source.load("digits", tmp_path, "2")
