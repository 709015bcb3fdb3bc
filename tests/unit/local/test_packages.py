"""Installing Debian packages without their services."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from local import packages
from local.packages import Package
from local.progress import LocalError


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(packages, "_POLICY", tmp_path / "policy-rc.d")
    return tmp_path / "policy-rc.d"


def apt(monkeypatch: pytest.MonkeyPatch, policy: Path, code: int = 0) -> list[tuple[str, str | None]]:
    """Stand in for apt-get; records each command and the policy in force meanwhile."""
    seen: list[tuple[str, str | None]] = []

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        seen.append((" ".join(command[4:]), policy.read_text() if policy.exists() else None))
        return subprocess.CompletedProcess(command, code, stdout="", stderr="E: no space left\n")

    monkeypatch.setattr(subprocess, "run", run)
    return seen


def test_services_cannot_start_while_packages_are_installed(policy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = apt(monkeypatch, policy)
    packages.install([Package("etcd-server", "etcd")], print)
    assert [command for command, _ in seen] == ["update", "install --yes --no-install-recommends etcd-server"]
    assert all(text and text.endswith("exit 101\n") for _, text in seen)
    assert not policy.exists()


def test_policy_of_the_machine_is_left_alone(policy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    policy.write_text("#!/bin/sh\nexit 0\n")
    apt(monkeypatch, policy)
    packages.install([Package("etcd-server", "etcd")], print)
    assert policy.read_text() == "#!/bin/sh\nexit 0\n"


def test_failure_shows_what_apt_said_and_leaves_no_policy(policy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    apt(monkeypatch, policy, code=100)
    with pytest.raises(LocalError, match="no space left"):
        packages.install([Package("etcd-server", "etcd")], print)
    assert not policy.exists()


def test_package_is_there_if_its_command_or_file_is(tmp_path: Path) -> None:
    assert Package("any", "sh").present()
    assert Package("any", str(tmp_path)).present()
    assert not Package("any", "no-such-command-of-ours").present()
    assert not Package("any", str(tmp_path / "missing")).present()
