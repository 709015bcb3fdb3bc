"""What a build sees of its context, and when that counts as changed."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local.plugins.docker import context


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "context"
    for name in ("app/a.py", "app/b.pyc", "app/sub/c.py", "app/sub/d.pyc", "docs/x.md", "Dockerfile", "secret"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    return root


def seen(root: Path, ignore: str) -> list[str]:
    return list(context.files(root, context.parse_ignore(ignore)))


ALL = ["Dockerfile", "secret", "app/a.py", "app/b.pyc", "app/sub/c.py", "app/sub/d.pyc", "docs/x.md"]


@pytest.mark.parametrize(
    ("ignore", "left_out"),
    [
        ("", []),
        ("# a comment\n\nsecret", ["secret"]),
        ("app", ["app/a.py", "app/b.pyc", "app/sub/c.py", "app/sub/d.pyc"]),
        ("/app/sub/", ["app/sub/c.py", "app/sub/d.pyc"]),
        ("*.pyc", []),
        ("*/*.pyc", ["app/b.pyc"]),
        ("**/*.pyc", ["app/b.pyc", "app/sub/d.pyc"]),
        ("app/**", ["app/a.py", "app/b.pyc", "app/sub/c.py", "app/sub/d.pyc"]),
        ("app/?.py", ["app/a.py"]),
        ("app/[ab].p*", ["app/a.py", "app/b.pyc"]),
        ("*\n!app/sub\n**/*.pyc", [*ALL[:4], "app/sub/d.pyc", "docs/x.md"]),
        ("**\n!**/c.py", [path for path in ALL if path != "app/sub/c.py"]),
        ("secret\n!secret", []),
    ],
)
def test_dockerignore_is_read_as_docker_reads_it(tree: Path, ignore: str, left_out: list[str]) -> None:
    assert seen(tree, ignore) == [path for path in ALL if path not in left_out]


def test_ignored_directories_are_not_walked(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    walked: list[str] = []
    real = context.os.walk

    def walk(top: Path) -> Iterator[tuple[str, list[str], list[str]]]:
        for entry in real(top):
            walked.append(entry[0])
            yield str(entry[0]), entry[1], entry[2]

    monkeypatch.setattr(context.os, "walk", walk)
    assert seen(tree, "*\n!app/sub") == ["app/sub/c.py", "app/sub/d.pyc"]
    assert str(tree / "docs") not in walked


def test_the_dockerfiles_own_ignore_file_wins(tree: Path) -> None:
    (tree / ".dockerignore").write_text("*")
    (tree / "Dockerfile.dockerignore").write_text("secret")
    (pattern,) = context.read_ignore(tree, tree / "Dockerfile")
    assert pattern.text == "secret"


def change_nothing(root: Path) -> None:
    (root / "app/a.py").write_text("app/a.py")


def edit(root: Path) -> None:
    (root / "app/a.py").write_text("other")


def rename(root: Path) -> None:
    (root / "app/a.py").rename(root / "app/z.py")


def make_executable(root: Path) -> None:
    (root / "app/a.py").chmod(0o755)


def add_ignored(root: Path) -> None:
    (root / "docs/new").write_text("x")


def edit_dockerfile(root: Path) -> None:
    (root / "Dockerfile").write_text("FROM other")


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        (change_nothing, False),
        (edit, True),
        (rename, True),
        (make_executable, True),
        (add_ignored, False),
        (edit_dockerfile, True),
    ],
)
def test_the_digest_changes_with_what_the_build_sees(tree: Path, change: Callable[[Path], None], differs: bool) -> None:
    (tree / ".dockerignore").write_text("docs\nDockerfile")
    (tree / "app/a.py").chmod(0o644)
    before = context.digest(tree, tree / "Dockerfile")
    change(tree)
    assert (context.digest(tree, tree / "Dockerfile") != before) == differs


def test_the_digest_does_not_depend_on_where_the_context_lies(tree: Path) -> None:
    before = context.digest(tree, tree / "Dockerfile")
    moved = tree.rename(tree.with_name("elsewhere"))
    assert context.digest(moved, moved / "Dockerfile") == before


def test_links_are_links(tree: Path, tmp_path: Path) -> None:
    (tree / "app/link").symlink_to("a.py")
    (tree / "broken").symlink_to("nowhere")
    (tree / "dir").symlink_to("docs")
    target = tmp_path / "staged"
    target.mkdir()
    context.stage(tree, tree / "Dockerfile", target)
    assert [(target / name).readlink().name for name in ("app/link", "broken", "dir")] == ["a.py", "nowhere", "docs"]


def test_only_what_is_seen_is_staged(tree: Path, tmp_path: Path) -> None:
    (tree / ".dockerignore").write_text("secret\n**/*.pyc")
    target = tmp_path / "staged"
    target.mkdir()
    context.stage(tree, tree / "Dockerfile", target)
    assert sorted(p.relative_to(target).as_posix() for p in target.rglob("*") if p.is_file()) == [
        ".dockerignore",
        "Dockerfile",
        "app/a.py",
        "app/sub/c.py",
        "docs/x.md",
    ]
