"""The verbs that make calls."""

import pytest
from rich.console import Console

from local import __main__ as verbs
from local.progress import LocalError


def test_an_unknown_verb_is_told_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert verbs.main(["sideways"]) == 2
    assert "up|down|status|app|clean" in capsys.readouterr().err


def test_a_failure_is_its_text_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: Console) -> None:
        raise LocalError("port 16443 is taken")

    monkeypatch.setattr(verbs, "_status", fail)
    assert verbs.main(["status"]) == 1
    assert capsys.readouterr().err == "error: port 16443 is taken\n"


def test_an_interrupted_verb_says_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_: Console) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(verbs, "_status", interrupted)
    assert verbs.main(["status"]) == 130
    assert "make down" in capsys.readouterr().err
