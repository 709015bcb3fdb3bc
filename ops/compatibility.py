"""Whether two JSON Schemas of the outputs make the same promise.

Programs and readers are updated one after the other, and either may be first. So within a version of the contract a
reader of the old schema must understand outputs of the new one, and a reader of the new schema those of the old one:
nothing may change but words about a field, and fields may be added as long as nobody must have them.
"""

from collections.abc import Iterator, Mapping
from typing import Final, cast

Schema = Mapping[str, object]

_WORDS: Final = frozenset({"$schema", "title", "description", "examples"})
"""What says nothing about the values allowed."""

_NESTED: Final = {"additionalProperties": "<name>", "items": "<item>"}
"""Keywords that hold a schema, and what stands in paths for what it is about."""


def incompatible(before: Schema, after: Schema) -> tuple[str, ...]:
    """What breaks a reader of either schema, each with its path; empty where both make the same promise.

    Args:
        before: Schema as released.
        after: Schema as it would be released now, of the same version of the contract.
    """
    return tuple(_breaks(_inlined(before), _inlined(after), ""))


def added(before: Schema, after: Schema) -> tuple[str, ...]:
    """Paths of the fields that only the later schema has; those inside an added field are not repeated."""
    return tuple(_additions(_inlined(before), _inlined(after), ""))


def _breaks(old: Schema, new: Schema, path: str) -> Iterator[str]:
    for key in sorted((old.keys() | new.keys()) - {"properties", "required"}):
        yield from _keyword(key, old.get(key), new.get(key), path)
    had, has, needed, needs = _fields(old), _fields(new), _list(old, "required"), _list(new, "required")
    for name, field in had.items():
        here = _below(path, name)
        if name not in has:
            yield f"{here}: is gone, but readers rely on it"
            continue
        if (name in needed) != (name in needs):
            yield f"{here}: was {_presence(name in needed)}, is {_presence(name in needs)}"
        yield from _breaks(field, has[name], here)
    for name in has:
        if name not in had and name in needs:
            yield f"{_below(path, name)}: is new and required, but outputs written before lack it: give it a default"


def _keyword(key: str, old: object, new: object, path: str) -> Iterator[str]:
    schemas = [cast("Schema", value) for value in (old, new) if isinstance(value, dict)]
    if key in _NESTED and len(schemas) == 2:  # noqa: PLR2004 - both of them
        yield from _breaks(schemas[0], schemas[1], _below(path, _NESTED[key]))
    elif old != new:
        yield f"{path}: {key} was {_shown(old)}, is {_shown(new)}"


def _additions(old: Schema, new: Schema, path: str) -> Iterator[str]:
    had = _fields(old)
    for name, field in _fields(new).items():
        if name in had:
            yield from _additions(had[name], field, _below(path, name))
        else:
            yield _below(path, name)
    for key, name in _NESTED.items():
        if isinstance(old.get(key), dict) and isinstance(new.get(key), dict):
            yield from _additions(cast("Schema", old[key]), cast("Schema", new[key]), _below(path, name))


def _inlined(schema: Schema) -> Schema:
    """The schema with definitions where they are used, and without words."""
    definitions = cast("Mapping[str, Schema]", schema.get("$defs", {}))

    def clean(value: object) -> object:
        if isinstance(value, list):
            return [clean(inner) for inner in cast("list[object]", value)]
        return inlined(cast("Schema", value)) if isinstance(value, dict) else value

    def inlined(tree: Schema) -> Schema:
        tree = _nullable(tree)
        name = str(tree.get("$ref", "")).removeprefix("#/$defs/")
        whole = {**definitions.get(name, {}), **tree}
        return {
            key: {name: inlined(field) for name, field in _fields(whole).items()}
            if key == "properties"  # whose keys are names of fields, `title` maybe among them
            else clean(value)
            for key, value in whole.items()
            if key not in {"$defs", "$ref", *_WORDS}
        }

    return inlined(schema)


def _nullable(tree: Schema) -> Schema:
    """A value or null, said as of the value, so that what it is made of is compared as anywhere else."""
    choices = cast("list[Schema]", tree.get("anyOf", []))
    values = [choice for choice in choices if choice.get("type") != "null"]
    if len(values) != 1 or len(choices) == 1:
        return tree
    return {**values[0], **{key: value for key, value in tree.items() if key != "anyOf"}, "nullable": True}


def _fields(schema: Schema) -> Mapping[str, Schema]:
    return cast("Mapping[str, Schema]", schema.get("properties", {}))


def _list(schema: Schema, key: str) -> list[object]:
    return cast("list[object]", schema.get(key, []))


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _presence(required: bool) -> str:
    return "always there" if required else "optional"


def _shown(value: object) -> str:
    return "free" if value is None else str(value)
