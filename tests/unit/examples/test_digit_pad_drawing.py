"""Strokes become pixels in the style of the training data."""

import math
from typing import cast

import numpy as np
import pytest
from digit_pad.drawing import DrawingError, parse, to_pixels
from numpy.typing import NDArray

from tests.unit.examples.handwriting import USUAL, WAYS, Drawing
from training.data import load


def pixels(strokes: Drawing) -> NDArray[np.float64]:
    return np.array(to_pixels(parse(strokes)))


@pytest.mark.parametrize("digit", range(10))
def test_a_digit_fills_all_rows_as_in_the_data(digit: int) -> None:
    for strokes in WAYS[digit].values():
        seen = pixels(strokes)
        assert seen.shape == (8, 8)
        assert 0 <= seen.min() <= seen.max() <= 16
        assert seen[0].any()
        assert seen[7].any()


def test_lines_are_as_thick_as_in_the_data() -> None:
    black = np.mean([pixels(WAYS[digit][way]).sum() for digit, way in USUAL.items()])
    assert black == pytest.approx(load().train.images.sum(axis=(1, 2)).mean(), rel=0.15)


def test_neither_place_nor_size_changes_what_is_seen() -> None:
    strokes = WAYS[3]["two bows"]
    elsewhere = [[[x * 0.004 + 0.1, y * 0.004 + 0.2] for x, y in stroke] for stroke in strokes]
    assert np.abs(pixels(strokes) - pixels(elsewhere)).max() <= 2


def test_going_over_a_line_again_changes_nothing() -> None:
    assert (pixels([WAYS[7]["two lines"][0]] * 3) == pixels([WAYS[7]["two lines"][0]])).all()


def test_a_digit_stands_in_the_middle() -> None:
    seen = pixels(WAYS[1]["a bar"])
    assert (seen == seen[:, ::-1]).all()


def test_a_dot_is_a_dot_in_the_middle() -> None:
    seen = pixels([[[5, 5]]])
    assert seen[3:5, 3:5].sum() >= 0.9 * seen.sum() > 0


def test_a_line_that_lies_stays_flat() -> None:
    assert not pixels([[[0, 0], [100, 0]]])[[0, 1, 6, 7]].any()


@pytest.mark.parametrize(
    ("strokes", "reason"),
    cast(
        "list[tuple[object, str]]",
        [
            ("7", '"strokes" must be a list'),
            ([], "at least one stroke"),
            ([[]], r"strokes\[0\] must be a list of at least one point"),
            ([[[1, 2], [3]]], r"strokes\[0\]\[1\] must be two numbers"),
            ([[[1, "2"]]], "must be two numbers"),
            ([[[True, 2]]], "must be two numbers"),
            ([[[math.nan, 2]]], "must be two numbers"),
            ([[[10**400, 2]]], "must be two numbers"),
            ([[[1, 2]]] * 65, "65 strokes: at most 64"),
            ([[[1, 2]] * 4001], "4001 points: at most 4000"),
        ],
    ),
)
def test_what_is_no_drawing_is_refused_with_its_place(strokes: object, reason: str) -> None:
    with pytest.raises(DrawingError, match=reason):
        parse(strokes)
