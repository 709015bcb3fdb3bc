import json
from pathlib import Path

import pytest

from ops import cli
from tests.unit.words import changed

FULL = ("models.digits.autoscaling.maxReplicas", 9)
UNPINNED = ("images.serving.ref", "tensorflow/serving:2.20.0")


@pytest.fixture
def stack_file(tmp_path: Path) -> Path:
    return tmp_path / "Pulumi.mine.yaml"


def check(file: Path, *changes: tuple[str, object]) -> int:
    """JSON is YAML."""
    config = {f"tfk8s:{key}": value for key, value in changed(*changes).items()}
    file.write_text(json.dumps({"config": config}), encoding="utf-8")
    return cli.main(["check", "mine", "--file", str(file)])


def heads(text: str) -> list[str]:
    """First words of each finding, and the last line."""
    return [line.partition(":")[0] for line in text.splitlines() if not line.startswith("    ")]


def test_a_sound_stack_ends_with_0_and_its_price(stack_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(stack_file, ("cluster.kubeSystemUid", "3f0cb1a6-1e0d-4c5c-8c3f-0a4d5a2c9b11")) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    assert shown.out.startswith("Pulumi.mine.yaml: no errors, no warnings; worst case ")
    assert shown.out.endswith(" USD a month\n")


def test_an_error_ends_with_1_and_comes_before_warnings(stack_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(stack_file, FULL, UNPINNED) == 1
    shown = capsys.readouterr().out
    kinds = heads(shown)[:-1]
    assert kinds == sorted(kinds)
    assert set(kinds) == {"error", "warning"}
    assert "[image-digest]\n    tensorflow/serving:2.20.0 has no digest" in shown
    assert f"{kinds.count('error')} error" in shown.splitlines()[-1]


def test_warnings_alone_end_with_0(stack_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(stack_file, UNPINNED) == 0
    assert "warning: tfk8s:images.serving.ref  [image-digest]" in capsys.readouterr().out


def test_what_is_waived_comes_last_with_its_reason_and_its_end(
    stack_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    waivers = {"image-digest": {"reason": "the mirror has no digests yet", "until": "2999-12-31"}}
    assert check(stack_file, UNPINNED, ("policy.waivers", waivers)) == 0
    shown = capsys.readouterr().out
    assert heads(shown)[-2:] == ["waived", "Pulumi.mine.yaml"]
    assert "    waived until 2999-12-31: the mirror has no digests yet\n" in shown
    assert ", 1 waived; worst case" in shown.splitlines()[-1]


def test_the_budget_is_beside_the_price(stack_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check(stack_file, ("policy.monthlyBudget", "123456 USD"))
    assert capsys.readouterr().out.endswith(" a month of a budget of 123,456.00 USD\n")


def test_words_that_cannot_be_read_have_no_price(stack_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(stack_file, ("models.digits.resources", "much")) == 1
    assert "USD a month" not in capsys.readouterr().out


def test_a_password_in_the_clear_is_an_error_and_is_not_shown(
    stack_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    registries = {"ghcr.io": {"username": "robot", "password": "s3cret"}}
    assert check(stack_file, ("images.registries", registries)) == 1
    shown = capsys.readouterr().out
    assert "[secret]" in shown
    assert "s3cret" not in shown


def test_what_replaces_words_of_the_file_is_said(
    stack_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = stack_file.with_name("mine.yaml")
    mine.write_text('config: {"tfk8s:cluster": {context: kind}}', encoding="utf-8")
    monkeypatch.setenv("TFK8S_OVERRIDES", str(mine))
    assert check(stack_file) == 0
    assert capsys.readouterr().err == f"warning: TFK8S_OVERRIDES: {mine} replaces tfk8s:cluster of the stack file\n"


@pytest.mark.parametrize("stack", ["local", "dev", "prod"])
def test_every_committed_stack_passes_without_waivers(stack: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", stack]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith(f"Pulumi.{stack}.yaml: no errors, ")
    assert "waived" not in last
