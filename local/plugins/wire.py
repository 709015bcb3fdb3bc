"""Property values as the engine sends them, and back.

The engine speaks `google.protobuf.Struct`: every number is a double, and unknown and secret values are marked by
sentinels (pulumi/pulumi, sdk/go/common/resource/plugin/rpc.go).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeGuard

from google.protobuf.struct_pb2 import ListValue, Struct, Value

Object: TypeAlias = dict[str, Any]
"""A JSON object. Its values are JSON, `UNKNOWN` or `Secret`."""

SIGNATURE_KEY = "4dabf18193072939515e22adb298388d"
SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105  # a marker of the protocol, not a password
UNKNOWN_STRING = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
UNKNOWN_MARKERS = frozenset(
    {
        UNKNOWN_STRING,
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # boolean
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # number
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # array
        "030794c1-ac77-496b-92df-f27374a8bd58",  # asset
        "e48ece36-62e2-4504-bad9-02848725956a",  # archive
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # object
    }
)


class _Unknown:
    """Stands for a value that exists only after the update."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN = _Unknown()


@dataclass(frozen=True)
class Secret:
    """A value that must stay encrypted in the state."""

    value: Any


def is_object(value: object) -> TypeGuard[Object]:
    """Whether a JSON value is an object."""
    return isinstance(value, dict)


def is_array(value: object) -> TypeGuard[list[Any]]:
    """Whether a JSON value is an array."""
    return isinstance(value, list)


def dig(value: object, *path: str) -> Any:  # noqa: ANN401  # JSON
    """The value at a path of keys, or None where a step is missing or no object."""
    for key in path:
        if not is_object(value):
            return None
        value = value.get(key)
    return value


def objects(value: object, *path: str) -> list[Object]:
    """The objects of the array at a path; none where there is no array."""
    found = dig(value, *path)
    return [item for item in found if is_object(item)] if is_array(found) else []


def mapping(value: object, *path: str) -> Object:
    """The object at a path; an empty one where there is none."""
    found = dig(value, *path)
    return found if is_object(found) else {}


def decode(message: Struct) -> Object:
    """Read a message of the engine: whole numbers become integers, nulls vanish, sentinels become objects."""
    return {key: decoded for key, value in message.fields.items() if (decoded := _decode(value)) is not None}


def _decode(value: Value) -> Any:  # noqa: ANN401  # JSON
    match value.WhichOneof("kind"):
        case "string_value":
            decoded = UNKNOWN if value.string_value in UNKNOWN_MARKERS else value.string_value
        case "number_value":
            decoded = int(value.number_value) if value.number_value.is_integer() else value.number_value
        case "bool_value":
            decoded = value.bool_value
        case "list_value":
            items = (_decode(item) for item in value.list_value.values)
            decoded = [item for item in items if item is not None]
        case "struct_value":
            decoded = decode(value.struct_value)
            if decoded.get(SIGNATURE_KEY) == SECRET_SIGNATURE:
                decoded = Secret(decoded.get("value"))
        case _:
            decoded = None
    return decoded


def encode(properties: Mapping[str, Any]) -> Struct:
    """Write properties as a message for the engine, without their nulls."""
    return Struct(fields={key: _encode(value) for key, value in properties.items() if value is not None})


def _encode(value: object) -> Value:
    if isinstance(value, bool):
        encoded = Value(bool_value=value)
    elif isinstance(value, int | float):
        encoded = Value(number_value=value)
    elif isinstance(value, str):
        encoded = Value(string_value=value)
    elif isinstance(value, Secret):
        encoded = Value(struct_value=encode({SIGNATURE_KEY: SECRET_SIGNATURE, "value": value.value}))
    elif is_object(value):
        encoded = Value(struct_value=encode(value))
    elif is_array(value):
        encoded = Value(list_value=ListValue(values=[_encode(item) for item in value if item is not None]))
    else:
        encoded = Value(string_value=UNKNOWN_STRING)
    return encoded


def reveal(value: Any) -> Any:  # noqa: ANN401  # JSON
    """A copy with every secret replaced by what it hides."""
    if isinstance(value, Secret):
        return reveal(value.value)
    if is_object(value):
        return {key: reveal(item) for key, item in value.items()}
    if is_array(value):
        return [reveal(item) for item in value]
    return value


def has(value: object, kind: type) -> bool:
    """Whether a value of that class, `Secret` or that of `UNKNOWN`, is anywhere inside."""
    if isinstance(value, kind):
        return True
    if isinstance(value, Secret):
        return has(value.value, kind)
    if is_object(value):
        return any(has(item, kind) for item in value.values())
    return is_array(value) and any(has(item, kind) for item in value)


def has_unknown(value: object) -> bool:
    """Whether any part is not known yet."""
    return has(value, _Unknown)


def hide_like(target: Object, source: Mapping[str, Any]) -> Object:
    """A copy of `target` with those values secret that are, or contain, secrets in `source`."""
    hidden = dict(target)
    for key, from_source in source.items():
        if key not in hidden:
            continue
        if is_object(hidden[key]) and is_object(from_source):
            hidden[key] = hide_like(hidden[key], from_source)
        elif has(from_source, Secret):
            hidden[key] = Secret(hidden[key])
    return hidden
