"""TensorFlow Serving's counters, from its own page or from Prometheus, and what they counted between two readings."""

import re
from collections import defaultdict
from collections.abc import Mapping
from itertools import accumulate
from typing import Final

from serving.judge import Histogram, Traffic

REQUESTS: Final = "tensorflow_serving_request_count"
"""Completed requests by model and status."""

LATENCY: Final = "tensorflow_serving_request_latency_bucket"
"""Successful requests by model and upper bound `le`, in microseconds."""

NAMES: Final = ":?tensorflow[:_]serving[:_](request_count|request_latency_bucket)"
"""Either as the server calls it, `:tensorflow:serving:…`, or as a scrape configuration may: colons are for recorded
series (docs/monitoring.md)."""

_LINE: Final = re.compile(r"(?P<name>[a-zA-Z_:][\w:]*)(?:\{(?P<labels>.*)\})?\s+(?P<value>\S+)(?:\s+-?\d+)?")
_LABEL: Final = re.compile(r'(?P<name>[a-zA-Z_]\w*)="(?P<value>(?:[^"\\]|\\.)*)"')

Series = tuple[str, tuple[tuple[str, str], ...]]
"""Name without a leading colon and with `_` for others, and labels in order of their names."""

Snapshot = Mapping[Series, float]
"""Values of all series at one moment."""


class SourceError(Exception):
    """A source of evidence does not answer, or not with what is needed; the text says which and why."""


def series(name: str, labels: Mapping[str, str]) -> Series:
    """The key of a series."""
    return _plain(name), tuple(sorted(labels.items()))


def _plain(name: str) -> str:
    return name.removeprefix(":").replace(":", "_")


def of_page(text: str, model: str, address: str) -> dict[Series, float]:
    """The counters of a model on a server's page in Prometheus' text format.

    https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format

    Args:
        text: The page.
        model: Name of the model; counters of others are left out.
        address: Of the server: its counters are its own.

    Raises:
        SourceError: A line of these counters is not in that format.
    """
    found: dict[Series, float] = {}
    for line in text.splitlines():
        if not _plain(line).startswith((REQUESTS, LATENCY)):
            continue
        match = _LINE.fullmatch(line.strip())
        labels = {each["name"]: each["value"] for each in _LABEL.finditer((match and match["labels"]) or "")}
        try:
            value = float(match["value"] if match else "")
        except ValueError:
            raise SourceError(f"{address} has a line that is no metric: {line[:120]!r}") from None
        if match and labels.get("model_name") == model:
            found[series(match["name"], {**labels, "instance": address})] = value
    return found


class Counters:
    """The counters of one version's servers, read again and again."""

    def __init__(self) -> None:
        self._known: dict[Series, float] = {}
        self._instances: set[str | None] = set()

    def read(self, snapshot: Snapshot) -> Traffic:
        """What was counted since the last reading; nothing at the first.

        A counter that fell was reset by a restart and counts from 0, as in Prometheus' `rate`; so does a new one of a
        server that is known, such as the first failure's. A server seen for the first time is counted from then on.

        Raises:
            SourceError: The servers have different buckets.
        """
        requests, failures = 0.0, 0.0
        buckets: defaultdict[float, float] = defaultdict(float)
        bounds: defaultdict[Series, set[float]] = defaultdict(set)
        for (name, labels), value in snapshot.items():
            fields = dict(labels)
            earlier = self._known.get((name, labels), 0.0)
            increase = value - earlier if value >= earlier else value
            if fields.get("instance") not in self._instances:
                increase = 0.0
            if name == REQUESTS:
                requests += increase
                failures += 0 if fields.get("status") == "OK" else increase
            elif name == LATENCY:
                bound = float(fields.pop("le"))
                buckets[bound] += increase
                bounds[series(name, fields)].add(bound)
        if len({frozenset(each) for each in bounds.values()}) > 1:
            raise SourceError("the servers of one version count latency in different buckets")
        self._known |= snapshot
        self._instances |= {dict(labels).get("instance") for _, labels in snapshot}
        return Traffic(requests=round(requests), failures=round(failures), latency=_histogram(buckets))


def _histogram(buckets: Mapping[float, float]) -> Histogram | None:
    bounds = sorted(buckets)
    if not bounds or bounds[-1] != float("inf"):
        return None
    # Servers are read while they count, so a bucket may be one ahead of the next.
    counts = tuple(accumulate((round(buckets[bound]) for bound in bounds), max))
    return Histogram(bounds_us=tuple(bounds[:-1]), cumulative=counts)
