"""Digits as hands draw them: strokes for each, in the usual ways of writing, and the data set's own as strokes.

Coordinates run from 0 to 100 across and from 0 to 160 down; x to the right, y down.
"""

from itertools import pairwise
from math import cos, pi, sin, tan
from random import Random

import numpy as np
from numpy.typing import NDArray

Stroke = list[list[float]]
Drawing = list[Stroke]


def arc(  # noqa: PLR0917 - a table of shapes reads best without names
    x: float, y: float, across: float, down: float, start: float, end: float
) -> Stroke:
    """Part of an ellipse; degrees clockwise from three o'clock."""
    steps = max(6, int(abs(end - start) / 12))
    angles = [(start + (end - start) * step / steps) * pi / 180 for step in range(steps + 1)]
    return [[x + across * cos(angle), y + down * sin(angle)] for angle in angles]


def line(*points: tuple[float, float]) -> Stroke:
    return [[x, y] for x, y in points]


WAYS: dict[int, dict[str, Drawing]] = {
    0: {
        "an oval": [arc(50, 80, 50, 80, -90, 275)],
        "narrow": [arc(50, 80, 36, 80, -80, 280)],
        "round": [arc(50, 80, 66, 76, -110, 250)],
    },
    1: {
        "a bar": [line((50, 0), (50, 160))],
        "with a flag": [line((10, 45), (55, 0), (55, 160))],
        "with a flag and a foot": [line((15, 38), (50, 0), (50, 160)), line((12, 160), (88, 160))],
        "slanted": [line((66, 0), (36, 160))],
    },
    2: {
        "a swan": [[*arc(48, 42, 44, 42, -170, 40), *line((8, 158), (98, 158))]],
        "with a loop": [
            [*arc(48, 42, 42, 42, -160, 45), [22, 140], [6, 154], [14, 132], [38, 142], [70, 158], [100, 146]]
        ],
        "angular": [line((8, 30), (40, 0), (84, 18), (84, 52), (8, 158), (96, 158))],
    },
    3: {
        "two bows": [[*arc(44, 40, 42, 40, -155, 80), *arc(44, 118, 50, 42, -85, 150)]],
        "with a flat top": [[*line((8, 2), (84, 2), (42, 62)), *arc(44, 110, 46, 50, -80, 150)]],
        "rounder": [[*arc(40, 38, 48, 38, -140, 70), [36, 74], *arc(42, 116, 54, 44, -80, 140)]],
    },
    4: {
        "open": [line((24, 0), (6, 88), (98, 88)), line((74, 22), (70, 160))],
        "closed": [line((66, 0), (4, 104), (100, 104)), line((66, 0), (66, 160))],
        "one stroke": [line((72, 160), (72, 2), (6, 98), (98, 98))],
        "square": [line((10, 4), (10, 82), (90, 82)), line((86, 4), (86, 160))],
    },
    5: {
        "with a hat": [[*line((18, 4), (14, 68)), *arc(42, 110, 50, 48, -125, 150)], line((18, 4), (92, 4))],
        "one stroke": [[*line((90, 2), (20, 2), (14, 70)), *arc(42, 108, 52, 50, -125, 145)]],
        "angular": [line((88, 0), (16, 0), (16, 66), (72, 66), (90, 100), (78, 148), (40, 160), (6, 146))],
    },
    6: {
        "a curl": [[*line((74, 2), (40, 28), (14, 78)), *arc(48, 112, 42, 46, -190, 170)]],
        "straight": [[*line((60, 0), (22, 62), (8, 104)), *arc(46, 116, 40, 42, -190, 160)]],
        "round": [[*arc(72, 82, 64, 80, -80, -190), *arc(50, 116, 42, 42, -175, 175)]],
    },
    7: {
        "two lines": [line((4, 4), (96, 4), (38, 160))],
        "with a bar": [line((4, 4), (94, 4), (36, 160)), line((24, 82), (86, 78))],
        "with a serif": [line((6, 26), (6, 4), (96, 4), (52, 70), (40, 160))],
        "curved": [[[4, 10], [30, 2], [60, 6], [96, 0], [70, 50], [52, 100], [44, 160]]],
    },
    8: {
        "one stroke": [
            [*arc(50, 38, 36, 38, -30, -270), *arc(50, 118, 46, 42, -90, 270), *arc(50, 38, 36, 38, 90, -30)]
        ],
        "two rings": [arc(50, 38, 38, 38, -90, 270), arc(50, 118, 46, 42, -90, 270)],
        "leaning": [
            [
                [88, 20],
                [52, 0],
                [20, 24],
                [34, 62],
                [74, 94],
                [86, 130],
                [52, 160],
                [18, 136],
                [30, 98],
                [76, 58],
                [88, 20],
            ]
        ],
    },
    9: {
        "straight": [[*arc(46, 42, 42, 42, -10, -370), [86, 160]]],
        "curved": [[*arc(46, 44, 42, 44, -20, -365), [90, 90], [78, 140], [40, 160], [14, 148]]],
        "slanted": [[*arc(48, 40, 42, 40, -20, -370), [62, 160]]],
    },
}
"""Digit to its ways of being written."""

