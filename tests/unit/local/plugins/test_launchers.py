"""Which plugin the engine finds first."""

from pathlib import Path

import pytest

from local.plugins.launchers import write_launchers


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", "")
    return tmp_path


def test_stand_ins_take_the_place_of_plugins_that_are_not_installed(home: Path) -> None:
    directory = home / "launchers"
    assert write_launchers(directory) == ["kubernetes", "docker"]
    assert "local.plugins.docker" in (directory / "pulumi-resource-docker").read_text()
    assert (directory / "pulumi-resource-kubernetes").stat().st_mode & 0o111


def installed(home: Path, name: str) -> Path:
    plugin = home / ".pulumi" / "plugins" / f"resource-{name}-v4.34.2" / f"pulumi-resource-{name}"
    plugin.parent.mkdir(parents=True)
    plugin.touch()
    return plugin


def test_an_installed_official_plugin_is_used(home: Path) -> None:
    official = installed(home, "kubernetes")
    assert write_launchers(home / "launchers") == ["docker"]
    assert (home / "launchers" / "pulumi-resource-kubernetes").readlink() == official


def test_the_official_docker_plugin_is_no_use_without_a_docker_daemon(home: Path) -> None:
    installed(home, "docker")
    assert "docker" in write_launchers(home / "launchers")


def test_launchers_follow_what_is_installed_meanwhile(home: Path) -> None:
    write_launchers(home / "launchers")
    installed(home, "kubernetes")
    assert write_launchers(home / "launchers") == ["docker"]
