"""Labelled sets as files: what is written is read, and what is no example is refused by its line."""

from pathlib import Path

import pytest

from contract.labelled import Example, LabelledError, read, write

EXAMPLES = [Example([[0, 16], [3.5, 1]], 7), Example({"text": "sieben ✓"}, 0)]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write(tmp_path / "set.jsonl", EXAMPLES)
    assert read(tmp_path / "set.jsonl") == EXAMPLES


def test_an_example_is_one_short_line() -> None:
    assert EXAMPLES[0].line() == '{"instance":[[0,16],[3.5,1]],"label":7}\n'


def test_a_line_that_is_still_being_written_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "feedback.jsonl"
    path.write_text(EXAMPLES[0].line() + '{"instance": [[0, 1')
    assert read(path) == EXAMPLES[:1]


@pytest.mark.parametrize(
    "line",
    [
        "7",
        "[]",
        "{}",
        '{"instance": 1}',
        '{"label": 1}',
        '{"instance": 1, "label": true}',
        '{"instance": 1, "label": -1}',
    ],
)
def test_a_line_that_is_no_example_is_refused_by_its_number(tmp_path: Path, line: str) -> None:
    path = tmp_path / "set.jsonl"
    path.write_text(f"{EXAMPLES[0].line()}{line}\n")
    with pytest.raises(LabelledError, match=r"set\.jsonl:2 is no example"):
        read(path)


@pytest.mark.parametrize(
    ("content", "what"),
    [(None, "cannot be read: No such file"), (b"\xff\n", "is not UTF-8"), (b"{,}\n", "set.jsonl:1 is not JSON")],
)
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, content: bytes | None, what: str) -> None:
    path = tmp_path / "set.jsonl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(LabelledError, match=what):
        read(path)
