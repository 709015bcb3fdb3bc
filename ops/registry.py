"""What a registry publishes under a tag, asked through skopeo."""

import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from typing import Final, cast

from infra.settings.reference import Reference
from ops.problem import CommandError

Run = Callable[[Sequence[str]], "subprocess.CompletedProcess[bytes]"]
"""Runs a command to its end and gives back its output, whatever the exit code."""

TIMEOUT_SECONDS: Final = 60
_MESSAGE: Final = re.compile(r'msg="((?:[^"\\]|\\.)*)"')


class UnresolvedError(Exception):
    """A reference has no digest to be had; the text is the reason."""


def run_skopeo(command: Sequence[str]) -> "subprocess.CompletedProcess[bytes]":
    """Runs skopeo for as long as a registry may take to answer.

    Raises:
        UnresolvedError: It took longer.
    """
    try:
        return subprocess.run(command, capture_output=True, check=False, timeout=TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        msg = f"no answer within {TIMEOUT_SECONDS} s"
        raise UnresolvedError(msg) from None


def require_skopeo() -> None:
    """Refuses to start without skopeo.

    Raises:
        CommandError: Says how to install it.
    """
    if shutil.which("skopeo") is None:
        msg = (
            "skopeo is not installed; it asks registries for digests\n"
            "    install it: apt-get install skopeo (Debian, Ubuntu), dnf install skopeo (Fedora), "
            "brew install skopeo (macOS)"
        )
        raise CommandError(msg)


def published_digest(reference: Reference, run: Run = run_skopeo) -> str:
    """The digest of exactly what the registry publishes under the tag: the list of all platforms, where it has one.

    It is the SHA-256 of the manifest's bytes (OCI image specification, "Descriptors": digest), so no platform is
    chosen on the way and the result is good on every node.

    Raises:
        UnresolvedError: With skopeo's reason.
    """
    command = ["skopeo", "inspect", "--raw", "--retry-times", "2"]
    if reference.local:
        command.append("--tls-verify=false")
    done = run([*command, f"docker://{reference.tagged}"])
    if done.returncode != 0:
        raise UnresolvedError(_reason(done.stderr.decode(errors="replace")))
    _require_manifest(done.stdout)
    return f"sha256:{hashlib.sha256(done.stdout).hexdigest()}"


def _require_manifest(raw: bytes) -> None:
    """Refuses what has no digest of its own bytes: old signed manifests, and what is no manifest."""
    try:
        manifest: object = json.loads(raw)
    except ValueError:
        manifest = None
    if not isinstance(manifest, dict) or cast("Mapping[str, object]", manifest).get("schemaVersion") != 2:  # noqa: PLR2004 - image manifest version 2
        msg = "the registry answered with something that is no image manifest of schema version 2"
        raise UnresolvedError(msg)


def _reason(stderr: str) -> str:
    """Skopeo's own words without its log format."""
    lines = [line for line in stderr.strip().splitlines() if "level=warning" not in line]
    last = lines[-1] if lines else "skopeo failed and said nothing"
    match = _MESSAGE.search(last)
    return match[1].replace('\\"', '"').replace("\\\\", "\\") if match else last
