"""From pen strokes to the 8 x 8 pixels the model was trained on, in the style of its data.

The data (UCI's "Optical Recognition of Handwritten Digits", which scikit-learn ships) was made from scanned digits
normalised to 32 x 32 black and white pixels, of which each block of 4 x 4 was counted: a value is 0 to 16. In it every
digit fills all eight rows, is 5 to 6 columns wide, and has lines about one and a half pixels thick. So are drawings
here, whatever pen the page shows: scaled to the full height and centred by their box, then drawn with one round pen.
Centring by the centre of mass reads 5 more of 100 traced digits wrong; a pen that adapts to the ink reads no better.
"""

from collections.abc import Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray

SIDE = 8
"""Pixels of the model's input, both ways."""

BITMAP = 32
"""Pixels of the black and white picture, both ways; as in the data."""

PEN = 2.8
"""Radius of the pen in pixels of the bitmap; from 2.2 to 3.0 it matters little."""

WIDEST = 25
"""Columns of the bitmap that a drawing with its pen may fill; the data's digits fill 23 on average."""

MOST_STROKES = 64
MOST_POINTS = 4000
"""Points of a drawing, all strokes together: far more than a hand draws in a minute."""

LARGEST = 100_000.0
"""Of a coordinate, either sign: larger than any screen."""

Points = NDArray[np.float64]
"""[points, 2], x to the right and y down."""


class DrawingError(Exception):
    """What was sent is no drawing; the message says why."""


def parse(strokes: object) -> list[Points]:
    """Strokes as they came in JSON: a list of strokes, each a list of `[x, y]` in any one unit.

    Raises:
        DrawingError: It is something else, is empty, or is larger than a drawing can be.
    """
    if not isinstance(strokes, list) or not strokes:
        raise DrawingError('"strokes" must be a list of at least one stroke')
    every = cast("list[object]", strokes)
    if len(every) > MOST_STROKES:
        raise DrawingError(f"{len(every)} strokes: at most {MOST_STROKES} are taken")
    parsed = [_stroke(number, stroke) for number, stroke in enumerate(every)]
    if (points := sum(len(stroke) for stroke in parsed)) > MOST_POINTS:
        raise DrawingError(f"{points} points: at most {MOST_POINTS} are taken")
    return parsed


def to_pixels(strokes: Sequence[Points]) -> list[list[float]]:
    """The model's input: 8 rows of 8 values from 0 to 16."""
    bitmap = _drawn(strokes)
    block = BITMAP // SIDE
    counts = bitmap.reshape(SIDE, block, SIDE, block).sum(axis=(1, 3))
    return cast("list[list[float]]", counts.astype(float).tolist())


def _stroke(number: int, stroke: object) -> Points:
    where = f"strokes[{number}]"
    if not isinstance(stroke, list) or not stroke:
        raise DrawingError(f"{where} must be a list of at least one point [x, y]")
    points = cast("list[object]", stroke)
    for index, point in enumerate(points):
        numbers = cast("list[object]", point) if isinstance(point, list) else []
        if len(numbers) != 2 or not all(_is_coordinate(value) for value in numbers):  # noqa: PLR2004  x and y
            raise DrawingError(f"{where}[{index}] must be two numbers [x, y] from -{LARGEST:.0f} to {LARGEST:.0f}")
    return np.array(points, dtype=np.float64)


def _is_coordinate(value: object) -> bool:
    # JSON's true is an int to Python; NaN and infinity, which Python's reader takes, fail the comparison.
    return isinstance(value, int | float) and not isinstance(value, bool) and -LARGEST <= value <= LARGEST


def _drawn(strokes: Sequence[Points]) -> NDArray[np.bool_]:
    """Draw with the pen, as large as fits and centred by the box."""
    corners = np.concatenate(strokes)
    least, most = corners.min(axis=0), corners.max(axis=0)
    width, height = (most - least).tolist()
    room = BITMAP - 2 * PEN
    scale = room / max(width, height) if max(width, height) > 0 else 0.0
    # One that is too wide for the data is squeezed; a line that lies keeps its shape, it is no digit anyhow.
    too_wide = width * scale > WIDEST - 2 * PEN and height * scale > WIDEST / 2
    squeezed = (WIDEST - 2 * PEN) / (width * scale) if too_wide else 1.0
    shape = np.array([scale * squeezed, scale])
    dots = np.concatenate([_dots((stroke - (least + most) / 2) * shape) for stroke in strokes])
    # Each half pixel once: a scribble then costs no more than a full page.
    dots = np.unique(np.round(dots * 2), axis=0) / 2
    middles = np.arange(BITMAP) + 0.5 - BITMAP / 2
    across = (middles[:, None] - dots[None, :, 0]) ** 2
    down = (middles[:, None] - dots[None, :, 1]) ** 2
    nearest = (down[:, None, :] + across[None, :, :]).min(axis=2)
    return nearest <= PEN**2


def _dots(stroke: Points) -> Points:
    """Points along the stroke, at most half a pixel apart."""
    steps = np.diff(stroke, axis=0)
    lengths: NDArray[np.float64] = np.hypot(steps[:, 0], steps[:, 1])
    counts: NDArray[np.int64] = np.maximum(1, np.ceil(lengths * 2)).astype(np.int64)
    number: NDArray[np.int64] = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts) + 1
    share = (number / np.repeat(counts, counts))[:, None]
    along: Points = np.repeat(stroke[:-1], counts, axis=0) + np.repeat(steps, counts, axis=0) * share
    return np.concatenate([stroke[:1], along])
