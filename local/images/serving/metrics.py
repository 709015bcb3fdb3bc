"""The metrics that dashboards and autoscalers read, with TensorFlow Serving's names (servables/tensorflow/util.cc)."""

import threading
from collections import defaultdict
from itertools import accumulate

BUCKETS_MICROSECONDS = [10 * 1.8**k for k in range(33)]
"""Upper bounds; one more bucket takes the rest."""


class Histogram:
    """Counts by bucket, and their sum."""

    def __init__(self) -> None:
        self._counts = [0] * (len(BUCKETS_MICROSECONDS) + 1)
        self._sum = 0.0

    def add(self, microseconds: float) -> None:
        """Count one value."""
        bucket = next((i for i, bound in enumerate(BUCKETS_MICROSECONDS) if microseconds < bound), -1)
        self._counts[bucket] += 1
        self._sum += microseconds

    def lines(self, name: str, labels: str) -> list[str]:
        """In Prometheus' text format."""
        totals = list(accumulate(self._counts))
        bounds = [*(f"{bound:.6g}" for bound in BUCKETS_MICROSECONDS), "+Inf"]
        lines = [f'{name}_bucket{{{labels},le="{le}"}} {total}' for le, total in zip(bounds, totals, strict=True)]
        return [*lines, f"{name}_sum{{{labels}}} {self._sum:.6g}", f"{name}_count{{{labels}}} {totals[-1]}"]


class Metrics:
    """What the server counts; safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._request_latency: defaultdict[tuple[str, str], Histogram] = defaultdict(Histogram)
        self._runtime_latency: defaultdict[str, Histogram] = defaultdict(Histogram)

    def request(self, model: str, method: str, code: str, microseconds: float) -> None:
        """Count a finished REST request; its latency only if it succeeded, as the real server does."""
        with self._lock:
            self._requests[model, code] += 1
            if code == "OK":
                self._request_latency[model, method].add(microseconds)

    def runtime(self, model: str, microseconds: float) -> None:
        """Count one session run."""
        with self._lock:
            self._runtime_latency[model].add(microseconds)

    def page(self) -> str:
        """Everything, in Prometheus' text format."""
        with self._lock:
            count, latency, runtime = (
                f":tensorflow:serving:{name}" for name in ("request_count", "request_latency", "runtime_latency")
            )
            lines = [f"# TYPE {count} counter"]
            for (model, code), total in sorted(self._requests.items()):
                lines.append(f'{count}{{model_name="{_escape(model)}",status="{code}"}} {total}')
            lines.append(f"# TYPE {latency} histogram")
            for (model, method), histogram in sorted(self._request_latency.items()):
                labels = f'model_name="{_escape(model)}",API="{method}",entrypoint="REST"'
                lines += histogram.lines(latency, labels)
            lines.append(f"# TYPE {runtime} histogram")
            for model, histogram in sorted(self._runtime_latency.items()):
                labels = f'model_name="{_escape(model)}",API="Predict",runtime="TF1"'
                lines += histogram.lines(runtime, labels)
        return "\n".join(lines) + "\n"


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')
