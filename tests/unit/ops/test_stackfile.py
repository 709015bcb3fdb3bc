import os
import re
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, reject, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML, YAMLError

from ops.problem import CommandError
from ops.stackfile import ROOT, StackFile, stack_file_of

TEXT = """\
# On top.
config:
  pulumi:disable-default-providers:   [kubernetes,docker]
  tfk8s:images: {serving: {ref: "a/b:1"},   training: {ref: 'c/d:1'}} # behind

  tfk8s:cluster:
      context:   plain   # indented oddly, and a line that is much longer than the eighty characters of some tools' wish
  tfk8s:policy: { requireDigest: false }
"""
SERVING = ("config", "tfk8s:images", "serving", "ref")
TRAINING = ("config", "tfk8s:images", "training", "ref")
CONTEXT = ("config", "tfk8s:cluster", "context")
ADDED = ("config", "tfk8s:cluster", "kubeSystemUid")
UID = "3f0c5d2e-1111-4222-8333-444455556666"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "Pulumi.test.yaml"
    path.write_text(TEXT, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("keys", "old", "new"),
    [(SERVING, '"a/b:1"', '"x/y:2"'), (TRAINING, "'c/d:1'", "'x/y:2'"), (CONTEXT, "  plain  ", "  x/y:2  ")],
)
def test_an_edit_changes_the_value_and_not_a_character_beside_it(
    path: Path, keys: tuple[str, ...], old: str, new: str
) -> None:
    file = StackFile.read(path)
    file.set(keys, "x/y:2")
    file.write()
    assert path.read_text(encoding="utf-8") == TEXT.replace(old, new)
    assert file.get(keys) == "x/y:2"


@pytest.mark.parametrize("name", ["local", "dev", "prod"])
def test_editing_one_image_of_a_committed_stack_changes_one_line(name: str, tmp_path: Path) -> None:
    path = tmp_path / "copy.yaml"
    path.write_bytes((ROOT / f"Pulumi.{name}.yaml").read_bytes())
    file = StackFile.read(path)
    file.set(SERVING, "tensorflow/serving:2.20.0@sha256:" + "0" * 64)
    file.write()
    before = (ROOT / f"Pulumi.{name}.yaml").read_text(encoding="utf-8").splitlines()
    after = path.read_text(encoding="utf-8").splitlines()
    assert len(before) == len(after)
    assert sum(old != new for old, new in zip(before, after, strict=True)) == 1


def test_the_diff_shows_the_changed_lines_alone(path: Path) -> None:
    file = StackFile.read(path)
    file.set(SERVING, "x/y:2")
    assert [line for line in file.diff().splitlines() if line[0] in "+-" and line[1] not in "+-"] == [
        """-  tfk8s:images: {serving: {ref: "a/b:1"},   training: {ref: 'c/d:1'}} # behind""",
        """+  tfk8s:images: {serving: {ref: "x/y:2"},   training: {ref: 'c/d:1'}} # behind""",
    ]


def test_without_an_edit_there_is_no_diff(path: Path) -> None:
    assert StackFile.read(path).diff() == ""


@pytest.mark.parametrize("value", ["a: b", "true", "5", "#x", "[x", "it's", 'a "b"', "", " x ", "a,b}"])
def test_a_value_that_would_mean_something_else_is_quoted(path: Path, value: str) -> None:
    for keys in (SERVING, TRAINING, CONTEXT):
        file = StackFile.read(path)
        file.set(keys, value)
        assert file.get(keys) == value


def test_line_ends_stay_as_they_are(path: Path) -> None:
    path.write_bytes(TEXT.replace("\n", "\r\n").encode())
    file = StackFile.read(path)
    file.set(CONTEXT, "other")
    file.write()
    assert path.read_bytes() == TEXT.replace("  plain  ", "  other  ").replace("\n", "\r\n").encode()


