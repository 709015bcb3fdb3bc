"""From output tensors to the JSON of a predict answer, laid out as rapidjson's PrettyWriter does."""

import base64
import json
import math
from collections.abc import Mapping

import numpy as np

from .request import Format
from .signature import Array
from .status import invalid_argument

INDENT = "    "


def predict_json(outputs: Mapping[str, Array], answer_format: Format) -> str:
    """JSON of the outputs: `predictions` in row format, `outputs` in columnar; a single output goes without its name.

    Raises:
        ServingError: In row format, an output has no batch dimension or another batch size than the others.
    """
    if not outputs:
        raise invalid_argument("Cannot convert empty tensor map to JSON")
    return _rows(outputs) if answer_format == "row" else _columns(outputs)


def _rows(outputs: Mapping[str, Array]) -> str:
    batch_size = -1
    for name, array in outputs.items():
        if array.ndim == 0:
            raise invalid_argument(f"Tensor name: {name} has no shape information ")
        if batch_size not in (-1, array.shape[0]):
            raise invalid_argument(
                f"Tensor name: {name} has inconsistent batch size: {array.shape[0]} expecting: {batch_size}"
            )
        batch_size = array.shape[0]
    written = {name: _split(array, name) for name, array in outputs.items()}
    if len(outputs) == 1:
        (rows,) = written.values()
        items = ", ".join(rows)
    else:
        items = ",".join(_object({name: rows[i] for name, rows in written.items()}, 2) for i in range(batch_size))
    end = f"\n{INDENT}" if batch_size else ""
    return f'{{\n{INDENT}"predictions": [{items}{end}]\n}}'


def _object(members: Mapping[str, str], level: int) -> str:
    inner = ",\n".join(f"{INDENT * (level + 1)}{json.dumps(name)}: {text}" for name, text in members.items())
    return f"\n{INDENT * level}{{\n{inner}\n{INDENT * level}}}"


def _columns(outputs: Mapping[str, Array]) -> str:
    if len(outputs) == 1:
        ((name, array),) = outputs.items()
        return f'{{\n{INDENT}"outputs": {_block(_values(array, name), array.shape, 1)}\n}}'
    members = {name: _block(_values(array, name), array.shape, 2) for name, array in outputs.items()}
    inner = ",\n".join(f"{INDENT * 2}{json.dumps(name)}: {text}" for name, text in members.items())
    return f'{{\n{INDENT}"outputs": {{\n{inner}\n{INDENT}}}\n}}'


def _split(array: Array, name: str) -> list[str]:
    """One line of JSON for each row of the batch."""
    values = _values(array, name)
    shape = array.shape[1:]
    size = math.prod(shape)
    return [_line(values[i * size : (i + 1) * size], shape) for i in range(array.shape[0])]


def _line(values: list[str], shape: tuple[int, ...]) -> str:
    if not shape:
        return values[0]
    step = math.prod(shape[1:])
    parts = (
        values if len(shape) == 1 else [_line(values[i * step : (i + 1) * step], shape[1:]) for i in range(shape[0])]
    )
    return f"[{', '.join(parts)}]"


def _block(values: list[str], shape: tuple[int, ...], level: int) -> str:
    """A nested list, a value a line."""
    if not shape:
        return values[0]
    if shape[0] == 0:
        return "[]"
    step = math.prod(shape[1:])
    parts = [_block(values[i * step : (i + 1) * step], shape[1:], level + 1) for i in range(shape[0])]
    inner = INDENT * (level + 1)
    return "[\n" + ",\n".join(inner + part for part in parts) + f"\n{INDENT * level}]"


def _values(array: Array, name: str) -> list[str]:
    """Each element of the tensor as JSON text, in row-major order."""
    flat = array.reshape(-1)
    if array.dtype.kind == "f":
        return decimals(flat)
    if array.dtype.kind == "b":
        return ["true" if value else "false" for value in flat.tolist()]
    if array.dtype.kind in "iu":
        return [str(value) for value in flat.tolist()]
    if array.dtype.kind == "O":
        return [_text(value, as_bytes=name.endswith("_bytes")) for value in flat.tolist()]
    raise invalid_argument(f"Failed to write JSON value for tensor type: {array.dtype}")


def _text(value: bytes, *, as_bytes: bool) -> str:
    if as_bytes:
        return '{"b64": ' + json.dumps(base64.b64encode(value).decode()) + "}"
    return json.dumps(value.decode(errors="surrogateescape"), ensure_ascii=False)


def decimals(flat: Array) -> list[str]:
    """Floating-point numbers as JSON, written as WriteDecimal in util/json_tensor.cc does.

    With six digits if they read back as the same number, else with as many as it takes (9 for float32, 17 for float64).

    Args:
        flat: float32 or float64, one dimension.
    """
    digits = 9 if flat.dtype == np.float32 else 17
    numbers: list[float] = flat.tolist()
    short = [f"{number:.6g}" for number in numbers]
    with np.errstate(over="ignore"):
        same = np.array(short, dtype=np.float64).astype(flat.dtype) == flat
    return [
        _decimal(text if exact else f"{number:.{digits}g}", number)
        for text, exact, number in zip(short, same.tolist(), numbers, strict=True)
    ]


def _decimal(text: str, number: float) -> str:
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "-Infinity" if number < 0 else "Infinity"
    return text if "." in text or "e" in text else f"{text}.0"
