"""The data: split for good, and known by a digest."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.exits import Exit, Failure
from training import data, source
from training.data import DATA_VERSIONS, Digits, digest, load, part_of


@pytest.fixture(scope="module")
def digits() -> Digits:
    return load()


@settings(max_examples=20)
@given(st.integers(0, 10**9))
def test_an_example_stays_in_its_part(index: int) -> None:
    assert part_of(index) == part_of(index)
    assert part_of(index) in ("train", "validation", "test")


def test_the_split_is_fixed_for_good() -> None:
    letters = {"train": "r", "validation": "v", "test": "t"}
    assert "".join(letters[part_of(index)] for index in range(24)) == "rrrrrrrrrvrrvrrrvrrtrrvr"


def test_shares_are_about_70_15_15() -> None:
    names = [part_of(index) for index in range(5000)]
    assert [round(names.count(name) / 5000, 2) for name in ("train", "validation", "test")] == [0.71, 0.15, 0.14]


def test_every_example_lies_in_exactly_one_part(digits: Digits) -> None:
    assert (len(digits.train), len(digits.validation), len(digits.test)) == (1279, 255, 263)


def test_no_test_image_is_trained_on(digits: Digits) -> None:
    seen = {image.tobytes() for part in (digits.train, digits.validation) for image in part.images}
    assert not [image for image in digits.test.images if image.tobytes() in seen]


def test_shapes_and_values_are_the_documented_ones(digits: Digits) -> None:
    for part in (digits.train, digits.validation, digits.test):
        assert part.images.shape == (len(part), 8, 8)
        assert (part.images.dtype, part.labels.dtype) == (np.float32, np.int64)
        assert part.images.min() >= 0
        assert part.images.max() == 16
        assert set(part.labels.tolist()) == set(range(10))


def test_the_digest_of_the_data_is_fixed_for_good(digits: Digits) -> None:
    assert digits.digest == DATA_VERSIONS["1"]


def test_digits_that_are_not_those_of_the_declared_version_are_refused(
    digits: Digits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data, "load", lambda: replace(digits, digest="f" * 64))
    with pytest.raises(Failure, match=r"not dataVersion '1': SHA-256 f{12}… instead of 451194d5b565…") as caught:
        source.load("digits", tmp_path, "1")
    assert caught.value.code == Exit.BAD_INPUT
    assert source.load("digits", tmp_path, None).digest == "f" * 64


def test_any_change_of_the_data_changes_the_digest() -> None:
    images, labels = np.zeros((2, 8, 8), np.float32), np.zeros(2, np.int64)
    other_images, other_labels = images.copy(), labels.copy()
    other_images[1, 7, 7] = 1
    other_labels[1] = 1
    digests = {digest(images, labels), digest(other_images, labels), digest(images, other_labels)}
    assert len(digests) == 3
