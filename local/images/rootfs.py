"""The bottom layer of every image: the host's own distribution, as small as Python allows."""

import platform
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from local.images import buildah
from local.progress import LocalError

PACKAGES = ("python3", "python3-pip", "ca-certificates", "busybox-static")
"""pip is for Dockerfiles on top; busybox is the pause image's only program."""

LEAN = (
    '--aptopt=Acquire::Languages "none"',
    *(f"--dpkgopt=path-exclude=/usr/share/{part}/*" for part in ("doc", "man", "info", "locale", "lintian")),
)
"""Nobody reads manuals in a container."""

REMOVED = ("etc/apt/apt.conf.d/99mmdebstrap", "etc/dpkg/dpkg.cfg.d/99mmdebstrap")
"""mmdebstrap writes its options there, a proxy among them."""

EXTERNALLY_MANAGED = "usr/lib/python3*/EXTERNALLY-MANAGED"
"""Debian's note that pip must not touch its Python (PEP 668): in an image there is nobody else."""

_ARCHIVES = {"debian": "Debian", "ubuntu": "Ubuntu"}

_COMPONENTS = {"debian": ("main",), "ubuntu": ("main", "universe")}
"""Where PACKAGES are: Ubuntu keeps pip in universe."""


def release(os_release: Mapping[str, str] | None = None) -> tuple[str, str]:
    """The host's distribution and suite: `("debian", "bookworm")`.

    Args:
        os_release: Fields of /etc/os-release, read from the host when missing.

    Raises:
        LocalError: It is neither Debian nor Ubuntu.
    """
    fields = platform.freedesktop_os_release() if os_release is None else os_release
    distribution, suite = fields.get("ID", ""), fields.get("VERSION_CODENAME", "")
    if distribution not in _ARCHIVES or not suite:
        name = fields.get("PRETTY_NAME", distribution or "this system")
        raise LocalError(
            f"images of the embedded default are built from the host's own packages, and {name} is neither Debian nor "
            "Ubuntu. Use a cluster of your own: see README."
        )
    return distribution, suite


def apt_sources(distribution: str, suite: str, index_targets: str) -> list[str]:
    """The host's own archives as one-line apt sources; third-party ones are left out.

    Args:
        distribution: `debian` or `ubuntu`.
        suite: `bookworm`; `bookworm-updates` and `bookworm-security` come with it.
        index_targets: Lines `origin|uri|release|component` as `apt-get indextargets` prints them.
    """
    components: dict[tuple[str, str], set[str]] = {}
    for line in index_targets.splitlines():
        origin, uri, release_name, component = (line.split("|") + [""] * 3)[:4]
        if origin == _ARCHIVES[distribution] and re.fullmatch(rf"{suite}(-updates|-security)?", release_name):
            components.setdefault((release_name, uri), set()).add(component)
    keyring = f"/usr/share/keyrings/{distribution}-archive-keyring.gpg"
    return [
        f"deb [signed-by={keyring}] {uri} {release_name} {' '.join(wanted)}"
        for (release_name, uri), names in sorted(components.items())
        if (wanted := [name for name in _COMPONENTS[distribution] if name in names])
    ]


def host_sources(distribution: str, suite: str) -> list[str]:
    """`apt_sources` of this host; fetches its package lists when there are none.

    Raises:
        LocalError: apt knows no source of the suite.
    """
    query = ["apt-get", "indextargets", "--format", "$(ORIGIN)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)"]
    found = apt_sources(distribution, suite, buildah.run("listing apt's sources", query))
    if not found:
        buildah.run("fetching apt's package lists", ["apt-get", "update"])
        found = apt_sources(distribution, suite, buildah.run("listing apt's sources", query))
    if not found:
        raise LocalError(
            f"apt has no source for {distribution} {suite}. Look at /etc/apt/sources.list and /etc/apt/sources.list.d, "
            "then run `apt-get update`."
        )
    return found


def host_apt_options() -> list[str]:
    """Options of mmdebstrap that let its apt reach the archives the way the host's does (proxies, certificates)."""
    dump = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=False).stdout
    reach = (line for line in dump.splitlines() if re.match(r'Acquire::(http|https)::\S* ".+";$', line, re.IGNORECASE))
    return [f"--aptopt={line}" for line in reach]


def fill(root: Path) -> None:
    """Install the minimal system into the empty directory `root`.

    Raises:
        LocalError: mmdebstrap failed.
    """
    distribution, suite = release()
    arguments = ["mmdebstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", *LEAN, *host_apt_options()]
    sources = host_sources(distribution, suite)
    buildah.run(f"installing {distribution} {suite}", [*arguments, suite, str(root), *sources])
    for name in REMOVED:
        (root / name).unlink(missing_ok=True)
    for note in root.glob(EXTERNALLY_MANAGED):
        note.unlink()
