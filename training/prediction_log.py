"""A recorded request as TensorFlow Serving reads it for its warm-up: a PredictionLog in protobuf's wire format.

The messages are those of tensorflow_serving/apis/{prediction_log,predict,model}.proto
(https://github.com/tensorflow/serving). Their Python package would bring gRPC and a TensorFlow of its own; three
nested messages with length-delimited fields only need neither.
"""

from collections.abc import Mapping
from typing import Final

_LENGTH_DELIMITED: Final = 2
"""Wire type of strings, bytes and messages (https://protobuf.dev/programming-guides/encoding/)."""

_PREDICT_LOG: Final = 6
"""PredictionLog.predict_log"""
_REQUEST: Final = 1
"""PredictLog.request"""
_MODEL_SPEC: Final = 1
"""PredictRequest.model_spec"""
_INPUTS: Final = 2
"""PredictRequest.inputs, a map: on the wire a repeated message of key and value."""
_KEY: Final = 1
_VALUE: Final = 2
_SIGNATURE_NAME: Final = 3
"""ModelSpec.signature_name"""


def predict_log(signature: str, inputs: Mapping[str, bytes]) -> bytes:
    """A PredictionLog of one predict request.

    Args:
        signature: Which signature is called.
        inputs: Of each of its inputs, by name, a serialized TensorProto.
    """
    entries = (
        _field(_INPUTS, _field(_KEY, name.encode()) + _field(_VALUE, tensor)) for name, tensor in sorted(inputs.items())
    )
    request = _field(_MODEL_SPEC, _field(_SIGNATURE_NAME, signature.encode())) + b"".join(entries)
    return _field(_PREDICT_LOG, _field(_REQUEST, request))


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | _LENGTH_DELIMITED) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first; all but the last byte have the high bit set."""
    low, rest = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + _varint(rest) if rest else bytes([low])
