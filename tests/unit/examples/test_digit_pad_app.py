"""The page and its endpoints, without a network."""

import asyncio
import re
import socket
from pathlib import Path
from typing import Any

import httpx
import pytest
from digit_pad import app as digit_pad
from digit_pad import model as asking
from digit_pad.__main__ import main

from tests.unit.examples.stand_in import PROBABILITIES, Fixed, Model, outputs, said

STROKES = [[[0, 0], [10, 0], [5, 15]]]


def request(method: str, path: str, model: Model | None = None, **rest: Any) -> httpx.Response:
    app = digit_pad.make_app(Fixed(6), model or Model(said()))

    async def one() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://pad.test") as client:
            return await client.request(method, path, **rest)

    return asyncio.run(one())


def test_a_drawing_is_answered_with_digit_probabilities_version_and_pixels() -> None:
    model = Model(said())
    answer = request("POST", "/predict", model, json={"strokes": STROKES})
    assert answer.status_code == 200
    body = answer.json()
    assert (body["digit"], body["probabilities"], body["version"], body["tries"]) == (7, PROBABILITIES, 6, 1)
    assert model.asked == [{"instances": [body["pixels"]]}]


def test_the_model_in_charge_can_be_asked_for() -> None:
    assert request("GET", "/model").json() == {"model": "digits", "version": 6}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "must be JSON"),
        (b"{", "must be JSON"),
        (b"\xff", "must be JSON"),
        (b"[" * 100_000, "must be JSON"),
        (b"[1, 2]", 'an object with "strokes"'),
        (b'{"strokes": 7}', "must be a list"),
        (b'{"strokes": [[["a", "b"]]]}', "two numbers"),
        (b'{"strokes": [[[NaN, Infinity]]]}', "two numbers"),
        (b" " * (digit_pad.LARGEST_BODY + 1), "larger than 256 KiB"),
    ],
)
def test_what_is_no_drawing_is_refused_with_a_reason_and_asks_no_model(body: bytes, reason: str) -> None:
    model = Model(said())
    answer = request("POST", "/predict", model, content=body)
    assert answer.status_code == 400
    assert reason in answer.json()["error"]
    assert not model.asked


def test_a_model_that_is_away_is_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "DEADLINE_SECONDS", 0.0)
    answer = request("POST", "/predict", Model(httpx.ConnectError("refused")), json={"strokes": STROKES})
    assert answer.status_code == 503
    assert "did not answer" in answer.json()["error"]


def test_a_model_that_refuses_is_said_to() -> None:
    answer = request("POST", "/predict", Model(httpx.Response(404)), json={"strokes": STROKES})
    assert answer.status_code == 502
    assert "HTTP 404" in answer.json()["error"]


def test_the_page_runs_its_own_script_and_style_only() -> None:
    page = request("GET", "/")
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    assert page.text.count("<script>") == page.text.count("<style>") == 1


def test_the_page_is_one_file_that_needs_no_other() -> None:
    page = request("GET", "/").text
    assert not re.findall(r'(?:src|href)="(?!data:)', page)
    assert not re.findall(r"""style="|\son\w+=|@import|url\(""", page)  # the policy forbids these


def test_a_taken_port_ends_the_start_with_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "outputs.json"
    file.write_text(outputs())
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["--outputs", str(file), "--port", str(port)]) == 1
    error = f"error: port {port} on 127.0.0.1 cannot be taken: Address already in use. Choose another with --port\n"
    assert capsys.readouterr().err == error


def test_what_is_no_port_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--outputs", "any", "--port", "70000"])
    assert "no port from 0 to 65535" in capsys.readouterr().err
