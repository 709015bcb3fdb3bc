"""docs/evidence.md and its picture, written from what was measured."""

import os
import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from string import Template

from local import paths
from tests.evidence.load import Answer

TEMPLATE = Path(__file__).parent / "page.md"
PAGE = paths.ROOT / "docs" / "evidence.md"
PICTURE = paths.ROOT / "docs" / "images" / "evidence.svg"
REST = "nothing happens"
_BUCKET = 5.0
"""Seconds of one point of the picture."""

_WIDTH, _HEIGHT, _LEFT, _TOP = 900, 180, 60, 40
_COLORS = {
    "restart": "#67e8f9",
    "rolling update": "#0369a1",
    "scale-up": "#15803d",
    "scale-down": "#86efac",
    "canary starts": "#fbbf24",
    "promotion": "#c2410c",
    "rollback": "#7c3aed",
    "eviction": "#111827",
}


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that befell the platform; times in seconds of the epoch."""

    kind: str
    begun: float
    ended: float


@dataclass(frozen=True, kw_only=True)
class Control:
    """The same replacement of a pod, with something taken away."""

    name: str
    replacements: int
    """How often the pod was replaced until something was lost."""

    answers: Sequence[Answer]

    def row(self) -> str:
        """Of the page's table."""
        counts = f"{self.replacements} | {len(self.answers):,} | {_failed(self.answers)}"
        return f"| {self.name} | {counts} | {_why(self.answers)} |"


def quantile(seconds: Sequence[float], share: float) -> float:
    """The time that this share of the answers stays below."""
    return sorted(seconds)[min(len(seconds) - 1, int(len(seconds) * share))]


def write(
    answers: Sequence[Answer],
    events: Sequence[Event],
    controls: Sequence[Control],
    gateway: Sequence[Answer],
    of_controls: Mapping[str, int],
) -> None:
    """Write the page and the picture; `of_controls` are numbers that the page gives of them, by its words."""
    PICTURE.write_text(drawn(answers, events))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    machine = f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.freedesktop_os_release()['PRETTY_NAME']}"
    rate = len(answers) / (answers[-1].sent - answers[0].sent)
    words = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": machine,
        "failed": _failed(answers),
        "requests": f"{len(answers):,}",
        "rate": f"{rate:.0f}",
        "events": "\n".join(_row(kind, answers, events) for kind in dict.fromkeys(event.kind for event in events)),
        "controls": "\n".join(control.row() for control in controls),
        **of_controls,
        "gateway_failed": _failed(gateway),
        "gateway_requests": f"{len(gateway):,}",
        "gateway_why": _why(gateway),
    }
    PAGE.write_text(Template(TEMPLATE.read_text()).substitute(words))


def during(kind: str, answers: Sequence[Answer], events: Sequence[Event]) -> list[Answer]:
    """Answers to what was sent while events of this kind befell the platform."""
    spans = [(event.begun, event.ended) for event in events if event.kind == kind]
    return [one for one in answers if any(begun <= one.sent <= ended for begun, ended in spans)]


def p99(answers: Sequence[Answer]) -> float:
    """The seconds that 99 % of these answers stay below."""
    return quantile([one.seconds for one in answers], 0.99)


def _row(kind: str, answers: Sequence[Answer], events: Sequence[Event]) -> str:
    lasted = [event.ended - event.begun for event in events if event.kind == kind]
    seen = during(kind, answers, events)
    times = [one.seconds for one in seen]
    cells = (
        kind,
        f"{len(lasted)}",
        f"{sum(lasted) / len(lasted):.0f}",
        f"{len(seen):,}",
        f"{_failed(seen)}",
        f"{quantile(times, 0.5) * 1e3:.1f} ms",
        f"{p99(seen) * 1e3:.1f} ms",
        f"{p99(seen) / p99(during(REST, answers, events)):.1f}",
        f"{max(times) * 1e3:.0f} ms",
    )
    return f"| {' | '.join(cells)} |"


def _failed(answers: Sequence[Answer]) -> int:
    return sum(one.failure is not None for one in answers)


def _why(answers: Sequence[Answer]) -> str:
    """Kinds of failures by their statuses."""
    kinds = Counter(one.failure.split(" ")[0] for one in answers if one.failure)
    words = {"0": "no answer", "502": "502 Bad Gateway", "503": "503 Service Unavailable", "500": "500"}
    return ", ".join(f"{count} {words.get(kind, kind)}" for kind, count in kinds.most_common()) or "none"


def drawn(answers: Sequence[Answer], events: Sequence[Event]) -> str:
    """The p99 of every few seconds over what happened meanwhile."""
    first, last = answers[0].sent, answers[-1].sent
    buckets: dict[int, list[float]] = {}
    for one in answers:
        buckets.setdefault(int((one.sent - first) / _BUCKET), []).append(one.seconds * 1e3)
    points = [(number * _BUCKET, quantile(times, 0.99)) for number, times in sorted(buckets.items())]
    highest = max(value for _, value in points) * 1.1

    def x(seconds: float) -> float:
        return _LEFT + seconds / (last - first) * _WIDTH

    def y(value: float) -> float:
        return _TOP + _HEIGHT * (1 - value / highest)

    size = f'viewBox="0 0 {_LEFT + _WIDTH + 20} {_TOP + _HEIGHT + 50}"'
    font = 'font-family="system-ui, sans-serif" font-size="12" fill="#1f2937"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {font}>',
        '<rect width="100%" height="100%" fill="#fff"/>',
    ]
    for event in events:
        if event.kind != REST:
            left, right = x(event.begun - first), x(event.ended - first)
            parts.append(
                f'<rect x="{left:.1f}" y="{_TOP}" width="{right - left:.1f}" height="{_HEIGHT}" '
                f'fill="{_COLORS[event.kind]}" opacity="0.25"/>'
            )
    for number, (kind, color) in enumerate(_COLORS.items()):
        left = _LEFT + number * 112
        parts.append(f'<rect x="{left}" y="10" width="14" height="14" fill="{color}" opacity="0.45"/>')
        parts.append(f'<text x="{left + 20}" y="22">{kind}</text>')
    for quarter in range(5):
        value = highest * quarter / 4
        parts.append(f'<path d="M{_LEFT} {y(value):.1f}h{_WIDTH}" stroke="#e5e7eb" fill="none"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y(value) + 4:.1f}" text-anchor="end">{value:.0f} ms</text>')
    path = "L".join(f"{x(seconds):.1f} {y(value):.1f}" for seconds, value in points)
    parts.append(f'<path d="M{path}" stroke="#1f2937" stroke-width="1.5" fill="none"/>')
    minutes = (last - first) / 60
    middle = _LEFT + _WIDTH / 2
    parts.append(
        f'<text x="{middle}" y="{_TOP + _HEIGHT + 30}" text-anchor="middle">p99 of the answers of each '
        f"{_BUCKET:.0f} s, over {minutes:.0f} minutes</text>"
    )
    return "\n".join([*parts, "</svg>", ""])
