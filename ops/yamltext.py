"""YAML as text: what it says, and where in the text each value stands."""

from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Protocol, cast

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode

KeyPath = tuple[str, ...]
"""Keys from the top of the file, such as `("config", "tfk8s:images", "serving", "ref")`."""


class _Mark(Protocol):
    """A place in the text; ruamel.yaml has the class, without types."""

    index: int
    line: int
    column: int


class _Node(Protocol):
    """A value with its place; as above."""

    start_mark: _Mark
    end_mark: _Mark
    value: object
    flow_style: bool
    """Of a mapping: whether it is written in braces."""


@dataclass(frozen=True, kw_only=True)
class Span:
    """Where one scalar stands."""

    start: int
    end: int
    """Behind its last character."""

    line: int
    """Counted from 1."""

    indent: int | None
    """Column of its key, from 0; None in `{flow: style}`, where lines do not count."""


class YamlError(Exception):
    """Text that is no YAML mapping; says why, and `:line:column` of where."""

    def __init__(self, place: str, reason: str) -> None:
        self.place = place
        super().__init__(reason)


def words_of(text: str) -> MutableMapping[str, object]:
    """What the text says.

    Raises:
        YamlError: It is no YAML, or no mapping at its top.
    """
    try:
        words = cast("object", _yaml().load(text))  # pyright: ignore[reportUnknownMemberType] - ruamel.yaml is untyped
    except MarkedYAMLError as error:
        mark = cast("_Mark | None", error.problem_mark)  # pyright: ignore[reportUnknownMemberType] - as above
        reason = cast("str | None", error.problem)  # pyright: ignore[reportUnknownMemberType] - as above
        place = f":{mark.line + 1}:{mark.column + 1}" if mark is not None else ""
        raise YamlError(place, reason or "it cannot be read") from None
    if not isinstance(words, MutableMapping):
        raise YamlError("", "expected keys and values at its top")
    return cast("MutableMapping[str, object]", words)


def span_of(text: str, keys: KeyPath) -> Span | None:
    """Where the scalar at a key path stands; None where there is none, or something else."""
    node = cast("object", _yaml().compose(text))  # pyright: ignore[reportUnknownMemberType] - as above
    indent: int | None = None
    for key in keys:
        mapping = cast("_Node", node)
        pairs = cast("list[tuple[_Node, object]]", mapping.value) if isinstance(node, MappingNode) else []
        name, node = next(((name, value) for name, value in pairs if name.value == key), (None, None))
        indent = None if name is None or mapping.flow_style else name.start_mark.column
    if not isinstance(node, ScalarNode):
        return None
    scalar = cast("_Node", node)
    start = scalar.start_mark.index
    # A block scalar ends behind its line.
    end = start + len(text[start : scalar.end_mark.index].rstrip())
    return Span(start=start, end=end, line=scalar.start_mark.line + 1, indent=indent)


def _yaml() -> YAML:
    return YAML(typ="safe", pure=True)
