"""From the JSON of a predict request to tensors: util/json_tensor.cc, its checks and its texts."""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias, TypeGuard

import numpy as np

from .signature import DTYPES, Array, TensorInfo
from .status import ServingError, invalid_argument

MAX_DEBUG_BYTES = 256
"""How much of a JSON value an error shows."""

Format = Literal["row", "columnar"]
Json: TypeAlias = dict[str, "Json"] | list["Json"] | str | int | float | bool | None
"""A parsed JSON value."""

_INT32 = (-(2**31), 2**31 - 1)
_RANGES = {
    **dict.fromkeys(("DT_INT32", "DT_INT16", "DT_INT8", "DT_UINT8"), _INT32),
    "DT_INT64": (-(2**63), 2**63 - 1),
    "DT_UINT32": (0, 2**32 - 1),
    "DT_UINT64": (0, 2**64 - 1),
}
"""Range that the JSON reader checks; int16, int8 and uint8 are read as int32."""


def parse_json(body: bytes) -> dict[str, Json]:
    """The request's JSON object.

    Raises:
        ServingError: It is no JSON, or no object.
    """
    if not body:
        raise invalid_argument("JSON Parse error: The document is empty")
    try:
        text = body.decode().lstrip()
        # Like the real parser, stop when the first value is complete.
        document: Json = json.JSONDecoder().raw_decode(text)[0]
    except (UnicodeDecodeError, RecursionError) as error:
        raise invalid_argument(f"JSON Parse error: {error}") from None
    except json.JSONDecodeError as error:
        raise invalid_argument(f"JSON Parse error: {error.msg} at offset: {error.pos}") from None
    if not isinstance(document, dict):
        raise _format_error(document, "Is not object")
    return document


def signature_name(document: dict[str, Json]) -> str:
    """The request's signature, empty if it names none.

    Raises:
        ServingError: It is not a string.
    """
    name = document.get("signature_name", "")
    if not isinstance(name, str):
        raise _format_error(document, "not formatted correctly. 'signature_name' key must be a string value.")
    return name


def tensors(document: dict[str, Json], infos: Mapping[str, TensorInfo]) -> tuple[Format, dict[str, Array]]:
    """The request's tensors by input name, and the format to answer in.

    Args:
        document: With `instances` (row format) or `inputs` (columnar).
        infos: Inputs of the signature.

    Raises:
        ServingError: Values do not fit the signature's types, or are ragged.
    """
    if "instances" in document and "inputs" in document:
        raise _format_error(
            document, "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist "
        )
    if "instances" in document:
        instances = document["instances"]
        if not isinstance(instances, list):
            raise _format_error(document, "Expecting 'instances' to be an list/array")
        if not instances:
            raise _format_error(document, "No values in 'instances' array")
        return "row", _rows(instances, infos)
    if "inputs" in document:
        return "columnar", _columns(document["inputs"], infos)
    raise invalid_argument("Missing 'inputs' or 'instances' key")


def _rows(instances: list[Json], infos: Mapping[str, TensorInfo]) -> dict[str, Array]:
    if not isinstance(instances[0], dict) and len(infos) > 1:
        raise invalid_argument(
            "instances is a plain list, but expecting list of objects as multiple "
            "input tensors required as per tensorinfo_map"
        )
    elements_are_objects = _is_object(instances[0])
    rows: dict[str, list[Array]] = {name: [] for name in infos}
    only = next(iter(infos))
    for index, element in enumerate(instances):
        if _is_object(element):
            if not elements_are_objects:
                raise invalid_argument(f"Expecting value/list but got object at item {index} of input list")
            named = element
        elif elements_are_objects:
            raise invalid_argument(f"Expecting object but got list at item {index} of input list")
        else:
            named = {only: element}
        for name, value in named.items():
            try:
                _add_row(rows, name, value, infos)
            except ServingError as error:
                key = f" key: {name}" if elements_are_objects else ""
                reason = f"INVALID_ARGUMENT: {error.message}"
                raise invalid_argument(
                    f"Failed to process element: {index}{key} of 'instances' list. Error: {reason}"
                ) from None
        if named.keys() != infos.keys():
            raise invalid_argument(
                f"Failed to process element: {index} of 'instances' list. JSON object: {_debug(named)} "
                f"keys must be equal to: {','.join(sorted(infos))}"
            )
    return {name: np.stack(values) for name, values in rows.items()}


def _add_row(rows: Mapping[str, list[Array]], name: str, value: Json, infos: Mapping[str, TensorInfo]) -> None:
    if name not in infos:
        raise invalid_argument(f"JSON object: does not have named input: {name}")
    tensor = to_tensor(value, infos[name].dtype)
    if rows[name] and rows[name][0].size != tensor.size:
        raise invalid_argument(f"Expecting tensor size: {rows[name][0].size} but got: {tensor.size}")
    if rows[name] and rows[name][0].shape != tensor.shape:
        shapes = [f"[{','.join(map(str, array.shape))}]" for array in (rows[name][0], tensor)]
        raise invalid_argument(f"Expecting shape {shapes[0]} but got: {shapes[1]}")
    rows[name].append(tensor)


