"""What decides that an image is built again, and what a failed step says."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from local import paths, tools
from local.images import base, buildah, packages, recipes, rootfs
from local.progress import LocalError

DEBIAN = {"ID": "debian", "VERSION_CODENAME": "bookworm", "PRETTY_NAME": "Debian 12"}


@pytest.fixture(autouse=True)
def on_debian_with_an_empty_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(rootfs.platform, "freedesktop_os_release", lambda: DEBIAN)
    monkeypatch.setattr(paths, "IMAGES_CACHE", tmp_path)


def recipe(name: str) -> recipes.Recipe:
    return {each.name: each for each in recipes.all_recipes()}[name]


def remember(name: str, **changes: Any) -> None:
    content = {"inputs": recipe(name).inputs, "digest": "sha256:1", **changes}
    base.marker(recipe(name)).write_text(json.dumps(content))


def held(digest: str | None) -> Callable[[str], str | None]:
    def answer(_reference: str) -> str | None:
        return digest

    return answer


def test_parents_come_before_their_children() -> None:
    names = [each.name for each in recipes.all_recipes()]
    assert all(names.index(each.parent.name) < names.index(each.name) for each in recipes.all_recipes() if each.parent)


def test_the_images_are_those_that_the_cluster_pulls() -> None:
    pushed = {each.reference for each in recipes.all_recipes() if each.pushed}
    assert pushed == {paths.PAUSE_IMAGE, paths.TENSORFLOW_IMAGE, paths.SERVING_IMAGE}
    watched = {each.reference for each in recipes.all_recipes(prometheus=True) if each.pushed}
    assert watched - pushed == {paths.PROMETHEUS_IMAGE}


def test_prometheus_is_the_version_that_its_image_is_called_after() -> None:
    # The Go module's v0.313.5 is release 3.13.5 (its README, "Prometheus code base for libraries").
    number, _, patch = tools.PROMETHEUS.version.removeprefix("v0.").partition(".")
    assert paths.PROMETHEUS_IMAGE.endswith(f":{number[0]}.{int(number[1:])}.{patch}")


@pytest.mark.parametrize(
    ("owner", "name", "value", "stays"),
    [
        (rootfs, "PACKAGES", ("python3",), []),
        (packages, "UNUSED", (), ["base system", "pause"]),
        (recipes, "server_files", list[Path], ["base system", "pause", "tensorflow"]),
    ],
)
def test_a_change_rebuilds_the_image_and_what_stands_on_it(
    monkeypatch: pytest.MonkeyPatch, owner: ModuleType, name: str, value: object, stays: list[str]
) -> None:
    before = {each.name: each.inputs for each in recipes.all_recipes()}
    monkeypatch.setattr(owner, name, value)
    after = {each.name: each.inputs for each in recipes.all_recipes()}
    assert [name for name in before if before[name] == after[name]] == stays


def test_an_image_is_current_if_the_registry_holds_what_was_pushed() -> None:
    remember("serving")
    assert base.is_current(recipe("serving"), held("sha256:1"))


@pytest.mark.parametrize(
    ("changes", "in_registry"),
    [({}, None), ({}, "sha256:2"), ({"inputs": "other"}, "sha256:1"), ({"digest": None}, None)],
)
def test_an_image_is_built_again_if_inputs_or_registry_differ(changes: dict[str, Any], in_registry: str | None) -> None:
    remember("serving", **changes)
    assert not base.is_current(recipe("serving"), held(in_registry))


def test_a_damaged_marker_counts_as_none() -> None:
    base.marker(recipe("serving")).write_text("{")
    assert not base.is_current(recipe("serving"), held("sha256:1"))


def test_nothing_is_started_when_everything_is_current(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("pause", "tensorflow", "serving"):
        remember(name)
    monkeypatch.setattr(base.registry, "digest", held("sha256:1"))
    monkeypatch.setattr(base.subprocess, "Popen", None)  # whoever calls it fails
    base.build_base_images(pytest.fail)


def test_the_builder_reports_progress_and_its_error_is_the_whole_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base.registry, "digest", held(None))
    script = "printf 'progress: step one\\nit failed\\nbecause\\n'; exit 1"
    monkeypatch.setattr(base, "builder_command", lambda: ["sh", "-c", script])
    said: list[str] = []
    with pytest.raises(LocalError) as caught:
        base.build_base_images(said.append)
    assert (said, str(caught.value)) == (["step one"], "it failed\nbecause")


def test_only_debian_and_ubuntu_can_be_built_from() -> None:
    assert rootfs.release({"ID": "ubuntu", "VERSION_CODENAME": "noble"}) == ("ubuntu", "noble")
    with pytest.raises(LocalError, match="Fedora Linux is neither Debian nor Ubuntu"):
        rootfs.release({"ID": "fedora", "PRETTY_NAME": "Fedora Linux"})


def test_apt_sources_are_the_distributions_own() -> None:
    targets = "\n".join(
        [
            "Debian|http://mirror/debian/|bookworm|main",
            "Debian|http://mirror/debian/|bookworm|contrib",
            "Debian|http://mirror/security/|bookworm-security|main",
            "Debian|http://mirror/debian/|bookworm-backports|main",
            "Docker|https://elsewhere/|bookworm|main",
            "|https://nameless/|bookworm|main",
            "short line",
        ]
    )
    keyring = "[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
    assert rootfs.apt_sources("debian", "bookworm", targets) == [
        f"deb {keyring} http://mirror/debian/ bookworm main",
        f"deb {keyring} http://mirror/security/ bookworm-security main",
    ]


def test_ubuntus_pip_comes_from_universe() -> None:
    targets = (
        "Ubuntu|http://mirror/|noble|universe\nUbuntu|http://mirror/|noble|main\nUbuntu|http://mirror/|noble|multiverse"
    )
    (source,) = rootfs.apt_sources("ubuntu", "noble", targets)
    assert source.endswith("ubuntu-archive-keyring.gpg] http://mirror/ noble main universe")


def test_a_failed_step_shows_what_where_and_its_last_lines() -> None:
    script = "for i in $(seq 40); do echo line $i; done; echo broken >&2; exit 3"
    with pytest.raises(LocalError) as caught:
        buildah.run("installing things", ["sh", "-c", script])
    message = str(caught.value)
    assert message.startswith("installing things failed (exit code 3). Its last lines:\n")
    assert "  broken\n" in message
    assert "line 40" in message
    assert not re.search(r"line 10\b", message)


def test_a_missing_command_is_named() -> None:
    with pytest.raises(LocalError, match="the command `no-such-command` is missing"):
        buildah.run("building", ["no-such-command"])


def test_buildah_never_touches_the_systems_storage() -> None:
    command = buildah.command("images")
    assert command[1:5:2] == ["--root", "--runroot"]
    assert all(part.startswith(str(paths.BUILDAH_CACHE)) for part in command[2:5:2])