USUAL = {
    0: "an oval",
    1: "with a flag",
    2: "a swan",
    3: "two bows",
    4: "closed",
    5: "with a hat",
    6: "a curl",
    7: "with a bar",
    8: "one stroke",
    9: "straight",
}
"""The way that the data has most of."""


def drawn(strokes: Drawing, hand: Random, unsteadiness: float = 1.0) -> Drawing:
    """The same as another hand draws it: turned, slanted, bent and trembling a little, anywhere, of any size."""
    turn, slant = hand.gauss(0, 4 * unsteadiness) * pi / 180, tan(hand.gauss(0, 6 * unsteadiness) * pi / 180)
    wide, size = 1 + hand.gauss(0, 0.1 * unsteadiness), hand.uniform(0.5, 2.5)
    bends = [(hand.gauss(0, 3 * unsteadiness), hand.uniform(0, 2 * pi), hand.uniform(0.02, 0.05)) for _ in range(2)]
    left, top = hand.uniform(0, 100), hand.uniform(0, 100)

    def place(x: float, y: float) -> list[float]:
        x, y = (x - 50) * wide - (y - 80) * slant, y - 80
        x += bends[0][0] * sin(y * bends[0][2] + bends[0][1]) + hand.gauss(0, 0.6 * unsteadiness)
        y += bends[1][0] * sin(x * bends[1][2] + bends[1][1]) + hand.gauss(0, 0.6 * unsteadiness)
        return [left + size * (x * cos(turn) - y * sin(turn)), top + size * (x * sin(turn) + y * cos(turn))]

    return [[place(x, y) for x, y in stroke] for stroke in (finer(stroke) for stroke in strokes)]


def finer(stroke: Stroke) -> Stroke:
    """A point every few units, as a pointer reports them."""
    points = [stroke[0]]
    for (x0, y0), (x1, y1) in pairwise(stroke):
        steps = max(1, int(np.hypot(x1 - x0, y1 - y0) / 6))
        points += [[x0 + (x1 - x0) * step / steps, y0 + (y1 - y0) * step / steps] for step in range(1, steps + 1)]
    return points


def traced(image: NDArray[np.float32]) -> Drawing:
    """A digit of the data as strokes: the thinned lines of its picture, drawn over.

    Args:
        image: [8, 8], from 0 to 16.
    """
    times = 4
    places = (np.arange(8 * times) + 0.5) / times - 0.5
    # Linear between pixels, both ways: row i of `between` holds the weights of the eight pixels at place i.
    between = np.clip(1 - np.abs(np.clip(places, 0, 7)[:, None] - np.arange(8)), 0, 1)
    large = between @ image @ between.T
    black = _thinned(np.pad(large > 8, 1))  # half of what the darkest has
    at = {(int(x), int(y)) for y, x in np.argwhere(black)}
    steps = ((1, 0), (0, 1), (1, 1), (-1, 1))
    pairs = [((x, y), (x + dx, y + dy)) for x, y in sorted(at) for dx, dy in steps if (x + dx, y + dy) in at]
    return _joined([[list(map(float, start)), list(map(float, end))] for start, end in pairs])


def _joined(pairs: Drawing) -> Drawing:
    """Join pieces that follow each other, so that a trace has a pen's number of strokes."""
    strokes: Drawing = []
    left = list(pairs)
    while left:
        stroke = left.pop(0)
        while following := next((piece for piece in left if stroke[-1] in piece), None):
            left.remove(following)
            stroke.append(following[1] if following[0] == stroke[-1] else following[0])
        strokes.append(stroke)
    return strokes


def _thinned(black: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Zhang and Suen's thinning ("A fast parallel algorithm for thinning digital patterns", 1984)."""
    black = black.copy()
    around = ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))
    while True:
        before = black.copy()
        for first in (True, False):
            ring = [np.roll(black, (-dy, -dx), (0, 1)) for dy, dx in around]
            north, east, south, west = (ring[index] for index in (0, 2, 4, 6))
            count = np.sum(ring, axis=0)
            rises = np.sum([~ring[index] & ring[(index + 1) % 8] for index in range(8)], axis=0)
            open_sides = (
                ~(north & east & south) & ~(east & south & west)
                if first
                else ~(north & east & west) & ~(north & south & west)
            )
            black &= ~((count >= 2) & (count <= 6) & (rises == 1) & open_sides)
        if (black == before).all():
            return black
