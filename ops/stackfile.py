"""Stack files as text: the only writer of them.

A value is replaced where it stands and nothing else is touched, so comments, order, quotes, flow style, line width
and line ends stay as their author left them, and a release is a diff of one line.
"""

import copy
import difflib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping, MutableMapping
from pathlib import Path
from typing import Self, cast

from ops.problem import CommandError
from ops.yamltext import KeyPath, Pair, Span, YamlError, pair_of, span_of, words_of

ROOT = Path(__file__).resolve().parent.parent


def stack_file_of(stack: str, root: Path = ROOT) -> Path:
    """The file of a stack, which lies beside `Pulumi.yaml`.

    Raises:
        CommandError: There is none; names the stacks that exist.
    """
    path = root / f"Pulumi.{stack}.yaml"
    if not path.is_file():
        known = sorted(file.name.removeprefix("Pulumi.").removesuffix(".yaml") for file in root.glob("Pulumi.*.yaml"))
        close = difflib.get_close_matches(stack, known, n=1)
        hint = f"did you mean {close[0]}?" if close else "name one of them, or give its file with --file"
        msg = f"no stack is called {stack!r}\n    stacks in {root}: {', '.join(known) or 'none'}\n    {hint}"
        raise CommandError(msg)
    return path


class StackFile:
    """One stack file, read once; edits are collected and written at the end, all or none."""

    path: Path
    text: str
    """As it is on disk, or was when it was read."""

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self.text = text
        self._edited = text
        try:
            self._words = words_of(text)
            """What the edited text says."""
        except YamlError as error:
            msg = f"{path}{error.place} is no stack file: {error}"
            raise CommandError(msg) from None

    @classmethod
    def read(cls, path: Path) -> Self:
        """Reads a stack file.

        Raises:
            CommandError: It cannot be read, or is no YAML mapping.
        """
        try:
            with path.open(encoding="utf-8", newline="") as file:
                return cls(path, file.read())
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            msg = f"{path} cannot be read: {reason}"
            raise CommandError(msg) from None

    def get(self, keys: KeyPath) -> object:
        """The value at a key path of the edited file; None where there is none."""
        here = cast("object", self._words)
        for key in keys:
            here = cast("Mapping[str, object]", here).get(key) if isinstance(here, Mapping) else None
        return here

    def set(self, keys: KeyPath, value: str | int) -> None:
        """Replaces one scalar; a string in the quotes the old one has.

        Raises:
            CommandError: There is no such scalar, or replacing it would change something else too.
        """
        before = self._edited
        span = span_of(before, keys)
        if span is None:
            msg = f"{self.path}: there is no single value at {'.'.join(keys[1:])}"
            raise CommandError(msg)
        spellings = _spellings(value, before[span.start])
        texts = (before[: span.start] + spelling + before[span.end :] for spelling in spellings)
        if not self._take(keys, value, texts):
            msg = f"{self.path}:{span.line}: {'.'.join(keys[1:])} cannot be replaced by itself; edit it by hand"
            raise CommandError(msg)

    def add(self, keys: KeyPath, value: str | int, *, after: str) -> None:
        """Puts a new key behind another one of its mapping, in the style the mapping has.

        Args:
            keys: Where the value will stand; nothing may stand there yet.
            value: A string or a whole number.
            after: The key in front of it; its value is a single one.

        Raises:
            CommandError: There is no such key in front, or adding here would change something else too.
        """
        before = self._edited
        span = span_of(before, (*keys[:-1], after))
        if span is None:
            msg = f"{self.path}: there is no single value at {'.'.join((*keys[1:-1], after))} to add {keys[-1]} behind"
            raise CommandError(msg)
        # A key that is there already would be there twice, which is no YAML.
        texts = (_with_pair(before, span, f"{keys[-1]}: {spelling}") for spelling in _spellings(value, ""))
        if not self._take(keys, value, texts):
            msg = f"{self.path}:{span.line}: {'.'.join(keys[1:])} cannot be added by itself; edit it by hand"
            raise CommandError(msg)

    def _take(self, keys: KeyPath, value: str | int, texts: Iterable[str]) -> bool:
        """Whether one of the texts says what the file says so far, and this value: the first of them is taken."""
        expected = copy.deepcopy(self._words)
        here = expected
        for key in keys[:-1]:
            here = cast("MutableMapping[str, object]", here[key])
        here[keys[-1]] = value
        for text in texts:
            if _says(text, expected):
                self._edited, self._words = text, expected
                return True
        return False

    def remove(self, keys: KeyPath) -> None:
        """Removes a key with all that stands under it; comments on lines of their own stay.

        Raises:
            CommandError: There is no such key, or removing it would change something else too.
        """
        before = self._edited
        pair = pair_of(before, keys)
        if pair is None:
            msg = f"{self.path}: there is no {'.'.join(keys[1:])}"
            raise CommandError(msg)
        expected = copy.deepcopy(self._words)
        here = expected
        for key in keys[:-1]:
            here = cast("MutableMapping[str, object]", here[key])
        del here[keys[-1]]
        after = _without_pair(before, pair)
        if not _says(after, expected):
            msg = f"{self.path}:{pair.line}: {'.'.join(keys[1:])} cannot be removed by itself; edit it by hand"
            raise CommandError(msg)
        self._edited, self._words = after, expected

    def diff(self) -> str:
        """The lines that changed, as a patch without context."""
        lines = difflib.unified_diff(
            self.text.splitlines(), self._edited.splitlines(), self.path.name, self.path.name, n=0, lineterm=""
        )
        return "\n".join(lines)

    def write(self) -> None:
        """Writes the edits in one step: a reader sees the old file or the new one.

        Raises:
            CommandError: The file was changed by somebody else since it was read, or cannot be written.
        """
        if type(self).read(self.path).text != self.text:
            msg = f"{self.path} was changed by somebody else meanwhile; nothing was written. Run the command again"
            raise CommandError(msg)
        try:
            _replace_file(self.path.resolve(), self._edited)
        except OSError as error:
            msg = f"{self.path} cannot be written: {error.strerror}; it is as it was"
            raise CommandError(msg) from None
        self.text = self._edited


