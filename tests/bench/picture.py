"""Panels of curves as one SVG, for the documentation."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

_WIDTH, _HEIGHT = 240, 190
"""Of a panel's frame, in pixels."""
_LEFT, _TOP, _GAP = 58, 62, 46
_COLORS: Final = ("#c2410c", "#0369a1", "#15803d")
_DASHES: Final = ("", "5 4", "")
_INK, _GRID = "#1f2937", "#e5e7eb"


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Waits over loads."""

    name: str
    points: Sequence[tuple[float, float]]
    """Load as a share of all GPUs, wait in mean runs; ascending."""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """Curves on the same axes."""

    title: str
    curves: Sequence[Curve]


def drawn(panels: Sequence[Panel], highest: float) -> str:
    """The picture, with waits up to `highest`."""
    width = _LEFT + len(panels) * (_WIDTH + _GAP)
    height = _TOP + _HEIGHT + 52
    font = f'font-family="system-ui, sans-serif" font-size="12" fill="{_INK}"'
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {font}>',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        *_legend(panels[0].curves),
    ]
    for number, panel in enumerate(panels):
        parts += _panel(panel, _LEFT + number * (_WIDTH + _GAP), highest, first=number == 0)
    return "\n".join([*parts, "</svg>", ""])


def _legend(curves: Sequence[Curve]) -> list[str]:
    parts = list[str]()
    for number, curve in enumerate(curves):
        x = _LEFT + number * 150
        parts.append(_line([(x, 20), (x + 26, 20)], number))
        parts.append(f'<text x="{x + 33}" y="24">{curve.name}</text>')
    return parts


def _panel(panel: Panel, left: float, highest: float, *, first: bool) -> list[str]:
    def place(point: tuple[float, float]) -> tuple[float, float]:
        return left + point[0] * _WIDTH, _TOP + _HEIGHT * (1 - point[1] / highest)

    bottom, middle = _TOP + _HEIGHT, left + _WIDTH / 2
    parts = [f'<text x="{middle}" y="{_TOP - 10}" text-anchor="middle" font-weight="600">{panel.title}</text>']
    for quarter in range(5):
        x, y = left + _WIDTH * quarter / 4, bottom - _HEIGHT * quarter / 4
        parts += [
            f'<path d="M{x} {_TOP}V{bottom}M{left} {y}H{left + _WIDTH}" stroke="{_GRID}" fill="none"/>',
            f'<text x="{x}" y="{bottom + 17}" text-anchor="middle">{quarter * 25}%</text>',
            f'<text x="{left - 8}" y="{y + 4}" text-anchor="end">{highest * quarter / 4:g}</text>',
        ]
    parts.append(f'<text x="{middle}" y="{bottom + 38}" text-anchor="middle">GPU time wanted, of all there is</text>')
    if first:
        parts.append(
            f'<text transform="translate(16 {_TOP + _HEIGHT / 2}) rotate(-90)" text-anchor="middle">'
            "wait of 9 jobs in 10, in mean runs</text>"
        )
    for number, curve in enumerate(panel.curves):
        parts.append(_line([place(point) for point in _cut(curve.points, highest)], number))
    return parts


def _cut(points: Sequence[tuple[float, float]], highest: float) -> list[tuple[float, float]]:
    """As far as the frame reaches."""
    kept = [points[0]]
    for (x0, y0), (x1, y1) in pairwise(points):
        if y1 > highest:
            return [*kept, (x0 + (x1 - x0) * (highest - y0) / (y1 - y0), highest)]
        kept.append((x1, y1))
    return kept


def _line(points: Sequence[tuple[float, float]], number: int) -> str:
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    dash = f' stroke-dasharray="{_DASHES[number]}"' if _DASHES[number] else ""
    return f'<path d="M{path}" stroke="{_COLORS[number]}" stroke-width="2.5" fill="none"{dash}/>'
