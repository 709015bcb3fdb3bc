"""What training records is what TensorFlow Serving's definitions say, read by protobuf itself."""

from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from training.prediction_log import predict_log

_Field = descriptor_pb2.FieldDescriptorProto
_DEFINED = {
    "PredictionLog": [("predict_log", 6, "PredictLog")],
    "PredictLog": [("request", 1, "PredictRequest")],
    "PredictRequest": [("model_spec", 1, "ModelSpec"), ("inputs", 2, "Input")],
    "Input": [("key", 1, "string"), ("value", 2, "bytes")],
    "ModelSpec": [("name", 1, "string"), ("signature_name", 3, "string")],
}
"""tensorflow_serving/apis/{prediction_log,predict,model}.proto of 2.20.0; who carries a TensorProto sees bytes."""


@pytest.fixture(scope="module")
def prediction_log() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="prediction_log.proto", package="read", syntax="proto3")
    scalars = {"string": _Field.TYPE_STRING, "bytes": _Field.TYPE_BYTES}
    for name, fields in _DEFINED.items():
        message = file.message_type.add(name=name)
        for field_name, number, kind in fields:
            field = message.field.add(name=field_name, number=number, label=_Field.LABEL_OPTIONAL)
            field.type = scalars.get(kind, _Field.TYPE_MESSAGE)
            if kind not in scalars:
                field.type_name = f".read.{kind}"
            if field_name == "inputs":
                field.label = _Field.LABEL_REPEATED
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)  # pyright: ignore[reportUnknownMemberType] - protobuf's stubs leave it untyped
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("read.PredictionLog"))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType] - protobuf ships no types


@pytest.mark.parametrize("size", [1, 127, 128, 20_000])
def test_protobuf_reads_back_the_signature_and_tensors_of_any_size(prediction_log: Any, size: int) -> None:
    tensors = {"pixels": b"x" * size, "mask": b"\x00\xff"}
    read = prediction_log.FromString(predict_log("serving_default", tensors))
    request = read.predict_log.request
    assert request.model_spec.signature_name == "serving_default"
    assert {item.key: item.value for item in request.inputs} == tensors
    assert read.SerializeToString() == predict_log("serving_default", tensors), "nothing is lost or left over"


def test_equal_requests_are_equal_bytes() -> None:
    assert predict_log("s", {"a": b"1", "b": b"2"}) == predict_log("s", {"b": b"2", "a": b"1"})
