"""Requests that a model's author ships with it, replayed before it takes traffic.

They are `PredictionLog` records (tensorflow_serving/apis/prediction_log.proto). The messages are rebuilt here from
their field numbers, as the package that has them is not in the image.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from .runtime import TensorFlow
from .signature import Array
from .status import ServingError

FILE = "assets.extra/tf_serving_warmup_requests"
DEFAULT_SIGNATURE = "serving_default"
MAX_RECORDS = 1000
"""More is an error, as in the real server."""

_PACKAGE = "tfk8s.warmup"
_Field = descriptor_pb2.FieldDescriptorProto

MESSAGES: dict[str, list[tuple[str, int, str, bool]]] = {
    "ModelSpec": [("signature_name", 3, "string", False)],
    "Input": [("key", 1, "string", False), ("value", 2, ".tensorflow.TensorProto", False)],
    "PredictRequest": [("model_spec", 1, "ModelSpec", False), ("inputs", 2, "Input", True)],
    "PredictLog": [("request", 1, "PredictRequest", False)],
    "PredictionLog": [("predict_log", 6, "PredictLog", False)],
}
"""Message to its fields: name, number, type, repeated."""


def warmup_requests(tf: TensorFlow, path: str) -> Iterator[tuple[str, dict[str, Array]]]:
    """Signature and inputs of each recorded predict request of a model version; none if it ships none.

    Raises:
        ServingError: The file is damaged, too long, or holds other requests than predict.
    """
    file = Path(path) / FILE
    if not file.is_file():
        return
    prediction_log = _message_class()
    try:
        records = list(tf.record_iterator(str(file)))
    except tf.data_loss_error as error:
        raise ServingError(
            "DATA_LOSS", f"Please verify your warmup data is in TFRecord format. {error.message}"
        ) from None
    if len(records) > MAX_RECORDS:
        raise ServingError("INVALID_ARGUMENT", f"Number of warmup records exceeds the maximum ({MAX_RECORDS})")
    for record in records:
        log = prediction_log.FromString(record)
        if not log.HasField("predict_log"):
            raise ServingError("UNIMPLEMENTED", "Unsupported log_type for warmup: only predict_log is replayed")
        request = log.predict_log.request
        inputs = {item.key: tf.make_ndarray(item.value) for item in request.inputs}
        yield request.model_spec.signature_name or DEFAULT_SIGNATURE, inputs


def _message_class() -> Any:  # noqa: ANN401 (a message made at run time has no static type)
    pool = descriptor_pool.Default()
    name = f"{_PACKAGE}.PredictionLog"
    try:
        descriptor = pool.FindMessageTypeByName(name)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] (protobuf's stubs leave it untyped)
    except KeyError:
        file = descriptor_pb2.FileDescriptorProto(name="tfk8s_warmup.proto", package=_PACKAGE, syntax="proto3")
        file.dependency.append("tensorflow/core/framework/tensor.proto")
        for message_name, fields in MESSAGES.items():
            message = file.message_type.add(name=message_name)
            for field_name, number, kind, repeated in fields:
                field = message.field.add(name=field_name, number=number)
                field.label = _Field.LABEL_REPEATED if repeated else _Field.LABEL_OPTIONAL
                field.type = _Field.TYPE_STRING if kind == "string" else _Field.TYPE_MESSAGE
                if kind != "string":
                    field.type_name = kind if kind.startswith(".") else f".{_PACKAGE}.{kind}"
        pool.Add(file)  # pyright: ignore[reportUnknownMemberType] (same)
        descriptor = pool.FindMessageTypeByName(name)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] (same)
    return message_factory.GetMessageClass(descriptor)  # pyright: ignore[reportUnknownArgumentType] (same)
