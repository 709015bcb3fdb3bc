"""`tfk8s judge --apply`: which file is edited, which command deploys it, and what is left when that fails."""

import json
import shlex
import shutil
import signal
import sys
from pathlib import Path

import pytest

from contract.labelled import write
from ops import cli, stackfile
from ops import judge as judge_verb
from ops.judging import update as update_module
from ops.judging.update import Update, file_to_edit
from ops.problem import CommandError
from tests.unit.ops.judged import EXAMPLES, TEXT, Version, network, no_time

PROMOTED = TEXT.replace("7, weight: 90}, canary: {version: 8, weight: 10}", "8}")
REPORT = "import json, os, sys; json.dump([os.getcwd(), dict(os.environ), open('Pulumi.prod.yaml').read()], sys.stdout)"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project's directory with two stacks, where commands are run, and a store; version 8 is no worse than 7."""
    for stack in ("prod", "local"):
        (tmp_path / f"Pulumi.{stack}.yaml").write_text(TEXT)
    for version in (7, 8):
        (tmp_path / f"digits/{version}").mkdir(parents=True)
        write(tmp_path / f"digits/{version}/test.jsonl", EXAMPLES)
    monkeypatch.setattr(stackfile, "ROOT", tmp_path)
    monkeypatch.setattr(update_module, "ROOT", tmp_path)
    monkeypatch.setattr(update_module, "stack_file_of", lambda stack: tmp_path / f"Pulumi.{stack}.yaml")  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType] - a str
    monkeypatch.setattr(judge_verb.time, "sleep", no_time)
    monkeypatch.setattr(judge_verb, "_client", lambda: network({"v8": Version(8), "v7": Version(7)}))
    monkeypatch.delenv("TFK8S_OVERRIDES", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(place: Path, *more: str, stack: str = "prod") -> int:
    servers = ("--incoming", "http://v8:8501", "--stable", "http://v7:8501", "--store", str(place))
    return cli.main(["judge", stack, "digits", *servers, *more])


def python(code: str) -> str:
    return shlex.join([sys.executable, "-c", code])


def on_path(monkeypatch: pytest.MonkeyPatch, *commands: str) -> None:
    """Only these commands are there."""
    monkeypatch.setattr(shutil, "which", lambda command: command if command in commands else None)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType] - a str