def test_a_value_of_several_lines_is_replaced_as_a_whole(path: Path) -> None:
    path.write_text("config:\n  a: |\n    one\n    two\n  b: 1\n", encoding="utf-8")
    file = StackFile.read(path)
    file.set(("config", "a"), "x")
    file.write()
    assert path.read_text(encoding="utf-8") == "config:\n  a: x\n  b: 1\n"


def test_a_value_that_another_place_shares_is_left_to_its_author(path: Path) -> None:
    path.write_text("config:\n  a: {ref: &ref x}\n  b: {ref: *ref}\n", encoding="utf-8")
    with pytest.raises(CommandError, match=r"\.yaml:2: a\.ref cannot be replaced by itself; edit it by hand"):
        StackFile.read(path).set(("config", "a", "ref"), "y")


def test_the_file_keeps_its_mode_and_its_name_through_a_link(path: Path, tmp_path: Path) -> None:
    path.chmod(0o640)
    link = tmp_path / "link.yaml"
    link.symlink_to(path)
    file = StackFile.read(link)
    file.set(CONTEXT, "other")
    file.write()
    assert link.is_symlink()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert sorted(os.listdir(tmp_path)) == ["Pulumi.test.yaml", "link.yaml"]  # noqa: PTH208 - names are all that counts


def test_a_file_that_somebody_else_changed_meanwhile_is_not_overwritten(path: Path) -> None:
    file = StackFile.read(path)
    file.set(CONTEXT, "other")
    path.write_text(TEXT + "# more\n", encoding="utf-8")
    with pytest.raises(CommandError, match="changed by somebody else"):
        file.write()
    assert path.read_text(encoding="utf-8") == TEXT + "# more\n"


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_file: Path, _target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    file = StackFile.read(path)
    file.set(CONTEXT, "other")
    with pytest.raises(CommandError, match="No space left on device; it is as it was"):
        file.write()
    assert [one.name for one in path.parent.iterdir()] == [path.name]
    assert path.read_text(encoding="utf-8") == TEXT


@pytest.mark.parametrize("keys", [("config", "tfk8s:gpu", "mode"), ("config", "tfk8s:images"), ("nothing",)])
def test_only_a_single_value_that_is_there_can_be_replaced(path: Path, keys: tuple[str, ...]) -> None:
    with pytest.raises(CommandError, match="there is no single value at"):
        StackFile.read(path).set(keys, "x")


def test_a_missing_key_has_no_value(path: Path) -> None:
    assert StackFile.read(path).get(("config", "tfk8s:gpu", "mode")) is None


def added(path: Path, text: str, value: str = UID) -> str:
    path.write_bytes(text.encode())
    file = StackFile.read(path)
    file.add(ADDED, value, after="context")
    assert file.get(ADDED) == value
    file.write()
    return path.read_bytes().decode()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (" {context: prod-gpu}", f" {{context: prod-gpu, kubeSystemUid: {UID}}}"),
        (" { context: 'a' , b: {c: {}} } # x", f" {{ context: 'a', kubeSystemUid: {UID} , b: {{c: {{}}}} }} # x"),
        (" {context: a, # one\n    b: {}}", f" {{context: a, kubeSystemUid: {UID}, # one\n    b: {{}}}}"),
        ("\n     context: a # 1\n    # 2\n\n", f"\n     context: a # 1\n     kubeSystemUid: {UID}\n    # 2\n\n"),
        ("\n    b:\n      c: 1\n    context: a", f"\n    b:\n      c: 1\n    context: a\n    kubeSystemUid: {UID}"),
        ("\r\n    context: a\r\n", f"\r\n    context: a\r\n    kubeSystemUid: {UID}\r\n"),
        ("\n    context: >-\n      a\n", f"\n    context: >-\n      a\n    kubeSystemUid: {UID}\n"),
    ],
)
def test_a_key_is_added_in_the_style_of_its_mapping(path: Path, before: str, after: str) -> None:
    assert added(path, f"config:\n  tfk8s:cluster:{before}") == f"config:\n  tfk8s:cluster:{after}"


