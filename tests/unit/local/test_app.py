"""`make app` starts the example on a platform that runs, and says what is missing on one that does not."""

import json
import os
import socket
from pathlib import Path
from typing import Any

import httpx
import pytest

from local import app, paths
from local.progress import LocalError


class Became(Exception):
    """The process has become another one."""


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """A platform that runs, and what the process became."""
    became: list[Any] = []

    def become(*words: Any) -> None:
        became.extend(words)
        raise Became

    def answer(*_: Any, **__: Any) -> httpx.Response:
        return httpx.Response(200)

    monkeypatch.setattr(paths, "OUTPUTS", tmp_path / "outputs.json")
    url = "http://127.0.0.1:8501/v1/models/digits:predict"
    paths.OUTPUTS.write_text(json.dumps({"models": {"digits": {"predict_url": url}}}))
    monkeypatch.setattr(os, "execve", become)
    monkeypatch.setattr(httpx, "get", answer)
    return became


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def test_it_becomes_the_example_as_a_copy_of_it_would_be_started(started: list[Any]) -> None:
    port = free_port()
    with pytest.raises(Became):
        app.run({"PORT": port, "LANG": "C"})
    _, words, environment = started
    asked = ["--outputs", str(paths.OUTPUTS), "--model", "digits", "--port", port, "--feedback", str(paths.FEEDBACK)]
    assert words[1:] == ["-m", "digit_pad", *asked]
    assert environment["LANG"] == "C"
    assert (Path(environment["PYTHONPATH"]) / "digit_pad" / "__main__.py").exists()


def test_without_a_platform_it_says_to_start_one(started: list[Any]) -> None:
    paths.OUTPUTS.unlink()
    with pytest.raises(LocalError, match=r"does not run: start it with `make up`"):
        app.run({"PORT": free_port()})


def test_a_stack_without_the_model_is_named(started: list[Any]) -> None:
    paths.OUTPUTS.write_text('{"models": {}}')
    with pytest.raises(LocalError, match="serves no model 'digits'"):
        app.run({"PORT": free_port()})


def test_a_model_that_does_not_answer_is_named(started: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise httpx.ConnectError("refused")

    monkeypatch.setattr(httpx, "get", fail)
    with pytest.raises(LocalError, match=r"http://127.0.0.1:8501/v1/models/digits does not answer: refused"):
        app.run({"PORT": free_port()})


def test_a_taken_port_is_named_with_the_way_to_another(started: list[Any]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(LocalError, match=rf"port {port} on 127.0.0.1 cannot be taken.*\n.*make app PORT="):
            app.run({"PORT": str(port)})


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1"])
def test_what_is_no_port_is_refused(started: list[Any], port: str) -> None:
    with pytest.raises(LocalError, match="number from 1 to 65535"):
        app.run({"PORT": port})
