"""`python -m ops.reference` writes docs/stack-file.md from the settings models, the one place that knows every key."""

import difflib
import sys
from collections.abc import Iterator, Mapping
from datetime import date
from inspect import cleandoc
from typing import Annotated, Final, Literal, cast, get_args, get_origin

from annotated_types import Ge, Le
from pydantic import AfterValidator, BaseModel, SecretStr
from pydantic.fields import FieldInfo

from infra.settings import Duration, Money, Percent, Quantity, Settings
from infra.settings.base import Words
from infra.settings.units import Objective
from ops.stackfile import ROOT

TARGET: Final = ROOT / "docs" / "stack-file.md"

_HEAD: Final = """# Stack file reference

Written from `infra/settings/` by `python -m ops.reference`; edit the docstrings there.

A stack file is `Pulumi.<stack>.yaml` beside `Pulumi.yaml`. Under `config:` it holds the keys below, each with `tfk8s:`
in front. Keys nobody knows and values that cannot be right are refused, all at once, before anything is changed.
`<name>` stands for a name of your own.
"""

_TYPES: Final[Mapping[object, str]] = {
    Quantity: "quantity such as `2`, `500m`, `4Gi`",
    Duration: "duration such as `5s`, `10m`, `1h30m`",
    Percent: "percentage such as `70%`",
    Objective: "percentage such as `99.9%`",
    Money: "price such as `0.95 USD`",
    SecretStr: "secret string",
    bool: "`true` or `false`",
    int: "whole number",
    float: "number",
    str: "string",
    date: "day such as `2026-12-31`",
}


def reference() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *(_section(name, field) for name, field in _fields(Settings))])


def main() -> int:
    """Writes the page; says what changed."""
    before = TARGET.read_text(encoding="utf-8") if TARGET.exists() else ""
    page = reference()
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(page, encoding="utf-8")
    sys.stdout.write("\n".join(difflib.unified_diff(before.splitlines(), page.splitlines(), n=0, lineterm="")) + "\n")
    return 0


def _section(name: str, field: FieldInfo) -> str:
    rows = "\n".join(
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in _rows(name, field)
    )
    return f"## `tfk8s:{name}`\n\n| Key | Value | Default | Meaning |\n|---|---|---|---|\n{rows}\n"


def _rows(path: str, field: FieldInfo) -> Iterator[tuple[str, str, str, str]]:
    annotation = cast("object", field.annotation)
    model = _model_in(annotation)
    yield f"`{path}`", _type_of(annotation, field.metadata), _default(field), _meaning(field, model)
    if model is not None:
        below = f"{path}.<name>" if _is_mapping(annotation) else path
        for name, inner in _fields(model):
            yield from _rows(f"{below}.{name}", inner)


def _fields(model: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    for name, field in model.model_fields.items():
        yield field.alias or name, field


def _meaning(field: FieldInfo, model: type[BaseModel] | None) -> str:
    """A key's own docstring, or its section's."""
    return " ".join(cleandoc(field.description or (model.__doc__ if model else None) or "").split())


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = cast("object", field.default)
    return "none" if value is None else f"`{_written(value)}`"


def _written(value: object) -> str:
    """A default as one would write it in a stack file."""
    match value:
        case BaseModel():
            given = {
                name: cast("object", getattr(value, key))
                for key, (name, _) in zip(type(value).model_fields, _fields(type(value)), strict=True)
            }
            return _written({name: inner for name, inner in given.items() if inner is not None})
        case Mapping():
            items = cast("Mapping[object, object]", value).items()
            return "{" + ", ".join(f"{name}: {_written(inner)}" for name, inner in items) + "}"
        case tuple():
            return "[" + ", ".join(map(_written, cast("tuple[object, ...]", value))) + "]"
        case bool():
            return str(value).lower()
        case _:
            return str(value)


def _type_of(annotation: object, metadata: list[object]) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type_of(arguments[0], _flat(list(arguments[1:])))
    if _model_in(annotation) is not None:
        return "keys by name" if origin is Mapping else "keys"
    if origin is not None:
        return _compound(origin, arguments)
    return _constrained(_TYPES[annotation], metadata)


def _compound(origin: object, arguments: tuple[object, ...]) -> str:
    if origin is Literal:
        return ", ".join(f"`{choice}`" for choice in arguments)
    inner = [_type_of(argument, []) for argument in arguments if argument not in (type(None), ...)]
    if origin is Mapping:
        return f"keys with values: {inner[1]}"
    return f"list: {inner[0]}" if origin is tuple else " or ".join(inner)


def _flat(metadata: list[object]) -> list[object]:
    """Constraints, also those that stand inside a Field."""
    return [inner for one in metadata for inner in (one.metadata if isinstance(one, FieldInfo) else [one])]


def _constrained(words: str, metadata: list[object]) -> str:
    for constraint in metadata:
        if isinstance(constraint, AfterValidator) and isinstance(cast("object", constraint.func), Words):
            words = cast("Words", constraint.func).expected
        elif isinstance(constraint, Ge):
            words += f" from {constraint.ge}"
        elif isinstance(constraint, Le):
            words += f" to {constraint.le}"
    return words


def _is_mapping(annotation: object) -> bool:
    return get_origin(annotation) is Mapping


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for argument in get_args(annotation) if (found := _model_in(argument)) is not None), None)


if __name__ == "__main__":
    raise SystemExit(main())