@pytest.mark.parametrize("value", ["a: b", "true", "5", "#x", "it's", 'a "b"', "", "a,b}"])
@pytest.mark.parametrize("cluster", ["{context: a}", "\n    context: a\n"])
def test_an_added_value_that_would_mean_something_else_is_quoted(path: Path, cluster: str, value: str) -> None:
    added(path, f"config:\n  tfk8s:cluster: {cluster}", value)


@pytest.mark.parametrize(
    ("cluster", "said"),
    [
        ("{context: a, kubeSystemUid: b}", r"\.yaml:3: tfk8s:cluster\.kubeSystemUid cannot be added by itself"),
        ("{context: *shared}", "cannot be added by itself"),
        ("{kubeconfig: a}", r"no single value at tfk8s:cluster\.context to add kubeSystemUid behind"),
        ("{context: {a: b}}", "no single value"),
        ("here", "no single value"),
    ],
)
def test_what_cannot_be_added_alone_is_left_to_the_author(path: Path, cluster: str, said: str) -> None:
    path.write_text(f"config:\n  other: {{a: &shared a}}\n  tfk8s:cluster: {cluster}\n", encoding="utf-8")
    file = StackFile.read(path)
    with pytest.raises(CommandError, match=said):
        file.add(ADDED, UID, after="context")
    assert file.diff() == ""


_names = st.from_regex(r"[a-z][a-zA-Z0-9]{0,6}", fullmatch=True)
_values = st.recursive(
    st.one_of(st.integers(), st.text(max_size=8), st.booleans(), st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_names, inner, max_size=3)),
    max_leaves=6,
)


@settings(max_examples=15, deadline=None)
@example(others={}, context="\xa0", flow=True)
@given(others=st.dictionaries(_names, _values, max_size=3), context=st.text(max_size=20), flow=st.booleans())
def test_whatever_stands_beside_it_one_key_is_added_and_every_other_character_stays(
    tmp_path_factory: pytest.TempPathFactory, others: dict[str, object], context: str, flow: bool
) -> None:
    cluster: dict[str, object] = {**others, "context": context, "last": [others]}
    words: dict[str, Any] = {"config": {"a": 1, "tfk8s:cluster": cluster, "z": {"k": "v"}}}
    yaml: Any = YAML(typ="safe", pure=True)
    yaml.default_flow_style = flow
    path = tmp_path_factory.getbasetemp() / "generated.yaml"
    with path.open("w", encoding="utf-8", newline="") as file:
        yaml.dump(words, file)
    before = path.read_text(encoding="utf-8")
    try:
        said = yaml.load(before)
    except YAMLError:
        reject()  # ruamel.yaml writes some strings, such as `:0`, in a way that it does not read itself
    after = added(path, before)
    said["config"]["tfk8s:cluster"]["kubeSystemUid"] = UID
    assert yaml.load(after) == said
    assert re.sub(rf", kubeSystemUid: {UID}|    kubeSystemUid: {UID}\n", "", after, count=1) == before


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("config: {a: 1", r"bad\.yaml:1:\d+ is no stack file"),
        ("- a\n", "expected keys"),
        ("a: 1\na: 2\n", "duplicate"),
        ("", "keys"),
    ],
)
def test_what_is_no_stack_file_is_refused_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CommandError, match=said):
        StackFile.read(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"none\.yaml cannot be read: No such file"):
        StackFile.read(tmp_path / "none.yaml")


def test_an_unknown_stack_gets_the_list_of_stacks(tmp_path: Path) -> None:
    for name in ("dev", "prod.eu"):
        (tmp_path / f"Pulumi.{name}.yaml").touch()
    assert stack_file_of("dev", tmp_path).name == "Pulumi.dev.yaml"
    with pytest.raises(
        CommandError, match=r"no stack is called 'prod\.us'\n.*: dev, prod\.eu\n.*did you mean prod\.eu\?"
    ):
        stack_file_of("prod.us", tmp_path)
