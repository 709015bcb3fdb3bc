import functools
import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import pytest

from ops import cli, directory
from ops.directory import MARKER
from ops.manifests import files
from ops.recording import Answers, Recording, Resource, record
from tests.unit.words import changed


@functools.cache
def recorded(stack: str, words: str) -> Recording:
    return record(json.loads(words), stack=stack, answers=Answers())


def from_memory(words: Mapping[str, object], *, stack: str, answers: Answers) -> Recording:
    assert answers == Answers()
    return recorded(stack, json.dumps(words))


texts: dict[tuple[int, ...], Mapping[PurePosixPath, str]] = {}


def files_from_memory(objects: list[Resource], answers: Answers) -> Mapping[PurePosixPath, str]:
    objects_seen = tuple(map(id, objects))  # they live as long as the recording above
    if objects_seen not in texts:
        texts[objects_seen] = files(objects, answers)
    return texts[objects_seen]


@pytest.fixture(autouse=True)
def one_run_a_stack(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Most tests here are about directories; one run of the program for each stack is enough for them."""
    if request.function is not test_two_renders_are_equal_byte_for_byte:
        monkeypatch.setattr("ops.render.record", from_memory)
        monkeypatch.setattr("ops.render.files", files_from_memory)


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def render(target: Path, *more: str, stack: str = "local") -> int:
    return cli.main(["render", stack, str(target), *more])


def test_a_stack_is_rendered_into_a_new_directory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "build" / "local"
    assert render(target) == 0
    written = contents(target)
    assert "ml/deployment-digits-v1.yaml" in written
    assert capsys.readouterr().out == f"local: {len(written) - 1} manifests in {target}\n"
    assert written[MARKER].decode().splitlines() == sorted(written.keys() - {MARKER})
    assert [path.name for path in target.parent.iterdir()] == ["local"]


def test_two_renders_are_equal_byte_for_byte(tmp_path: Path) -> None:
    assert render(tmp_path / "one", stack="prod") == render(tmp_path / "two", stack="prod") == 0
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_an_earlier_render_is_replaced_as_a_whole(tmp_path: Path) -> None:
    assert render(tmp_path / "here", stack="prod") == 0
    assert render(tmp_path / "here") == 0
    assert render(tmp_path / "fresh") == 0
    assert contents(tmp_path / "here") == contents(tmp_path / "fresh")


def test_an_empty_directory_is_taken_with_its_mode(tmp_path: Path) -> None:
    target = tmp_path / "empty"
    target.mkdir(mode=0o750)
    assert render(target) == 0
    assert target.stat().st_mode & 0o777 == 0o750


@pytest.mark.parametrize("rendered_before", [False, True])
def test_a_file_of_somebody_else_is_never_lost(
    rendered_before: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "mine"
    if rendered_before:
        assert render(target) == 0
    (target / "ml").mkdir(parents=True, exist_ok=True)
    (target / "ml" / "notes.txt").write_text("mine", encoding="utf-8")
    before = contents(target)
    capsys.readouterr()
    assert render(target, stack="prod") == 1
    assert "holds files that no render wrote: ml/notes.txt\n    nothing was written" in capsys.readouterr().err
    assert contents(target) == before


def test_a_link_of_somebody_else_is_never_lost(tmp_path: Path) -> None:
    target = tmp_path / "mine"
    assert render(target) == 0
    (target / "elsewhere").symlink_to(tmp_path, target_is_directory=True)
    assert render(target) == 1
    assert (target / "elsewhere").is_symlink()


def test_a_file_in_the_place_of_the_directory_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    assert render(tmp_path / "file") == 1
    assert "is a file; name a directory" in capsys.readouterr().err
    assert (tmp_path / "file").read_text(encoding="utf-8") == "mine"


def test_the_working_directory_is_not_pulled_from_under_the_caller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert render(Path()) == 1
    assert "is the working directory" in capsys.readouterr().err


def test_a_stack_that_cannot_work_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "out"
    assert render(target) == 0
    before = contents(target)
    wrong = tmp_path / "Pulumi.wrong.yaml"
    config = {f"tfk8s:{key}": value for key, value in changed(("models.digits.autoscaling.minReplicas", 30)).items()}
    wrong.write_text(json.dumps({"config": config}), encoding="utf-8")
    assert render(target, "--file", str(wrong)) == 1
    assert "tfk8s:models.digits.autoscaling.minReplicas" in capsys.readouterr().err
    assert contents(target) == before


def test_a_failure_while_writing_leaves_the_old_files_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "out"
    assert render(target) == 0
    before = contents(tmp_path)
    rename = Path.rename

    def full(self: Path, to: Path) -> Path:
        if self.name == "new":
            raise OSError(28, "No space left on device", str(to))
        return rename(self, to)

    monkeypatch.setattr(directory.Path, "rename", full)
    assert render(target, stack="prod") == 1
    assert f"No space left on device; {target} is as it was" in capsys.readouterr().err
    assert contents(tmp_path) == before
