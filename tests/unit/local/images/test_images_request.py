"""JSON of a predict request to tensors, as TensorFlow Serving reads it."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from local.images.serving.request import parse_json, signature_name, tensors, to_tensor
from local.images.serving.signature import TensorInfo
from local.images.serving.status import ServingError

Infos = dict[str, TensorInfo]

IMAGE = {"image": TensorInfo(dtype="DT_FLOAT", shape=(-1, 2))}
TWO = {"a": TensorInfo(dtype="DT_FLOAT", shape=(-1,)), "b": TensorInfo(dtype="DT_INT32", shape=(-1,))}


def failure(call: Callable[..., Any], *arguments: Any) -> ServingError:
    with pytest.raises(ServingError) as caught:
        call(*arguments)
    return caught.value


def test_instances_are_stacked_into_one_batch() -> None:
    answer_format, found = tensors({"instances": [[1, 2.5], [3, 4]]}, IMAGE)
    assert answer_format == "row"
    np.testing.assert_array_equal(found["image"], np.array([[1, 2.5], [3, 4]], np.float32))
    assert found["image"].dtype == np.float32


def test_instances_may_name_their_inputs() -> None:
    _, found = tensors({"instances": [{"a": 1, "b": 2}, {"a": 3, "b": 4}]}, TWO)
    assert found["a"].tolist() == [1.0, 3.0]
    assert found["b"].tolist() == [2, 4]


def test_inputs_is_one_tensor_or_one_a_name() -> None:
    assert tensors({"inputs": [[1, 2]]}, IMAGE)[1]["image"].shape == (1, 2)
    answer_format, found = tensors({"inputs": {"a": [1.5], "b": [7]}}, TWO)
    assert answer_format == "columnar"
    assert found["b"].tolist() == [7]


@pytest.mark.parametrize(
    ("document", "infos", "reason"),
    [
        ({}, IMAGE, "Missing 'inputs' or 'instances' key"),
        ({"instances": [], "x": 1}, IMAGE, "No values in 'instances' array"),
        ({"instances": 3}, IMAGE, "Expecting 'instances' to be an list/array"),
        ({"instances": [1], "inputs": [1]}, IMAGE, "expecting only one of"),
        ({"instances": [1]}, TWO, "instances is a plain list, but expecting list of objects"),
        ({"instances": [{"a": 1}]}, TWO, "keys must be equal to: a,b"),
        ({"instances": [{"c": 1}]}, TWO, "does not have named input: c"),
        ({"instances": [[1, 2], {"image": [1, 2]}]}, IMAGE, "Expecting value/list but got object at item 1"),
        ({"instances": [{"image": [1, 2]}, [1, 2]]}, IMAGE, "Expecting object but got list at item 1"),
        ({"instances": [[1, 2], [1]]}, IMAGE, "Failed to process element: 1 of 'instances' list"),
        ({"instances": [[[1, 2]], [[1], [2]]]}, IMAGE, "Expecting shape [1,2] but got: [2,1]"),
        ({"inputs": [1]}, TWO, "inputs is a plain value/list"),
        ({"inputs": {"a": [1]}}, TWO, "Missing named input: b in 'inputs' object."),
    ],
)
def test_a_request_of_the_wrong_form_is_refused_with_the_reason(document: Any, infos: Infos, reason: str) -> None:
    error = failure(tensors, document, infos)
    assert error.http_status == 400
    assert reason in error.message


@pytest.mark.parametrize(
    ("value", "dtype", "reason"),
    [
        ("1", "DT_FLOAT", 'JSON Value: "1" Type: String is not of expected type: float'),
        (True, "DT_FLOAT", "Type: True is not of expected type"),
        (1.0, "DT_INT32", "Type: Number is not of expected type: int32"),
        (2**31, "DT_INT32", "is not of expected type: int32"),
        (-1, "DT_UINT32", "is not of expected type: uint32"),
        (1, "DT_BOOL", "is not of expected type: bool"),
        (1, "DT_STRING", "is not of expected type: string"),
        ({"b64": 1}, "DT_STRING", "not formatted correctly for base64 data"),
        ({"b64": "!"}, "DT_STRING", "Unable to base64 decode"),
        ({"b64": "AA=="}, "DT_FLOAT", "Type: Object is not of expected type: float"),
        ([[1, 2], [3]], "DT_FLOAT", "Encountered list at unexpected size: 1 at level: 1 expected size: 2"),
        ([1, [2]], "DT_FLOAT", "Encountered list at unexpected level: 1 expected < 1"),
        ([[1], 2], "DT_FLOAT", "JSON Value: 2 found at incorrect level: 2 in the JSON DOM. Expected at level: 2"),
        (None, "DT_FLOAT", "Type: Null is not of expected type"),
    ],
)
def test_a_value_that_does_not_fit_its_type_is_refused(value: Any, dtype: str, reason: str) -> None:
    assert reason in failure(to_tensor, value, dtype).message


def test_types_that_json_cannot_carry_are_not_implemented() -> None:
    assert failure(to_tensor, 1, "DT_COMPLEX64").http_status == 501


def test_every_float32_survives_its_shortest_decimal() -> None:
    numbers = np.frombuffer(np.random.default_rng(0).bytes(4000), np.float32)
    numbers = numbers[np.isfinite(numbers)]
    assert (to_tensor(json.loads(json.dumps([float(str(n)) for n in numbers])), "DT_FLOAT") == numbers).all()


def test_strings_are_bytes_plain_or_base64() -> None:
    assert to_tensor(["é", {"b64": "AP8="}], "DT_STRING").tolist() == ["é".encode(), b"\x00\xff"]


def test_int8_wraps_as_the_real_server_does() -> None:
    assert to_tensor([300], "DT_UINT8").tolist() == [44]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "The document is empty"),
        (b"{bad", "JSON Parse error"),
        (b"\xff", "JSON Parse error"),
        (b"[1]", "Is not object"),
        (b"[" * 100_000, "JSON Parse error"),
    ],
)
def test_a_body_that_is_no_json_object_is_refused(body: bytes, reason: str) -> None:
    error = failure(parse_json, body)
    assert (error.http_status, reason in error.message) == (400, True)


def test_what_follows_the_object_is_ignored() -> None:
    assert parse_json(b'  {"inputs": [NaN]} trailing').keys() == {"inputs"}


def test_the_signature_must_be_a_string() -> None:
    assert signature_name({}) == ""
    assert "'signature_name' key must be a string" in failure(signature_name, {"signature_name": 1}).message
