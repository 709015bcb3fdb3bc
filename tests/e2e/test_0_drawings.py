"""Drawn digits are read as what was drawn: the style of the pixels is that of the training data."""

from functools import cache
from importlib import import_module
from random import Random
from typing import Any, cast

import numpy as np
from digit_pad.drawing import parse, to_pixels

from tests.unit.examples.handwriting import USUAL, WAYS, Drawing, drawn, traced
from training.data import load


@cache
def judge() -> Any:
    """Reads digits without having been made for drawings: a classifier that saw the train part only, in milliseconds.

    Of the held-out digits themselves it reads 98 %, as the served network does.
    """
    train = load().train  # scikit-learn ships no type information
    return import_module("sklearn.svm").SVC(kernel="poly", degree=3).fit(train.images.reshape(-1, 64), train.labels)


def right(drawings: list[Drawing], digits: list[int]) -> float:
    """Share that is read as what was drawn."""
    read = cast(
        "list[int]", judge().predict([np.array(to_pixels(parse(strokes))).ravel() for strokes in drawings]).tolist()
    )
    return float(np.mean([one == digit for one, digit in zip(read, digits, strict=True)]))


def test_digits_as_hands_draw_them_are_read() -> None:
    hand = Random(4)
    each = [
        (digit, drawn(strokes, hand)) for digit, ways in WAYS.items() for strokes in ways.values() for _ in range(3)
    ]
    # Measured 0.84 here, and 0.90 by the served network of two seeds (660 drawings). What is missed are ways of
    # writing that the data has not: a square 4, which it takes for a 9, and some sevens without a bar.
    assert right([strokes for _, strokes in each], [digit for digit, _ in each]) >= 0.80


def test_lines_of_held_out_digits_drawn_over_are_read() -> None:
    held_out = load().test
    # Measured 0.83 here, and 0.87 by the served network of two seeds (all 263): thinning 8 x 8 pixels to lines loses
    # ends and closes gaps before anything is drawn.
    assert right([traced(image) for image in held_out.images[:120]], held_out.labels[:120].tolist()) >= 0.78


def test_each_digit_is_read_in_its_usual_way() -> None:
    assert right([WAYS[digit][way] for digit, way in USUAL.items()], list(USUAL)) == 1
