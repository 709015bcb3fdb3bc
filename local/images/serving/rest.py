"""The REST paths: model_servers/http_rest_api_handler.cc and http_rest_api_util.cc, as a function of bytes."""

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from . import request, response
from .metrics import Metrics
from .signature import Servable
from .status import ServingError, error_body, invalid_argument
from .versions import Versions

DEFAULT_SIGNATURE = "serving_default"

_VERSION = r"(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
PREDICT_PATH = re.compile(
    r"/v1/models/(?P<name>[^/:]+)" + _VERSION + r":(?P<method>classify|regress|predict)", re.IGNORECASE
)
STATUS_PATH = re.compile(r"/v1/models(?:/(?P<name>[^/:]+))?" + _VERSION + r"(?P<metadata>/metadata)?", re.IGNORECASE)
ANY_PATH = re.compile(r"/v1/.*", re.IGNORECASE)

EXAMPLE_METHODS = {
    "classify": ("classification", "tensorflow/serving/classify"),
    "regress": ("regression", "tensorflow/serving/regress"),
}
INT64_MAX = 2**63 - 1


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What goes back to the client."""

    status: int
    body: bytes
    content_type: str = "application/json"


class RestApi:
    """Answers REST requests from the loaded versions."""

    def __init__(self, versions: Versions, metrics: Metrics) -> None:
        self._versions = versions
        self._metrics = metrics

    def answer(self, http_method: str, path: str, body: bytes) -> Answer:
        """Answer one request; counts it in the metrics.

        Args:
            http_method: `GET`, `POST` or another.
            path: Without the query.
            body: Whole.
        """
        if not ANY_PATH.fullmatch(path):
            return Answer(status=404, body=b"", content_type="text/html")
        started = time.monotonic()
        pattern = {"POST": PREDICT_PATH, "GET": STATUS_PATH}.get(http_method)
        match = pattern.fullmatch(path) if pattern else None
        fields = match.groupdict() if match else {}
        model, method = unquote(fields.get("name") or ""), fields.get("method", "").lower()
        code, status = "OK", 200
        try:
            if match is None:
                raise invalid_argument(f"Malformed request: {http_method} {path}")
            text = self._dispatch(model, method, fields, body)
        except ServingError as error:
            code, status, text = error.code, error.http_status, error_body(error.message)
        self._metrics.request(model, method, code, (time.monotonic() - started) * 1e6)
        return Answer(status=status, body=text.encode(errors="surrogateescape"))

    def _dispatch(self, model: str, method: str, fields: Mapping[str, str | None], body: bytes) -> str:
        if not model:
            raise invalid_argument("Missing model name in request.")
        version = _version(fields["version"])
        if fields["label"] is not None and method == "":
            version = self._versions.version_of_label(model, unquote(fields["label"]))
        if method == "":
            return self._metadata(model, version) if fields["metadata"] else self._status(model, version)
        document = request.parse_json(body)
        signature_name = request.signature_name(document)
        if fields["label"] is not None:
            version = self._versions.version_of_label(model, unquote(fields["label"]))
        _, servable = self._versions.servable(model, version)
        if method == "predict":
            return self._predict(model, servable, signature_name or DEFAULT_SIGNATURE, document)
        raise _example_error(servable, method, signature_name or DEFAULT_SIGNATURE)

    def _predict(self, model: str, servable: Servable, signature_name: str, document: dict[str, request.Json]) -> str:
        signature = servable.signatures.get(signature_name)
        if signature is None:
            raise invalid_argument(f'Serving signature name: "{signature_name}" not found in signature def')
        if not signature.inputs:
            raise invalid_argument(f"Failed to get input map for signature: {signature_name}")
        answer_format, inputs = request.tensors(document, signature.inputs)
        started = time.monotonic()
        outputs = servable.run(signature_name, inputs)
        self._metrics.runtime(model, (time.monotonic() - started) * 1e6)
        return response.predict_json(outputs, answer_format)

    def _status(self, model: str, version: int | None) -> str:
        entries = [
            {
                "version": str(number),
                "state": state.state,
                "status": {"error_code": state.code, "error_message": state.message},
            }
            for number, state in self._versions.states(model, version).items()
        ]
        return json.dumps({"model_version_status": entries}, indent=1) + "\n"

    def _metadata(self, model: str, version: int | None) -> str:
        number, servable = self._versions.servable(model, version)
        spec = json.dumps({"name": model, "signature_name": "", "version": str(number)}, indent=1)
        definitions = servable.signature_def_json()
        return f'{{\n"model_spec":{spec}\n,\n"metadata": {{"signature_def": {definitions}}}\n}}\n'


def _version(text: str | None) -> int | None:
    if text is None:
        return None
    if int(text) > INT64_MAX:
        raise invalid_argument(f"Failed to convert version: {text} to numeric.")
    return int(text)


def _example_error(servable: Servable, method: str, signature_name: str) -> ServingError:
    """Why a classify or regress request cannot be answered."""
    noun, expected = EXAMPLE_METHODS[method]
    signature = servable.signatures.get(signature_name)
    if signature is None:
        return invalid_argument(f'No signature was found with the name: "{signature_name}"')
    if signature.method_name != expected:
        return invalid_argument(f"Expected {noun} signature method_name to be {expected}. Was: {signature.method_name}")
    return ServingError("UNIMPLEMENTED", f"This stand-in for TensorFlow Serving does not {method}; use :predict")