def test_the_update_finds_the_edited_file(place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(place, "--apply", "--update", python(REPORT)) == 0
    said = capfd.readouterr().out
    directory, _, text = json.loads(said[said.index("makes it so\n[") + len("makes it so\n") :])
    assert (directory, text) == (str(place), PROMOTED)


def test_the_verdict_is_printed_before_the_update_runs(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (place / "said").open("w", encoding="utf-8") as said:  # as into a file of a CI: in blocks
        monkeypatch.setattr(sys, "stdout", said)
        assert run(place, "--apply", "--update", "cp said seen") == 0
    assert (place / "seen").read_text().endswith("written; `cp said seen` makes it so\n")


@pytest.mark.parametrize(("stack", "update"), [("prod", "pulumi up"), ("local", "make up")])
def test_without_apply_nothing_is_run(place: Path, capsys: pytest.CaptureFixture[str], stack: str, update: str) -> None:
    assert run(place, stack=stack) == 0
    assert capsys.readouterr().out.endswith(f"written; `{update}` makes it so\n")


def test_hold_deploys_nothing(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge_verb, "_client", lambda: network({"v8": Version(8, is_down=True), "v7": Version(7)}))
    assert run(place, "--apply", "--update", python("open('ran', 'w')")) == 0
    assert not (place / "ran").exists()


@pytest.mark.parametrize(
    ("code", "how"),
    [
        ("raise SystemExit(255)", "ended with exit code 255"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "was ended by signal 9"),
    ],
)
def test_after_a_failed_update_the_file_keeps_the_verdict_and_it_is_said_what_to_do(
    place: Path, capsys: pytest.CaptureFixture[str], code: str, how: str
) -> None:
    assert run(place, "--apply", "--update", python(code)) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"error: the update `{python(code)}` {how}\n    Pulumi.prod.yaml keeps the verdict")
    assert "to go on: correct" in said
    assert "to go back: take the edit of Pulumi.prod.yaml back" in said
    assert (place / "Pulumi.prod.yaml").read_text() == PROMOTED


def test_a_command_that_the_machine_cannot_run_has_failed(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "deploy").write_text("no program\n")
    (place / "deploy").chmod(0o755)
    assert run(place, "--apply", "--update", "./deploy") == 1
    assert (
        "the update `./deploy` cannot be run: Exec format error\n    Pulumi.prod.yaml keeps" in capsys.readouterr().err
    )


def test_an_interrupt_is_left_to_the_update(place: Path) -> None:
    code = (
        "import os, signal, time; os.kill(os.getppid(), signal.SIGINT); time.sleep(0.3); open('saved', 'w'); "
        "raise SystemExit(1)"
    )
    ours = signal.default_int_handler
    before = signal.signal(signal.SIGINT, ours)
    try:
        with pytest.raises(CommandError, match="ended with exit code 1"):
            Update.of("prod", None, python(code)).run(place / "Pulumi.prod.yaml")
        assert (place / "saved").exists()
        assert signal.getsignal(signal.SIGINT) is ours
    finally:
        signal.signal(signal.SIGINT, before)


def test_an_update_in_the_background_ignores_interrupts_as_before(place: Path) -> None:
    code = "import signal; raise SystemExit(signal.getsignal(signal.SIGINT) is not signal.SIG_IGN)"
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        Update.of("prod", None, python(code)).run(place / "Pulumi.prod.yaml")
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    ("stack", "file", "command"),
    [
        ("prod", None, "pulumi up --yes --stack prod"),
        ("prod", "../other.yaml", "pulumi up --yes --stack prod --config-file {place}/other.yaml"),
        ("local", None, "make up"),
        ("local", "../Pulumi.local.yaml", "make up"),
    ],
)
def test_a_stack_is_deployed_as_its_users_do(
    place: Path, monkeypatch: pytest.MonkeyPatch, stack: str, file: str | None, command: str
) -> None:
    on_path(monkeypatch, "pulumi", "make")
    elsewhere = place / "elsewhere"
    elsewhere.mkdir()
    named = None if file is None else Path(file)
    monkeypatch.chdir(elsewhere)
    update = Update.of(stack, named, None)
    assert str(update) == command.format(place=place)
    assert update.directory == place, "where Pulumi.yaml and Makefile lie"
    assert Update.of(stack, named, "make it so").directory == elsewhere, "where it was given"


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("prod", "--apply"), "there is no command 'pulumi'\n    install it, or name another one with --update"),
        (("prod", "--apply", "--update", "deploy it"), "there is no command 'deploy'\n"),
        (("prod", "--apply", "--update", ""), "there is no command ''\n"),
        (("prod", "--apply", "--update", "a 'b"), "no command line: No closing quotation"),
        (("prod", "--update", "make"), "--update says what --apply runs: add --apply"),
        (("local", "--apply", "--file", "Pulumi.prod.yaml"), "`make up` does not read Pulumi.prod.yaml: let TFK8S_OV"),
    ],
)
def test_an_update_that_cannot_be_is_refused_before_anything_is_asked(
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    what: str,
) -> None:
    on_path(monkeypatch, "make")
    monkeypatch.setattr(judge_verb, "_client", lambda: pytest.fail("asked"))
    assert run(place, *arguments[1:], stack=arguments[0]) == 1
    assert what in capsys.readouterr().err
    assert (place / "Pulumi.prod.yaml").read_text() == TEXT


def test_a_dry_run_applies_nothing(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(place, "--apply", "--dry-run") == 2
    assert "--dry-run: not allowed with argument --apply" in capsys.readouterr().err


def test_overrides_that_replace_models_are_what_is_edited_and_what_the_update_finds(
    place: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (place / "mine.yaml").write_text(TEXT)
    monkeypatch.setenv("TFK8S_OVERRIDES", "mine.yaml")
    assert run(place, "--apply", "--update", python(REPORT)) == 0
    said = capfd.readouterr()
    assert said.err.startswith("warning: TFK8S_OVERRIDES: mine.yaml replaces tfk8s:models of the stack file\n")
    assert (place / "mine.yaml").read_text() == PROMOTED
    _, environment, text = json.loads(said.out[said.out.index("makes it so\n[") + len("makes it so\n") :])
    assert text == TEXT
    assert environment["TFK8S_OVERRIDES"] == str(place / "mine.yaml"), "the project may lie elsewhere"


def test_overrides_of_other_keys_leave_the_stack_file_to_be_edited(place: Path) -> None:
    (place / "mine.yaml").write_text("config: {'tfk8s:cluster': {context: mine}}")
    environment = {"TFK8S_OVERRIDES": str(place / "mine.yaml")}
    assert file_to_edit("prod", None, environment) == place / "Pulumi.prod.yaml"
    assert file_to_edit("prod", Path("other.yaml"), environment) == Path("other.yaml")


def test_a_file_whose_models_are_replaced_is_not_edited_in_vain(place: Path) -> None:
    (place / "mine.yaml").write_text(TEXT)
    environment = {"TFK8S_OVERRIDES": str(place / "mine.yaml")}
    with pytest.raises(CommandError, match=r"replaces tfk8s:models, so an edit of Pulumi\.prod\.yaml would change"):
        file_to_edit("prod", Path("Pulumi.prod.yaml"), environment)
