"""Labelled examples as JSON lines, `{"instance": …, "label": 7}`: what versions are compared on.

An instance is what TensorFlow Serving's REST API takes as one of its `instances`
(https://www.tensorflow.org/tfx/serving/api_rest), so that whoever compares two versions needs to know nothing else of
the model. A version's own test part lies beside its SavedModel; newer sets are any file of the same form.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

TEST_PART: Final = "test.jsonl"
"""Name of the file in a version's directory; its manifest lists it like every other."""


class LabelledError(ValueError):
    """A labelled set cannot be read; the message says which, where and why."""


@dataclass(frozen=True)
class Example:
    """One example with its right answer."""

    instance: object
    """JSON: one element of `instances`."""

    label: int
    """The class, from 0."""

    def line(self) -> str:
        """The example as one line, with its end."""
        document = {"instance": self.instance, "label": self.label}
        return json.dumps(document, separators=(",", ":"), allow_nan=False) + "\n"


def write(path: Path, examples: Iterable[Example]) -> None:
    """Write a labelled set.

    Raises:
        OSError: It cannot be written.
    """
    with path.open("w", encoding="utf-8") as file:
        file.writelines(example.line() for example in examples)


def read(path: Path) -> list[Example]:
    """Read a labelled set; a last line without an end is still being written and is left out.

    Raises:
        LabelledError: It cannot be read, or a line is no example.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise LabelledError(f"{path} cannot be read: {reason}") from None
    lines = text.split("\n")[:-1]
    return [_example(f"{path}:{number}", line) for number, line in enumerate(lines, start=1)]


def _example(place: str, line: str) -> Example:
    try:
        document = cast("object", json.loads(line))
    except ValueError as error:
        raise LabelledError(f"{place} is not JSON: {error}") from None
    fields = cast("dict[str, object]", document) if isinstance(document, dict) else {}
    label = fields.get("label")
    if "instance" not in fields or not isinstance(label, int) or isinstance(label, bool) or label < 0:
        raise LabelledError(f'{place} is no example: must be {{"instance": …, "label": a whole number from 0}}')
    return Example(fields["instance"], label)
