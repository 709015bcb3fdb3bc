"""A comparison as people read it."""

from typing import Final

from rich.table import Table

from contract.comparison import TIMES, Comparison

_DIGITS: Final = 8
"""Of a SHA-256, as many as tell two of them apart. The table fits a screen of 80 columns."""

_MINUTES: Final = len("2026-01-31T12:00")


def table(comparison: Comparison) -> Table:
    """The published version and the second training side by side, with what differs between them."""
    published, again = comparison.published, comparison.again
    shown = Table("", "published", "trained again", "difference")
    shown.add_row("trained", published.created[:_MINUTES], again.created[:_MINUTES], "")
    shown.add_row("image", _image(published.image), _image(again.image), _same(published.image, again.image))
    versions = (published.tensorflow_version, again.tensorflow_version)
    shown.add_row("TensorFlow", *versions, _same(*versions))
    digests = (published.data_digest, again.data_digest)
    shown.add_row("data", *map(_short, digests), _same(*digests))
    shown.add_section()
    for name, (before, now) in comparison.metrics.items():
        shown.add_row(name, _number(before), _number(now), _apart(name, before, now))
    shown.add_section()
    files = comparison.variables.values()
    counts = [str(sum(side is not None for side in sides)) for sides in zip(*files, strict=True)]
    others = sum(before != now for before, now in files)
    shown.add_row("files of weights", *(counts or ["0", "0"]), f"{others} differ" if others else "none")
    weights = comparison.weights
    difference = weights.mismatch or (f"{weights.differing:,} differ" if weights.differing else "none")
    shown.add_row("weights", f"{weights.count:,}", "", difference)
    if weights.differing:
        shown.add_row("largest difference", "", "", f"{weights.largest:.3g}")
    return shown


def _image(reference: str) -> str:
    """Its name without the registry, and enough of its digest; the whole one is a line of the log."""
    name, at, digest = reference.rpartition("/")[2].partition("@sha256:")
    return f"{name}@{digest[:_DIGITS]}…" if at else name


def _short(digest: str) -> str:
    return f"{digest[:_DIGITS]}…"


def _same(before: str | None, now: str | None) -> str:
    return "none" if before == now else "another"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _apart(name: str, before: float | None, now: float | None) -> str:
    if before is None or now is None:
        return "not comparable"
    apart = "none" if now == before else f"{now - before:+.6g}"
    return f"{apart}, not judged" if name in TIMES else apart