def _columns(value: Json, infos: Mapping[str, TensorInfo]) -> dict[str, Array]:
    if not _is_object(value):
        if len(infos) > 1:
            raise invalid_argument(
                "inputs is a plain value/list, but expecting an object as multiple "
                "input tensors required as per tensorinfo_map"
            )
        return {name: to_tensor(value, info.dtype) for name, info in infos.items()}
    for name in infos:
        if name not in value:
            raise invalid_argument(f"Missing named input: {name} in 'inputs' object.")
    return {name: to_tensor(value[name], info.dtype) for name, info in infos.items()}


def to_tensor(value: Json, dtype: str) -> Array:
    """A JSON value, scalar or nested list, as a tensor of TensorFlow's type `dtype`.

    Raises:
        ServingError: A value does not fit the type, or lists are ragged.
    """
    if dtype not in DTYPES:
        raise ServingError("UNIMPLEMENTED", f"Conversion of JSON Value: {_debug(value)} to type: {_type_name(dtype)}")
    shape = _shape(value)
    leaves: list[Json | bytes] = []
    _collect(value, 0, shape, dtype, leaves)
    if dtype == "DT_FLOAT":
        # Through float64 and then rounded once, as GetFloat() does; beyond float32's range it becomes infinite.
        with np.errstate(over="ignore"):
            return np.array(leaves, dtype=np.float64).astype(np.float32).reshape(shape)
    read_as: Any = np.int32 if dtype in {"DT_INT16", "DT_INT8", "DT_UINT8"} else DTYPES[dtype]
    tensor: Array = np.array(leaves, dtype=read_as).astype(DTYPES[dtype]).reshape(shape)
    return tensor


def _shape(value: Json) -> tuple[int, ...]:
    shape: list[int] = []
    while isinstance(value, list):
        shape.append(len(value))
        if not value:
            break
        value = value[0]
    return tuple(shape)


def _collect(value: Json, level: int, shape: tuple[int, ...], dtype: str, leaves: list[Json | bytes]) -> None:
    rank = len(shape)
    if not isinstance(value, list):
        if level != rank:
            raise invalid_argument(
                f"JSON Value: {_debug(value)} found at incorrect level: {level + 1} in the JSON DOM. "
                f"Expected at level: {rank}"
            )
        leaves.append(_leaf(value, dtype))
        return
    if level >= rank:
        raise invalid_argument(f"Encountered list at unexpected level: {level} expected < {rank}")
    items = value
    if len(items) != shape[level]:
        raise invalid_argument(
            f"Encountered list at unexpected size: {len(items)} at level: {level} expected size: {shape[level]}"
        )
    if level == rank - 1 and dtype in {"DT_FLOAT", "DT_DOUBLE"} and set(map(type, items)) <= {int, float}:
        leaves.extend(items)  # the common case, at once
        return
    for item in items:
        _collect(item, level + 1, shape, dtype, leaves)


def _leaf(value: Json, dtype: str) -> Json | bytes:
    if dtype == "DT_STRING":
        return _string(value)
    if dtype in {"DT_FLOAT", "DT_DOUBLE"}:
        fits = type(value) in (int, float)  # a bool is an int to Python, and no number in JSON
    elif dtype == "DT_BOOL":
        fits = isinstance(value, bool)
    else:
        low, high = _RANGES[dtype]
        fits = type(value) is int and low <= value <= high
    if not fits:
        raise _type_error(value, dtype)
    return value


def _string(value: Json) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if not isinstance(value, dict):
        raise _type_error(value, "DT_STRING")
    encoded = value.get("b64")
    if not isinstance(encoded, str) or len(value) != 1:
        raise invalid_argument(f"JSON Value: {_debug(value)} not formatted correctly for base64 data")
    try:
        return base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise invalid_argument("Unable to base64 decode") from None


def _is_base64(value: Json) -> bool:
    return isinstance(value, dict) and value.keys() == {"b64"} and isinstance(value["b64"], str)


def _is_object(value: Json) -> TypeGuard[dict[str, Json]]:
    return isinstance(value, dict) and not _is_base64(value)


def _debug(value: Json) -> str:
    return json.dumps(value, indent=4, ensure_ascii=False)[:MAX_DEBUG_BYTES]


def _type_name(dtype: str) -> str:
    return dtype.removeprefix("DT_").lower()


def _type_error(value: Json, dtype: str) -> ServingError:
    kinds: dict[type, str] = {bool: str(value), dict: "Object", list: "Array", str: "String"}
    kinds |= {int: "Number", float: "Number"}
    name = kinds.get(type(value), "Null")
    return invalid_argument(f"JSON Value: {_debug(value)} Type: {name} is not of expected type: {_type_name(dtype)}")


def _format_error(value: Json, text: str) -> ServingError:
    return invalid_argument(f"JSON Value: {_debug(value)} {text}")
