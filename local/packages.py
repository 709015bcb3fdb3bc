"""The Debian packages that the embedded default runs on: which are missing, and their installation."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

from local.progress import LocalError, Progress

ERROR_LINES = 15


@dataclass(frozen=True)
class Package:
    """A Debian package and the sign that it, or something that serves as well, is there."""

    name: str
    probe: str
    """A command, or the path of a file."""

    def present(self) -> bool:
        """Whether the machine has it."""
        return (
            Path(self.probe).exists()
            if self.probe.startswith("/")
            else shutil.which(self.probe, path=_PATH) is not None
        )


PACKAGES = (
    Package("containerd", "containerd"),
    Package("runc", "runc"),
    Package("containernetworking-plugins", "/usr/lib/cni/bridge"),
    Package("etcd-server", "etcd"),
    Package("docker-registry", "docker-registry"),
    Package("buildah", "buildah"),
    Package("skopeo", "skopeo"),
    Package("mmdebstrap", "mmdebstrap"),
    Package("nftables", "nft"),
    Package("iproute2", "ip"),
    Package("util-linux", "unshare"),
    Package("mount", "mount"),
)

BROWSER = (
    Package("chromium", "chromium"),
    Package("chromium-driver", "chromedriver"),
    Package("fonts-dejavu-core", "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"),
)
"""What the end-to-end test of examples/digit-pad draws with; the embedded default itself needs none of it."""

PROMETHEUS = (Package("prometheus", "promtool"),)
"""What the end-to-end test of the alerts judges them with."""

_PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
_SERVICES = ("containerd", "docker-registry", "etcd", "prometheus")
"""Services of these packages; the cluster runs the same programs itself."""
_POLICY = Path("/usr/sbin/policy-rc.d")
_POLICY_TEXT = "#!/bin/sh\n# Temporary, by tfk8s: the packages that it installs start no services.\nexit 101\n"
_APT = ("apt-get", "-qq", "-o", "DPkg::Lock::Timeout=120")


def missing(wanted: Sequence[Package] = PACKAGES) -> list[Package]:
    """Those of the packages that the machine lacks."""
    return [package for package in wanted if not package.present()]


def can_install() -> bool:
    """Whether this is a Debian or one of its kind."""
    return shutil.which("apt-get") is not None


def install(packages: list[Package], progress: Progress) -> None:
    """Install packages without letting any of their services start, now or at the next boot.

    Raises:
        LocalError: apt-get failed, with its last lines.
    """
    names = [package.name for package in packages]
    off_before = _services()
    progress(f"installing the Debian packages {', '.join(names)}")
    with _no_service_starts():
        _apt("update")
        _apt("install", "--yes", "--no-install-recommends", *names)
    for service in _services() - off_before:
        subprocess.run(["systemctl", "disable", "--quiet", service], capture_output=True, check=False)


def _services() -> set[str]:
    # Only where systemd runs is there a next boot that could start them.
    if not Path("/run/systemd/system").is_dir():
        return set()
    return {name for name in _SERVICES if Path(f"/lib/systemd/system/{name}.service").exists()}


def _apt(*arguments: str) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run([*_APT, *arguments], capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        tail = "\n".join(f"  {line}" for line in (done.stdout + done.stderr).splitlines()[-ERROR_LINES:])
        advice = "Put that right, or install them yourself, then run the command again."
        raise LocalError(f"apt-get {' '.join(arguments)} failed:\n{tail}\n{advice}")


@contextlib.contextmanager
def _no_service_starts() -> Generator[None]:
    """Debian's own way to forbid it (invoke-rc.d(8)); a policy that the machine has already is left alone."""
    ours = not _POLICY.exists() or _POLICY.read_text() == _POLICY_TEXT  # the latter: left by one that was killed
    if ours:
        _POLICY.write_text(_POLICY_TEXT)
        _POLICY.chmod(0o755)
    try:
        yield
    finally:
        if ours:
            _POLICY.unlink(missing_ok=True)
