import re
from pathlib import Path

import pytest

from ops import cli
from ops.cli import VERBS


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_in_the_help_and_has_an_example(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--help"]) == 0
    assert re.search(rf"^    {verb}\s", capsys.readouterr().out, re.MULTILINE)
    assert cli.main([verb, "--help"]) == 0
    assert f"example: tfk8s {verb} " in capsys.readouterr().out


def test_a_verb_nobody_knows_comes_with_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["chekc", "prod"]) == 2
    shown = capsys.readouterr().err
    assert all(verb in shown for verb in VERBS)


def test_only_the_verb_that_is_asked_for_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    imported: list[str] = []
    module_of = cli._module  # pyright: ignore[reportPrivateUsage] - watched, not called

    def watched(name: str) -> object:
        imported.append(name)
        return module_of(name)

    monkeypatch.setattr(cli, "_module", watched)
    assert cli.main(["check", "local"]) == 0
    assert set(imported) == {"check"}


@pytest.mark.parametrize("arguments", [["check", "x"], ["render", "x", "d"]])
def test_a_file_that_is_no_stack_file_is_one_error_without_a_traceback(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([*arguments, "--file", f"{tmp_path}/none.yaml"]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("error: the stack file has 1 error; nothing was changed\n")
    assert "none.yaml  [settings]\n    cannot be read: No such file or directory" in shown.err
