"""`tfk8s diff`: what it prints, and what it compares with."""

import io
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from ruamel.yaml import YAML

from ops import cli
from ops.difference import base
from ops.difference.base import base_recording, context_digest, default_ref
from ops.difference.step import FieldChange, Op, Step
from ops.difference.text import as_json, show, step_text, summary
from ops.problem import CommandError
from ops.stackfile import ROOT

_YAML: Any = YAML(typ="safe")


def step(op: Op = "update", *effects: str, fields: tuple[FieldChange, ...] = (), **more: Any) -> Step:
    given: dict[str, Any] = {
        "urn": "urn:a", "type": "v1:Service", "name": "digits", "kind": "Service", "object_name": "digits",
        "namespace": "ml",
    }  # fmt: skip
    return Step(op=op, effects=effects, fields=fields, **{**given, **more})


def change(before: object, after: object, *, replaces: bool = False) -> FieldChange:
    return FieldChange(path="spec.type", before=before, after=after, replaces=replaces)


def git(directory: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    subprocess.run(["git", *identity, *arguments], cwd=directory, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with one commit, in the place of this one."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    git(tmp_path, "init", "--quiet", "--initial-branch", "main")
    (tmp_path / "Pulumi.bad.yaml").write_text("nothing: here\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "first")
    monkeypatch.setattr(base, "ROOT", tmp_path)
    return tmp_path


# -- text


def test_a_step_is_a_line_with_its_effects_and_fields_below() -> None:
    text = step_text(step("update", "downtime: gone", fields=(change("ClusterIP", "NodePort"),)))
    assert text.splitlines() == [
        " ~ update  Service ml/digits",
        "     downtime: gone",
        "       ~ spec.type: ClusterIP => NodePort",
    ]


def test_a_replacement_says_why_and_in_which_order() -> None:
    by_field = step("replace", fields=(change("a", "b", replaces=True),), delete_first=True)
    assert "(spec.type cannot be changed in place; deleted first)" in step_text(by_field)
    assert "(another cluster; the new one comes first)" in step_text(step("replace", reason="another cluster"))


def test_a_field_that_comes_or_goes_shows_one_value() -> None:
    assert "+ spec.type: a" in step_text(step(fields=(change(None, "a"),)))
    assert "- spec.type: a" in step_text(step(fields=(change("a", None),)))


def test_long_values_are_cut_and_stay_on_one_line() -> None:
    lines = step_text(step(fields=(change("a\nb", "c" * 500),))).splitlines()
    assert len(lines) == 2
    assert "a\\nb" in lines[1]
    assert len(lines[1]) < 150


def test_the_summary_counts_steps_and_what_is_alarming() -> None:
    steps = [step("create", "trains: run a"), step("delete", "data loss: all"), step("delete", "data loss: all")]
    assert summary(steps) == "1 to create, 2 to delete; 2 x data loss"
    assert summary([]) == "nothing changes"
    assert summary([step("same", "refused: no")]) == "nothing changes; 1 x refused"


def test_a_console_without_colours_gets_the_plain_text() -> None:
    output = io.StringIO()
    one = step("delete", "downtime: gone", fields=(change("[a]", "b"),))
    show(Console(file=output, soft_wrap=True), [one])
    assert output.getvalue() == f"{step_text(one)}\n"


def test_json_has_every_step_with_its_fields() -> None:
    (said,) = json.loads(as_json([step(fields=(change(None, 1),))]))
    assert (said["op"], said["fields"]) == (
        "update",
        [{"path": "spec.type", "before": None, "after": 1, "replaces": False}],
    )


# -- the base


def test_the_base_is_main_where_there_is_no_remote(repository: Path) -> None:
    assert default_ref() == "main"
    git(repository, "update-ref", "refs/remotes/origin/main", "HEAD")
    assert default_ref() == "origin/main"


def test_without_main_a_revision_must_be_named(repository: Path) -> None:
    git(repository, "branch", "--move", "trunk")
    with pytest.raises(CommandError, match="--base REF"):
        default_ref()


def test_a_revision_that_is_not_there_is_named(repository: Path) -> None:
    with pytest.raises(CommandError, match=r"revision nowhere cannot be read: .*nowhere"):
        base_recording("dev", "nowhere", {})


def test_a_stack_that_the_base_does_not_have_is_none(repository: Path) -> None:
    assert base_recording("dev", "main", {}) is None


def test_a_stack_file_of_the_base_that_cannot_be_read_is_said(repository: Path) -> None:
    with pytest.raises(CommandError, match="has no mapping `config:`"):
        base_recording("bad", "main", {})


def test_a_missing_git_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CommandError, match="--base-file"):
        default_ref()


def test_the_build_context_is_told_by_names_contents_and_modes(tmp_path: Path) -> None:
    for part in ("contract", "serving", "training"):
        (tmp_path / part).mkdir()
    code = tmp_path / "training" / "train.py"
    digests = {context_digest(tmp_path)}
    code.write_text("a")
    digests.add(context_digest(tmp_path))
    code.write_text("b")
    digests.add(context_digest(tmp_path))
    code.chmod(0o755)
    digests.add(context_digest(tmp_path))
    code.rename(code.with_name("other.py"))
    digests.add(context_digest(tmp_path))
    assert len(digests) == 5


def test_what_no_build_reads_does_not_count(tmp_path: Path) -> None:
    before = context_digest(tmp_path)
    for name in ("infra/a.py", "training/__pycache__/a.py", "training/a.pyc", "training/Dockerfile.dockerignore"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("a")
    assert context_digest(tmp_path) == before


# -- the command


@pytest.fixture
def changed_file(tmp_path: Path) -> Path:
    """The stack file of `local` with one field changed."""
    words = _YAML.load(ROOT / "Pulumi.local.yaml")
    words["config"]["tfk8s:models"]["digits"]["autoscaling"]["maxReplicas"] = 2
    path = tmp_path / "changed.yaml"
    _YAML.dump(words, path)
    return path


def diff(*arguments: str) -> int:
    return cli.main(["diff", *arguments])


def test_a_file_is_compared_with_another(changed_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert diff("local", "--base-file", str(changed_file)) == 0
    output = capsys.readouterr().out
    assert "~ update  HorizontalPodAutoscaler ml/digits-v1" in output
    assert "~ spec.maxReplicas: 2 => 3" in output
    assert output.endswith(f"local against {changed_file}: 1 to update\n")


def test_json_is_all_that_is_printed(changed_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert diff("local", "--base-file", str(changed_file), "--json") == 0
    (said,) = json.loads(capsys.readouterr().out)
    assert said["kind"] == "HorizontalPodAutoscaler"


def test_a_stack_that_is_new_is_all_created(
    tmp_path: Path, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "mine.yaml"
    shutil.copy(ROOT / "Pulumi.local.yaml", mine)
    assert diff("fresh", "--file", str(mine), "--base", "main") == 0
    output = capsys.readouterr().out
    assert "main has no stack fresh: everything is new" in output
    assert "to update" not in output
    assert repository.exists()


def test_two_bases_are_one_too_many(capsys: pytest.CaptureFixture[str]) -> None:
    assert diff("local", "--base", "main", "--base-file", "a") == 2
    assert "not allowed with" in capsys.readouterr().err


def test_a_base_file_that_is_none_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert diff("local", "--base-file", str(tmp_path / "missing.yaml")) == 1
    assert "missing.yaml" in capsys.readouterr().err