def _says(text: str, words: Mapping[str, object]) -> bool:
    try:
        return words_of(text) == words
    except YamlError:
        return False


def _with_pair(text: str, span: Span, pair: str) -> str:
    """The text with one more pair behind the scalar: on a line of its own, or behind a comma in flow style."""
    if span.indent is None:
        return f"{text[: span.end]}, {pair}{text[span.end :]}"
    line_end = text.find("\n", span.end)
    newline = "\r\n" if "\r\n" in text else "\n"
    if line_end < 0:
        return f"{text}{newline}{' ' * span.indent}{pair}"
    return f"{text[: line_end + 1]}{' ' * span.indent}{pair}{newline}{text[line_end + 1 :]}"


def _without_pair(text: str, pair: Pair) -> str:
    """The text without a pair: without its lines, or in flow style without it and one comma."""
    if not pair.is_flow:
        line_end = text.find("\n", pair.end)
        return text[: text.rfind("\n", 0, pair.start) + 1] + (text[line_end + 1 :] if line_end >= 0 else "")
    if pair.after is not None:
        return text[: pair.start] + text[pair.after :]
    return text[: pair.start if pair.before is None else pair.before] + text[pair.end :]


def _spellings(value: str | int, first: str) -> Iterable[str]:
    """Ways to write a value, the one used so far first; `first` is the first character of what stands there."""
    if isinstance(value, int):
        return (str(value),)
    single = "'" + value.replace("'", "''") + "'"
    double = json.dumps(value, ensure_ascii=False)
    match first:
        case '"':
            return (double,)
        case "'":
            return (single, double)
        case _:
            return (value, double)


def _replace_file(path: Path, text: str) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", text=False)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        shutil.copymode(path, temporary)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
