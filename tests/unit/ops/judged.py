"""Two versions of a model behind a pretend network: their stack file, metrics and answers, and Prometheus."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx

from contract.labelled import Example
from local.images.serving.metrics import Metrics

TEXT = """\
config:
  tfk8s:models:
    digits:
      tracks: {stable: {version: 7, weight: 90}, canary: {version: 8, weight: 10}} # read by the post office
"""
"""A stack file with both."""

EXAMPLES = [Example(number, number % 10) for number in range(200)]
"""Test part of either version."""


def no_time(seconds: float) -> None:
    """Passes at once."""


@dataclass
class Version:
    """What one version's server answers."""

    number: int
    failures: int = 0
    """Of every 500 requests between two readings of its metrics."""

    latency_us: float = 3000.0
    wrong: frozenset[int] = frozenset()
    """Instances that it gets wrong; an instance is its own number, its label that modulo 10."""

    is_down: bool = False
    metrics: Metrics = field(default_factory=Metrics)

    def answer(self, request: httpx.Request) -> httpx.Response:
        if self.is_down:
            raise httpx.ConnectError("connection refused", request=request)
        if request.url.path == "/monitoring/prometheus/metrics":
            for number in range(500):
                code = "INTERNAL" if number < self.failures else "OK"
                self.metrics.request("digits", "predict", code, self.latency_us)
            return httpx.Response(200, text=self.metrics.page())
        if request.url.path == f"/v1/models/digits/versions/{self.number}:predict":
            instances: list[int] = json.loads(request.content)["instances"]
            return httpx.Response(200, json={"predictions": [self._scores(each) for each in instances]})
        return httpx.Response(404, json={"error": f"Servable not found for request: {request.url.path}"})

    def _scores(self, instance: int) -> list[float]:
        answer = (instance + (instance in self.wrong)) % 10
        return [0.9 if digit == answer else 0.01 for digit in range(10)]


def network(versions: Mapping[str, Version]) -> httpx.Client:
    """A client for which each host name is a version's server."""
    return httpx.Client(transport=httpx.MockTransport(lambda request: versions[request.url.host].answer(request)))
