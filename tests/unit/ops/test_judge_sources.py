"""Metrics as the judge reads them: restarts, new servers, and pages that are none."""

import re

import httpx
import pytest

from contract.labelled import Example
from local.images.serving.metrics import BUCKETS_MICROSECONDS, Metrics
from ops.judging.gathering import intervals_of
from ops.judging.samples import LATENCY, Counters, Series, SourceError, of_page, series
from ops.judging.sources import Prometheus, Servers


def page(ok: int, failed: int = 0, latency_us: float = 3000.0) -> dict[Series, float]:
    metrics = Metrics()
    for code, count in (("OK", ok), ("INTERNAL", failed)):
        for _ in range(count):
            metrics.request("digits", "predict", code, latency_us)
    metrics.request("letters", "predict", "OK", latency_us)
    return of_page(metrics.page(), "digits", "a")


def test_what_was_counted_between_two_readings_is_the_traffic() -> None:
    counters = Counters()
    assert counters.read(page(100)).requests == 0, "what was before is not known to be of this time"
    traffic = counters.read(page(150, failed=2))
    assert (traffic.requests, traffic.failures) == (52, 2)
    assert traffic.latency is not None
    assert traffic.latency.total == 50
    assert traffic.latency.bounds_us == pytest.approx(BUCKETS_MICROSECONDS, rel=1e-5)
    assert traffic.latency.above(9) == 50, "3 ms is above 10 us * 1.8^9"
    assert traffic.latency.above(10) == 0


def test_a_restarted_server_counts_from_nothing() -> None:
    counters = Counters()
    counters.read(page(100))
    assert counters.read(page(7)).requests == 7


def test_a_server_that_was_out_of_sight_is_not_counted_anew() -> None:
    counters = Counters()
    counters.read(page(100))
    assert counters.read({}).requests == 0
    assert counters.read(page(103)).requests == 3


def test_servers_with_different_buckets_are_refused() -> None:
    other = {series(LATENCY, {"model_name": "digits", "instance": "b", "le": bound}): 1.0 for bound in ("5", "+Inf")}
    with pytest.raises(SourceError, match="different buckets"):
        Counters().read(page(1) | other)


def test_a_page_with_a_line_that_is_no_metric_is_refused_by_that_line() -> None:
    with pytest.raises(SourceError, match=r"a has a line that is no metric: ':tensorflow:serving:request_count\{oops'"):
        of_page(":tensorflow:serving:request_count{oops\n", "digits", "a")


def prometheus(answers: dict[str, list[dict[str, object]]], name: str = "") -> Prometheus:
    """Has these series under one name, by a part of the query that selects them."""

    def answer(request: httpx.Request) -> httpx.Response:
        query = request.url.params["query"]
        asked = re.match(r'\{__name__=~"(.*?)",', query)
        assert asked
        known = answers if re.fullmatch(asked[1], name) else {}
        found = [each for key, values in known.items() if key in query for each in values]
        return httpx.Response(200, json={"status": "success", "data": {"resultType": "matrix", "result": found}})

    return Prometheus(httpx.Client(transport=httpx.MockTransport(answer)), "http://prometheus:9090")


@pytest.mark.parametrize(
    "name",
    [":tensorflow:serving:request_count", "tensorflow:serving:request_count", "tensorflow_serving_request_count"],
)
def test_prometheus_gives_the_intervals_at_which_it_read_both_versions(name: str) -> None:
    def counted(*values: tuple[float, str]) -> list[dict[str, object]]:
        labels = {"__name__": name, "instance": "a", "model_name": "digits", "status": "OK"}
        return [{"metric": labels, "values": values}]

    source = prometheus(
        {"8": counted((10, "5"), (20, "9"), (40, "20")), "7": counted((10, "0"), (20, "90"), (30, "99"))}, name
    )
    both = [source.snapshots(f'version="{version}"', window_seconds=60, step_seconds=10) for version in (8, 7)]
    (interval,) = intervals_of(*both)
    assert (interval.incoming.requests, interval.stable.requests) == (4, 90)
    assert interval.incoming.latency is None


@pytest.mark.parametrize("name", [f":{LATENCY.replace('_', ':', 2)}", LATENCY])
def test_prometheus_gives_the_latency_of_each_interval(name: str) -> None:
    labels = {"__name__": name, "instance": "a", "model_name": "digits"}
    buckets: list[dict[str, object]] = [
        {"metric": {**labels, "le": bound}, "values": [(10, "0"), (20, counted)]}
        for bound, counted in (("1800", "3"), ("+Inf", "4"))
    ]
    found = prometheus({"": buckets}, name).snapshots("", window_seconds=60, step_seconds=10)
    (interval,) = intervals_of(found, found)
    assert interval.incoming.latency is not None
    assert (interval.incoming.latency.total, interval.incoming.latency.above(0)) == (4, 1)


def test_series_that_prometheus_does_not_know_are_a_source_that_is_missing() -> None:
    with pytest.raises(SourceError, match=r'http://prometheus:9090 knows no series .*version="9"'):
        prometheus({}).snapshots('version="9"', window_seconds=60, step_seconds=10)


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        (httpx.Response(200, json={"predictions": [3]}), "must be a list with the score of each class"),
        (httpx.Response(200, json={"predictions": []}), "one prediction for each instance"),
        (httpx.Response(200, text="<html>"), "does not answer with a JSON object"),
        (httpx.Response(400, json={"error": "bad shape"}), "answers 400: .*bad shape"),
    ],
)
def test_an_answer_that_is_no_score_of_classes_is_a_source_that_is_missing(answer: httpx.Response, what: str) -> None:
    client = httpx.Client(transport=httpx.MockTransport(lambda _: answer))
    with pytest.raises(SourceError, match=what):
        Servers(client, "digits", 8, ["http://a"]).right([Example(1, 1)])
