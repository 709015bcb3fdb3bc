"""The host's way to the package index, lent to builds and never written into an image.

pip's own variables and files count, as they are what people have set; uv reads neither.
"""

import configparser
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

SHARED = ("index-url", "extra-index-url", "cert", "trusted-host", "timeout", "proxy")
"""Settings of pip that say how to reach an index; they make sense inside a container too."""

CERTIFICATES = Path("/etc/ssl/certs")
"""Where Debian and Ubuntu keep trusted certificates, in the host and in containers alike."""
BUNDLE = CERTIFICATES / "ca-certificates.crt"


def host_files() -> list[Path]:
    """Configuration files of pip, later ones winning."""
    home = Path.home()
    files = [Path("/etc/pip.conf"), home / ".pip" / "pip.conf", home / ".config" / "pip" / "pip.conf"]
    chosen = os.environ.get("PIP_CONFIG_FILE")
    return [*files, Path(chosen)] if chosen else files


def pip_settings(environ: Mapping[str, str] | None = None, files: Iterable[Path] | None = None) -> dict[str, str]:
    """How pip on the host reaches its index: `index-url`, `cert` and so on.

    Args:
        environ: Instead of the process's own.
        files: Instead of the host's.
    """
    env = os.environ if environ is None else environ
    parser = configparser.RawConfigParser()
    parser.read(host_files() if files is None else files)
    settings = dict(parser["global"]) if parser.has_section("global") else {}
    settings |= {key: value for key in SHARED if (value := env.get(f"PIP_{key.upper().replace('-', '_')}"))}
    return {key: value for key, value in settings.items() if key in SHARED}


def uv_environment(environ: Mapping[str, str] | None = None, files: Iterable[Path] | None = None) -> dict[str, str]:
    """Environment for uv on the host that reaches the index pip would use; uv's own variables win.

    Args:
        environ: Instead of the process's own.
        files: pip's configuration files, instead of the host's.
    """
    env = dict(os.environ if environ is None else environ)
    settings = pip_settings(env, files)
    for variable, key in (
        ("UV_DEFAULT_INDEX", "index-url"),
        ("UV_INDEX", "extra-index-url"),
        ("SSL_CERT_FILE", "cert"),
    ):
        if key in settings:
            env.setdefault(variable, settings[key])
    return env


def write_container_files(directory: Path, settings: Mapping[str, str]) -> list[str]:
    """Configuration of pip and uv for containers of a build.

    Args:
        directory: Of the build, removed with it: an index's URL may hold a password.
        settings: As `pip_settings` gives them.

    Returns:
        `--volume` arguments for buildah. The same mounts always, since a mount point that is missing becomes an empty
        file in the image, and the image must not depend on the host.
    """
    inside = dict(settings)
    volumes = [f"{directory / 'pip.conf'}:/etc/pip.conf:ro", f"{directory / 'uv.toml'}:/etc/uv/uv.toml:ro"]
    if BUNDLE.is_file():
        volumes.append(f"{CERTIFICATES}:{CERTIFICATES}:ro")
        inside["cert"] = str(BUNDLE)
    lines = ["[global]", *(f"{key} = {' '.join(value.split())}" for key, value in sorted(inside.items()))]
    (directory / "pip.conf").write_text("\n".join(lines) + "\n")
    uv = ["native-tls = true"]
    if index := inside.get("index-url"):
        uv += ["[[index]]", f'url = "{index}"', "default = true"]
    (directory / "uv.toml").write_text("\n".join(uv) + "\n")
    for name in ("pip.conf", "uv.toml"):
        (directory / name).chmod(0o644)  # builds may run steps as another user
    return [f"--volume={volume}" for volume in volumes]
