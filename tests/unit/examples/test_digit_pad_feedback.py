"""What people say they drew, kept in the form in which versions are judged on it."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from digit_pad import feedback as digit_pad_feedback
from digit_pad.app import make_app
from digit_pad.drawing import parse, to_pixels
from digit_pad.feedback import Feedback

from contract.labelled import Example, read
from tests.unit.examples.stand_in import Fixed, Model, said

STROKES = [[[0, 0], [10, 0], [5, 15]]]
KEPT = Example(to_pixels(parse(STROKES)), 7)


def request(method: str, path: str, feedback: Feedback | None, **rest: Any) -> httpx.Response:
    app = make_app(Fixed(6), Model(said()), feedback)

    async def one() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://pad.test") as client:
            return await client.request(method, path, **rest)

    return asyncio.run(one())


def test_a_drawing_is_kept_with_its_digit_as_an_example_for_the_judge(tmp_path: Path) -> None:
    path = tmp_path / "feedback.jsonl"
    for _ in range(2):
        answer = request("POST", "/feedback", Feedback(path), json={"strokes": STROKES, "label": 7})
        assert (answer.status_code, answer.json()) == (200, {"kept": 7})
    assert read(path) == [KEPT, KEPT]


def test_the_page_asks_only_where_answers_are_kept(tmp_path: Path) -> None:
    assert request("GET", "/model", Feedback(tmp_path / "f")).json()["feedback"] is True
    assert "feedback" not in request("GET", "/model", None).json()
    assert request("POST", "/feedback", None, json={"strokes": STROKES, "label": 7}).status_code == 404


@pytest.mark.parametrize("label", [None, 10, -1, True, "7", 7.0])
def test_what_is_no_digit_is_refused(tmp_path: Path, label: object) -> None:
    answer = request("POST", "/feedback", Feedback(tmp_path / "f"), json={"strokes": STROKES, "label": label})
    assert answer.status_code == 400
    assert "must be a digit from 0 to 9" in answer.json()["error"]
    assert read(tmp_path / "f") == []


def test_what_is_no_drawing_is_refused(tmp_path: Path) -> None:
    answer = request("POST", "/feedback", Feedback(tmp_path / "f"), json={"strokes": [], "label": 7})
    assert answer.status_code == 400


def test_another_sites_page_cannot_label_drawings(tmp_path: Path) -> None:
    body = json.dumps({"strokes": STROKES, "label": 7})
    answer = request(
        "POST", "/feedback", Feedback(tmp_path / "f"), content=body, headers={"Content-Type": "text/plain"}
    )
    assert answer.status_code == 415
    assert read(tmp_path / "f") == []


def test_a_full_file_and_one_that_is_gone_are_said_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "there").mkdir()
    feedback = Feedback(tmp_path / "there" / "f")
    monkeypatch.setattr(digit_pad_feedback, "MOST_BYTES", 10)
    answer = request("POST", "/feedback", feedback, json={"strokes": STROKES, "label": 7})
    assert answer.status_code == 507
    assert "is full" in answer.json()["error"]
    (tmp_path / "there" / "f").unlink()
    (tmp_path / "there").rmdir()
    answer = request("POST", "/feedback", feedback, json={"strokes": STROKES, "label": 7})
    assert "cannot be written: No such file" in answer.json()["error"]
