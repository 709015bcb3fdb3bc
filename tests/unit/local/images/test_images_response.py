"""Tensors to JSON, laid out as TensorFlow Serving's."""

import json

import numpy as np
import pytest

from local.images.serving.response import decimals, predict_json
from local.images.serving.status import ServingError


def test_a_single_output_in_row_format_has_no_name() -> None:
    text = predict_json({"p": np.array([[0.5, 1], [2, 3]], np.float32)}, "row")
    assert text == '{\n    "predictions": [[0.5, 1.0], [2.0, 3.0]\n    ]\n}'


def test_several_outputs_in_row_format_are_objects() -> None:
    text = predict_json({"c": np.array([6, 7]), "p": np.array([[0.5], [1]], np.float32)}, "row")
    assert text.startswith(
        '{\n    "predictions": [\n        {\n            "c": 6,\n            "p": [0.5]\n        },'
    )
    assert json.loads(text) == {"predictions": [{"c": 6, "p": [0.5]}, {"c": 7, "p": [1.0]}]}


def test_columnar_format_keeps_whole_tensors() -> None:
    one = np.array([[1, 2]], np.int64)
    assert predict_json({"p": one}, "columnar") == (
        '{\n    "outputs": [\n        [\n            1,\n            2\n        ]\n    ]\n}'
    )
    named = json.loads(predict_json({"a": one, "b": np.array(True)}, "columnar"))
    assert named == {"outputs": {"a": [[1, 2]], "b": True}}


def test_row_format_needs_one_batch_size() -> None:
    with pytest.raises(ServingError, match="inconsistent batch size: 1 expecting: 2"):
        predict_json({"a": np.zeros(2, np.float32), "b": np.zeros(1, np.float32)}, "row")
    with pytest.raises(ServingError, match="has no shape information"):
        predict_json({"a": np.array(1.0, np.float32)}, "row")


def test_strings_are_text_and_bytes_are_base64() -> None:
    value = np.array([b"\xc3\xa9"], object)
    assert json.loads(predict_json({"name": value}, "row")) == {"predictions": ["é"]}
    assert json.loads(predict_json({"name_bytes": value}, "row")) == {"predictions": [{"b64": "w6k="}]}


def test_decimals_are_those_of_the_real_server() -> None:
    values = np.array([0.2, 1, 9e6, 3e-5, 1 / 3, np.nan, np.inf, -np.inf, -0.0], np.float32)
    expected = ["0.2", "1.0", "9e+06", "3e-05", "0.333333343", "NaN", "Infinity", "-Infinity", "-0.0"]
    assert decimals(values) == expected
    assert decimals(np.array([1 / 3], np.float64)) == ["0.33333333333333331"]


def test_every_float32_reads_back_as_itself() -> None:
    numbers = np.frombuffer(np.random.default_rng(1).bytes(40_000), np.float32)
    numbers = numbers[np.isfinite(numbers)]
    read = json.loads(predict_json({"p": numbers}, "row"))["predictions"]
    assert (np.array(read, np.float64).astype(np.float32) == numbers).all()


def test_an_empty_batch_is_an_empty_list() -> None:
    assert json.loads(predict_json({"p": np.zeros((0, 2), np.float32)}, "row")) == {"predictions": []}
