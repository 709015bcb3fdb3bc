from pathlib import Path

import pulumi
import pytest

from infra.config import read_config
from infra.finding import StackFileError
from infra.overrides import VARIABLE, read_overrides, stack_file_words
from tests.unit.recorder import record, record_changed

Words = dict[str, object]


@pytest.fixture
def overrides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "mine.yaml"
    monkeypatch.setenv(VARIABLE, str(file))
    return file


def words(given: Words) -> Words:
    found: Words = {}
    record(lambda: found.update(read_config()), words=given)
    return found


def refusal(content: str, file: Path) -> str:
    file.write_text(content)
    with pytest.raises(StackFileError) as refused:
        read_overrides({VARIABLE: str(file)})
    assert str(file) in str(refused.value)
    return str(refused.value)


def test_every_key_of_the_project_is_read_known_or_not() -> None:
    given: Words = {"cluster": {"context": "c"}, "modles": {"x": [1, 2.5, True, None]}}
    assert words(given) == given


def test_words_that_are_no_json_stay_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_CONFIG", '{"tfk8s:cluster": "just text", "other:key": "x"}')
    assert words({}) == {"cluster": "just text"}


def test_what_the_engine_hands_over_in_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_CONFIG", '{"tfk8s:gpu": "{\\"mode\\": \\"mig\\"}"}')
    assert words({}) == {"gpu": {"mode": "mig"}}


def test_overrides_replace_whole_keys_and_say_so(overrides: Path) -> None:
    overrides.write_text("config:\n  tfk8s:cluster: {context: mine}\n")
    platform = record_changed()
    assert platform.one("pulumi:providers:kubernetes", "cluster").inputs["context"] == "mine"
    warning, unpinned = platform.warnings
    assert "[cluster-identity]" in unpinned  # the whole key is replaced, and with it the cluster's UID
    assert str(overrides) in warning
    assert "tfk8s:cluster" in warning


def test_overrides_leave_other_keys_alone(overrides: Path) -> None:
    overrides.write_text("config:\n  tfk8s:gpu: {mode: pretend}\n")
    assert words({"gpu": {"mode": "mig", "runtimeClassName": "nvidia"}, "store": {"local": "/m"}}) == {
        "gpu": {"mode": "pretend"},
        "store": {"local": "/m"},
    }


def test_without_the_variable_there_are_no_overrides() -> None:
    assert read_overrides({}) is None
    assert read_overrides({VARIABLE: ""}) is None


def test_a_missing_overrides_file_is_refused() -> None:
    with pytest.raises(StackFileError, match="No such file"):
        read_overrides({VARIABLE: "/nowhere/mine.yaml"})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("- a list", "no mapping `config:`"),
        ("tfk8s:cluster: {context: mine}", "no mapping `config:`"),
        ("config: [1]", "no mapping `config:`"),
        ("config: {}", "overrides nothing"),
        ("config: {pulumi:template: x}", "pulumi:template"),
        ("config: {a: b", "not YAML"),
        ("config: {'tfk8s:images': {registries: {r: {password: {secure: v1}}}}}", "registries.r.password is sealed"),
    ],
)
def test_an_overrides_file_that_is_no_stack_file_is_refused(content: str, said: str, tmp_path: Path) -> None:
    assert said in refusal(content, tmp_path / "mine.yaml")


def test_unusable_overrides_end_the_program_without_a_traceback(overrides: Path) -> None:
    with pytest.raises(pulumi.RunError, match=str(overrides)):
        record_changed()


def test_a_stack_file_is_read_with_its_overrides(tmp_path: Path) -> None:
    stack, mine = tmp_path / "Pulumi.test.yaml", tmp_path / "mine.yaml"
    stack.write_text("encryptionsalt: x\nconfig:\n  pulumi:x: 1\n  tfk8s:a: {b: 1}\n  tfk8s:c: [2]\n")
    mine.write_text("config:\n  tfk8s:c: [3]\n")
    assert stack_file_words(stack, {}) == {"a": {"b": 1}, "c": [2]}
    assert stack_file_words(stack, {VARIABLE: str(mine)}) == {"a": {"b": 1}, "c": [3]}
