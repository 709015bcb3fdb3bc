"""Words of a stack file inside GitHub's Markdown: they say something, and can do nothing.

A pull request may come from anybody, and so may what its stack file says.
"""

import re
from typing import Final

_ACTIVE: Final = "&<>|*_~[]`\\#!$"
_ENTITIES: Final = str.maketrans({character: f"&#{ord(character)};" for character in _ACTIVE})
_CONTROL: Final = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")
_CALLS: Final = re.compile(r"(?<!\w)([@#])(?=\w)")
"""`@name` would send somebody a message and `#1` link an issue; GitHub looks for them in the finished text."""

_JOINER: Final = "\u2060"
"""Invisible and without width."""


def plain(text: str) -> str:
    """Text in a line, a cell or a list; what stands between backticks is code, as findings have it."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return _inert(text)
    return "".join(code(part) if index % 2 else _inert(part) for index, part in enumerate(parts))


def code(text: str) -> str:
    """A name, path or value. As a tag, since a code span can neither hold every backtick nor, in a table, a pipe."""
    return f"<code>{_one_line(text).translate(_ENTITIES)}</code>"


def fenced(text: str) -> str:
    """A block of text in which nothing counts as Markdown: its fence is longer than any within."""
    clean = _CONTROL.sub("", text.replace("\r\n", "\n")).strip("\n")
    longest = max((len(run) for run in re.findall(r"`+", clean)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{clean}\n{fence}"


def _inert(text: str) -> str:
    return _CALLS.sub(rf"\1{_JOINER}", _one_line(text)).translate(_ENTITIES).replace("://", "&#58;//")


def _one_line(text: str) -> str:
    return _CONTROL.sub("", " ".join(text.split("\n")))
