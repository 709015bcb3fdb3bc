"""Where evidence comes from: the servers of a version, or Prometheus."""

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, cast

from contract.labelled import Example
from ops.judging.samples import NAMES, Series, Snapshot, SourceError, of_page, series

if TYPE_CHECKING:
    import httpx

METRICS_PATH: Final = "/monitoring/prometheus/metrics"
"""TensorFlow Serving's own default (prometheus_config of its monitoring config file)."""

TIMEOUT_SECONDS: Final = 10.0
BATCH: Final = 64
"""Examples of one predict request."""


class Servers:
    """The servers of one version of a model, by their REST addresses, such as http://127.0.0.1:8501."""

    def __init__(self, client: "httpx.Client", model: str, version: int, addresses: Sequence[str]) -> None:
        self._client = client
        self._model = model
        self._version = version
        self._addresses = addresses

    def snapshot(self) -> Snapshot:
        """All counters of all servers.

        Raises:
            SourceError: A server does not answer.
        """
        found: dict[Series, float] = {}
        for address in self._addresses:
            text = _answer(self._client, "GET", f"{address}{METRICS_PATH}").text
            found |= of_page(text, self._model, address)
        return found

    def right(self, examples: Sequence[Example]) -> list[bool]:
        """Whether the version is right on each example, asked of the first server.

        The version stands in the path, so an address that leads to another version's server answers with an error.

        Raises:
            SourceError: It does not answer, or not with scores of classes.
        """
        url = f"{self._addresses[0]}/v1/models/{self._model}/versions/{self._version}:predict"
        found: list[bool] = []
        for start in range(0, len(examples), BATCH):
            batch = examples[start : start + BATCH]
            document = _document(
                _answer(self._client, "POST", url, {"instances": [example.instance for example in batch]}), url
            )
            answered = document.get("predictions")
            predictions = cast("list[object]", answered) if isinstance(answered, list) else []
            if len(predictions) != len(batch):
                raise SourceError(f"{url} does not answer with one prediction for each instance")
            found += [
                _class(prediction, url) == example.label for prediction, example in zip(predictions, batch, strict=True)
            ]
        return found


class Prometheus:
    """Prometheus, or whatever has its HTTP API (https://prometheus.io/docs/prometheus/latest/querying/api/)."""

    def __init__(self, client: "httpx.Client", address: str) -> None:
        self._client = client
        self._address = address

    def snapshots(self, selector: str, *, window_seconds: float, step_seconds: float) -> Mapping[float, Snapshot]:
        """Counters at the steps of the last seconds, by Unix time.

        Args:
            selector: Label matchers of one version's servers, such as `version="8"`.
            window_seconds: How far to look back.
            step_seconds: Time between two readings.

        Raises:
            SourceError: It does not answer, or knows no such series.
        """
        query = f'{{__name__=~"{NAMES}",{selector}}}'
        url = f"{self._address}/api/v1/query_range"
        now = time.time()
        # Steps at whole multiples: two versions, asked one after the other, are read at the same moments.
        end = now - now % step_seconds
        parameters = {"query": query, "start": end - window_seconds, "end": end, "step": step_seconds}
        document = _document(_answer(self._client, "GET", url, parameters=parameters), url)
        data = document.get("data")
        result = cast("dict[str, object]", data).get("result") if isinstance(data, dict) else None
        if not isinstance(result, list) or not result:
            raise SourceError(f"{self._address} knows no series {query}")
        at: dict[float, dict[Series, float]] = {}
        for each in cast("list[dict[str, object]]", result):
            labels = dict(cast("Mapping[str, str]", each["metric"]))
            key = series(labels.pop("__name__"), labels)
            for moment, value in cast("list[tuple[float, str]]", each["values"]):
                at.setdefault(moment, {})[key] = float(value)
        return at


def _class(prediction: object, url: str) -> int:
    shown = str(prediction)[:80]
    scores = cast("list[object]", prediction) if isinstance(prediction, list) else []
    numbers = [score for score in scores if isinstance(score, int | float)]
    if not numbers or len(numbers) != len(scores):
        raise SourceError(f"{url} answers {shown}: must be a list with the score of each class")
    return max(range(len(numbers)), key=numbers.__getitem__)


def _document(answer: "httpx.Response", url: str) -> dict[str, object]:
    try:
        document = cast("object", answer.json())
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise SourceError(f"{url} does not answer with a JSON object")
    return cast("dict[str, object]", document)


def _answer(
    client: "httpx.Client",
    method: str,
    url: str,
    body: Mapping[str, object] | None = None,
    parameters: Mapping[str, str | float] | None = None,
) -> "httpx.Response":
    import httpx  # noqa: PLC0415 - takes long to import, and `tfk8s --help` needs none

    try:
        answer = client.request(method, url, json=body, params=parameters, timeout=TIMEOUT_SECONDS)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise SourceError(f"{url} does not answer: {error}") from None
    if not answer.is_success:
        raise SourceError(f"{url} answers {answer.status_code}: {answer.text[:120]}")
    return answer
