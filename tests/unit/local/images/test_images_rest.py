"""REST paths, statuses, errors and metrics of the serving stand-in, over a model without TensorFlow."""

import json
from pathlib import Path
from typing import Any

import pytest

from local.images.serving.rest import RestApi
from tests.unit.local.images.serving_fakes import api, served


@pytest.fixture
def rest(tmp_path: Path) -> RestApi:
    return api(served(tmp_path, versions=(1, 2), labels={"stable": 1, "gone": 9}))[0]


def post(rest: RestApi, path: str, document: Any) -> tuple[int, Any]:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    answer = rest.answer("POST", f"/v1/models/{path}", body)
    return answer.status, json.loads(answer.body)


def get(rest: RestApi, path: str) -> tuple[int, Any]:
    answer = rest.answer("GET", f"/v1/models{path}", b"")
    return answer.status, json.loads(answer.body)


@pytest.mark.parametrize("path", ["digits", "digits/versions/1", "digits/labels/stable", "DIGITS".lower()])
def test_predict_answers_by_name_version_and_label(rest: RestApi, path: str) -> None:
    assert post(rest, f"{path}:predict", {"instances": [[1, 2]]}) == (200, {"predictions": [[2.0, 4.0]]})


def test_predict_answers_columns_with_columns(rest: RestApi) -> None:
    assert post(rest, "digits:predict", {"inputs": {"x": [[1, 2]]}}) == (200, {"outputs": [[2.0, 4.0]]})


@pytest.mark.parametrize(
    ("path", "document", "status", "reason"),
    [
        ("nope:predict", {"instances": [1]}, 404, "Servable not found for request: Latest(nope)"),
        ("digits/versions/9:predict", {"instances": [1]}, 404, "Specific(digits, 9)"),
        ("digits/labels/x:predict", {"instances": [1]}, 400, "Unrecognized servable version label: x"),
        ("digits/labels/gone:predict", {"instances": [1]}, 400, "Unrecognized servable version label: gone"),
        ("digits:predict", b"{", 400, "JSON Parse error"),
        ("digits:predict", {"instances": ["a"]}, 400, "is not of expected type: float"),
        ("digits:predict", {"signature_name": "zz", "instances": [1]}, 400, '"zz" not found in signature def'),
        ("digits:predict", {"signature_name": "slow", "instances": [1]}, 504, "Timed out"),
        ("digits:classify", {"examples": [1]}, 400, "Was: tensorflow/serving/predict"),
        ("digits:regress", {"examples": [1]}, 400, "regression signature method_name"),
        ("digits:classify", {"signature_name": "label", "examples": [1]}, 501, "stand-in"),
        ("digits:classify", {"signature_name": "zz", "examples": [1]}, 400, "No signature was found"),
        ("digits:frobnicate", {"a": 1}, 400, "Malformed request: POST /v1/models/digits:frobnicate"),
        ("digits/versions/99999999999999999999:predict", {"a": 1}, 400, "to numeric"),
    ],
)
def test_errors_have_the_real_statuses_and_reasons(
    rest: RestApi, path: str, document: Any, status: int, reason: str
) -> None:
    found, body = post(rest, path, document)
    assert found == status
    assert reason in body["error"]


def test_malformed_json_is_told_before_an_unknown_model(rest: RestApi) -> None:
    assert post(rest, "nope:predict", b"{")[0] == 400


def test_status_lists_versions_highest_first(rest: RestApi) -> None:
    status, body = get(rest, "/digits")
    versions = body["model_version_status"]
    assert (status, [entry["version"] for entry in versions]) == (200, ["2", "1"])
    assert versions[0] == {"version": "2", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}


def test_status_of_one_version_or_label(rest: RestApi) -> None:
    assert get(rest, "/digits/versions/1") == get(rest, "/digits/labels/stable")


@pytest.mark.parametrize(
    ("path", "status", "reason"),
    [
        ("/nope", 404, "Could not find any versions of model nope"),
        ("/digits/versions/9", 404, "Could not find version 9 of model digits"),
        ("", 400, "Missing model name in request."),
        ("/digits/metadata/x", 400, "Malformed request"),
        ("/nope/metadata", 404, "Servable not found"),
    ],
)
def test_status_errors(rest: RestApi, path: str, status: int, reason: str) -> None:
    found, body = get(rest, path)
    assert (found, reason in body["error"]) == (status, True)


def test_metadata_names_the_version_that_answers(rest: RestApi) -> None:
    assert get(rest, "/digits/metadata")[1]["model_spec"]["version"] == "2"
    assert get(rest, "/digits/versions/1/metadata")[1]["model_spec"] == {
        "name": "digits",
        "signature_name": "",
        "version": "1",
    }


@pytest.mark.parametrize(
    ("method", "path"), [("PUT", "/v1/models/digits:predict"), ("GET", "/v1/models/digits:predict")]
)
def test_another_method_is_malformed(rest: RestApi, method: str, path: str) -> None:
    answer = rest.answer(method, path, b"{}")
    assert (answer.status, json.loads(answer.body)) == (400, {"error": f"Malformed request: {method} {path}"})


def test_paths_outside_the_api_are_not_found(rest: RestApi) -> None:
    assert rest.answer("GET", "/", b"").status == 404


def test_requests_are_counted_by_status_with_the_real_names(tmp_path: Path) -> None:
    rest, metrics = api(served(tmp_path))
    post(rest, "digits:predict", {"instances": [[1, 2]]})
    post(rest, "digits:predict", b"{")
    page = metrics.page()
    assert ':tensorflow:serving:request_count{model_name="digits",status="OK"} 1\n' in page
    assert ':tensorflow:serving:request_count{model_name="digits",status="INVALID_ARGUMENT"} 1\n' in page
    labels = 'model_name="digits",API="predict",entrypoint="REST"'
    assert f":tensorflow:serving:request_latency_count{{{labels}}} 1\n" in page
    assert f':tensorflow:serving:request_latency_bucket{{{labels},le="+Inf"}} 1\n' in page
    assert f':tensorflow:serving:request_latency_bucket{{{labels},le="18"}} ' in page
