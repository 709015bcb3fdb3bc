"""Builds and pushes one image with buildah."""

import base64
import json
import os
import re
import shlex
import signal
import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from local.images import buildah, index
from local.images.base import COMPRESSION
from local.plugins.docker import context
from local.plugins.docker.inputs import Build, registry_of
from local.plugins.serve import PluginError

LOOPBACK = re.compile(r"(localhost|127\.\d+\.\d+\.\d+)(:\d+)?")
"""Registries that need no TLS, as with Docker."""


class Builder:
    """One build: reports each line and ends when cancelled."""

    def __init__(self, build: Build, say: Callable[[str], None], cancelled: threading.Event) -> None:
        """Nothing runs yet.

        Args:
            build: What to build.
            say: Gets buildah's output, line by line.
            cancelled: Ends the build when set.
        """
        self._build = build
        self._say = say
        self._cancelled = cancelled

    def run(self, *, push: bool) -> str:
        """Build, and push if told to.

        Returns:
            `repository@sha256:…` as pushed, or the local image's ID.

        Raises:
            PluginError: A step failed; shows it with its last lines.
        """
        with buildah.scratch() as scratch:
            identity = self._make(scratch)
            reference = self._push(scratch, identity) if push else f"sha256:{identity}"
        buildah.tidy()  # what the name meant before is nobody's now
        return reference

    def _make(self, scratch: Path) -> str:
        staged = scratch / "context"
        staged.mkdir()
        try:
            context.stage(self._build.context, self._build.dockerfile, staged)
        except OSError as error:
            raise PluginError(f"image {self._build.name}: the build context cannot be copied: {error}") from None
        identity = scratch / "image-id"
        options = [
            *("--layers", "--timestamp=0", "--isolation=chroot", "--tls-verify=false", "--pull=false"),
            *index.write_container_files(scratch, index.pip_settings()),
            *(f"--build-arg={key}={value}" for key, value in sorted(self._build.args.items())),
            *(f"--add-host={host}" for host in self._build.add_hosts),
            f"--platform={self._build.platform}",
            f"--iidfile={identity}",
            f"--tag={self._build.name}",
            f"--file={self._build.dockerfile.resolve()}",
        ]
        if self._build.target:
            options.append(f"--target={self._build.target}")
        if self._build.network:
            options.append(f"--network={self._build.network}")
        code, lines = self._stream(buildah.command("build", *options, str(staged)), scratch)
        if code:
            raise PluginError(failed_step(self._build, code, lines))
        return identity.read_text().strip().removeprefix("sha256:")

    def _push(self, scratch: Path, identity: str) -> str:
        name = self._build.name
        digest = scratch / "digest"
        options = ["--quiet", f"--digestfile={digest}"]
        if LOOPBACK.fullmatch(registry_of(name)):
            options += ["--tls-verify=false", *COMPRESSION]
        if self._build.username and self._build.password:
            options.append(f"--authfile={write_authfile(self._build, scratch)}")
        self._say(f"pushing {name}")
        code, lines = self._stream(buildah.command("push", *options, identity, f"docker://{name}"), scratch)
        if code:
            raise PluginError(failed_push(self._build, code, lines))
        return f"{without_tag(name)}@{digest.read_text().strip()}"

    def _stream(self, arguments: Sequence[str], scratch: Path) -> tuple[int, list[str]]:
        process = subprocess.Popen(
            [*buildah.DIES_WITH_ITS_STARTER, *arguments],
            env=buildah.environment(scratch),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            process_group=0,
        )
        watcher = threading.Thread(target=self._kill_when_cancelled, args=(process,), daemon=True)
        watcher.start()
        assert process.stdout
        lines: list[str] = []
        for line in process.stdout:
            if text := line.strip():
                lines.append(text)
                self._say(text)
        code = process.wait()
        if self._cancelled.is_set():
            raise PluginError(f"image {self._build.name}: cancelled")
        return code, lines

    def _kill_when_cancelled(self, process: subprocess.Popen[str]) -> None:
        while process.poll() is None:
            if self._cancelled.wait(0.2):
                os.killpg(process.pid, signal.SIGKILL)
                return


def without_tag(name: str) -> str:
    """An image's name without its tag; the registry's port stays."""
    head, slash, tail = name.rpartition("/")
    return f"{head}{slash}{tail.partition(':')[0]}"


def write_authfile(build: Build, directory: Path) -> Path:
    """Credentials where only buildah reads them: a private file in the build's directory, gone with it."""
    host = build.server.removeprefix("https://").removeprefix("http://").partition("/")[0] or registry_of(build.name)
    secret = base64.b64encode(f"{build.username}:{build.password}".encode()).decode()
    path = directory / "auth.json"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump({"auths": {host: {"auth": secret}}}, file)
    return path


def failed_step(build: Build, code: int, lines: Sequence[str]) -> str:
    """Text of a failed build: the step, what it printed, and where it stands."""
    steps = [number for number, line in enumerate(lines) if line.startswith("STEP ")]
    start = steps[-1] if steps else -1
    title = lines[start].partition("STEP ")[2] if steps else "(before the first step)"
    said = list(lines[start + 1 :])[-buildah.ERROR_LINES :]
    body = "\n".join(f"  {line}" for line in said) or "  (it printed nothing)"
    return (
        f"image {build.name}: the build failed (exit code {code}) at step {title}\n{body}\n"
        f"Dockerfile: {build.dockerfile}"
    )


def failed_push(build: Build, code: int, lines: Sequence[str]) -> str:
    """Text of a failed push, with what to do when the registry refused the credentials."""
    body = "\n".join(f"  {line}" for line in lines[-buildah.ERROR_LINES :]) or "  (it printed nothing)"
    refused = any(word in body.lower() for word in ("unauthorized", "authentication required", "401", "denied"))
    user = f"user {shlex.quote(build.username)}" if build.username else "no credentials"
    advice = (
        f"\nThe registry refused access ({user}): check registry.username and registry.password." if refused else ""
    )
    return f"image {build.name}: pushing it failed (exit code {code}).\n{body}{advice}"
