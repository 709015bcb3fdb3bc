"""YAML as text: what it says, and where in the text each value stands."""

from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Final, Protocol, cast

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

KeyPath = tuple[str, ...]
"""Keys from the top of the file, such as `("config", "tfk8s:images", "serving", "ref")`."""

_WHITE: Final = " \t\r\n"
"""What YAML takes for white; a no-break space is part of a value."""


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


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Where a key stands with its value, whatever that is."""

    start: int
    """Of the key."""

    end: int
    """Behind the last character of the value."""

    line: int
    """Of the key, counted from 1."""

    before: int | None
    """In `{flow: style}`, where the pair in front of it ends; None without one, and in block style."""

    after: int | None
    """In `{flow: style}`, where the pair behind it begins; None without one, and in block style."""

    is_flow: bool


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
        mark = cast("_Mark | None", error.problem_mark)  # pyright: ignore[reportUnknownMemberType] - untyped
        reason = cast("str | None", error.problem)  # pyright: ignore[reportUnknownMemberType] - untyped
        place = f":{mark.line + 1}:{mark.column + 1}" if mark is not None else ""
        raise YamlError(place, reason or "it cannot be read") from None
    if not isinstance(words, MutableMapping):
        raise YamlError("", "expected keys and values at its top")
    return cast("MutableMapping[str, object]", words)


def span_of(text: str, keys: KeyPath) -> Span | None:
    """Where the scalar at a key path stands; None where there is none, or something else."""
    node = cast("object", _yaml().compose(text))  # pyright: ignore[reportUnknownMemberType] - untyped
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
    end = start + len(text[start : scalar.end_mark.index].rstrip(_WHITE))
    return Span(start=start, end=end, line=scalar.start_mark.line + 1, indent=indent)


def pair_of(text: str, keys: KeyPath) -> Pair | None:
    """Where the last key of a path stands with its value; None where there is none."""
    node = cast("object", _yaml().compose(text))  # pyright: ignore[reportUnknownMemberType] - untyped
    found: Pair | None = None
    for key in keys:
        pairs = cast("list[tuple[_Node, _Node]]", cast("_Node", node).value) if isinstance(node, MappingNode) else []
        index = next((index for index, (name, _) in enumerate(pairs) if name.value == key), None)
        if index is None:
            return None
        is_flow = cast("_Node", node).flow_style
        name, value = pairs[index]
        found = Pair(
            start=name.start_mark.index,
            end=_end(text, value),
            line=name.start_mark.line + 1,
            before=_end(text, pairs[index - 1][1]) if is_flow and index else None,
            after=pairs[index + 1][0].start_mark.index if is_flow and index + 1 < len(pairs) else None,
            is_flow=is_flow,
        )
        node = value
    return found


def _end(text: str, node: _Node) -> int:
    """Behind a value's last character: block collections say they end where the next thing begins."""
    while _is_block(node) and node.value:
        last = cast("list[_Node | tuple[_Node, _Node]]", node.value)[-1]
        node = last[1] if isinstance(last, tuple) else last
    start = node.start_mark.index
    return start + len(text[start : node.end_mark.index].rstrip(_WHITE))


def _is_block(node: _Node) -> bool:
    return isinstance(cast("object", node), MappingNode | SequenceNode) and not node.flow_style


def _yaml() -> YAML:
    return YAML(typ="safe", pure=True)
