"""`tfk8s report` as one calls it."""

from pathlib import Path

import pytest

from ops.cli import main
from ops.stackfile import ROOT

BROKEN = "config:\n  tfk8s:cluster: {context: test}\n"


def test_a_page_is_written_where_it_is_wanted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "prod.html"
    assert main(["report", "prod", "-o", str(page)]) == 0
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert capsys.readouterr().out.startswith(f"{page}: prod fits")
    assert list(tmp_path.iterdir()) == [page]


def test_a_page_lies_here_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["report", "local"]) == 0
    assert (tmp_path / "report-local.html").is_file()


def test_a_stack_that_cannot_work_is_reported_and_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "Pulumi.x.yaml"
    file.write_text(BROKEN, encoding="utf-8")
    assert main(["report", "x", "--file", str(file), "-o", str(tmp_path / "x.html")]) == 1
    assert "cannot work" in (tmp_path / "x.html").read_text(encoding="utf-8")
    assert main(["report", "x", "--file", str(file), "--markdown"]) == 1
    assert "<!-- tfk8s:x -->" in capsys.readouterr().out


def test_a_comment_goes_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "prod", "--markdown"]) == 0
    assert capsys.readouterr().out.startswith("<!-- tfk8s:prod -->\n")


def test_the_file_and_its_commit_are_named(tmp_path: Path) -> None:
    assert main(["report", "prod", "--markdown", "-o", str(tmp_path / "a.md")]) == 0
    assert "<code>Pulumi.prod.yaml</code> at " in (tmp_path / "a.md").read_text(encoding="utf-8")
    file = tmp_path / "Pulumi.prod.yaml"
    file.write_text((ROOT / "Pulumi.prod.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    assert main(["report", "prod", "--markdown", "--file", str(file), "-o", str(tmp_path / "b.md")]) == 0
    assert "at no commit" in (tmp_path / "b.md").read_text(encoding="utf-8")


def test_a_preview_is_shown_below(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    preview = tmp_path / "preview.txt"
    preview.write_text("+ kubernetes:core/v1:Service create", encoding="utf-8")
    assert main(["report", "prod", "--markdown", "--preview", str(preview)]) == 0
    assert "+ kubernetes:core/v1:Service create" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--base", "main"], "add --markdown"),
        (["--markdown", "--base", "no-such-revision"], "there is no revision no-such-revision"),
        (["--markdown", "--preview", "/nowhere/preview.txt"], "/nowhere/preview.txt cannot be read"),
        (["-o", "/nowhere/prod.html"], "/nowhere/prod.html cannot be written"),
    ],
)
def test_what_cannot_be_done_is_said(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "prod", *arguments]) == 1
    assert said in capsys.readouterr().err
