"""What a stack is at another revision: that revision's program, run with its own stack file."""

import dataclasses
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from infra.finding import StackFileError
from infra.overrides import VARIABLE, Words, stack_file_words
from ops.problem import CommandError
from ops.recording import Recording, Resource
from ops.stackfile import ROOT

CHILD_SECONDS: Final = 120
"""Longest a program may take to register everything; ours takes one."""

_DEFAULT_REFS: Final = ("origin/main", "main")
_CONTEXT: Final = ("contract", "serving", "training")
"""What the training image is built from (training/Dockerfile.dockerignore)."""

_IMAGE: Final = "docker:index/image:Image"


def default_ref() -> str:
    """The revision that changes are made against: `origin/main`, or `main` where there is no remote.

    Raises:
        CommandError: There is neither.
    """
    for ref in _DEFAULT_REFS:
        if _git("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}").returncode == 0:
            return ref
    msg = f"there is no {' or '.join(_DEFAULT_REFS)} to compare with\n    name a revision: --base REF"
    raise CommandError(msg)


def base_recording(stack: str, ref: str, environment: Mapping[str, str]) -> Recording | None:
    """What the program of a revision registers for its stack file; None where it has no such stack.

    Args:
        stack: The stack's name.
        ref: Anything git understands as a commit.
        environment: May name overrides, which hold for every revision alike, as they would for `pulumi up`.

    Raises:
        CommandError: There is no such revision, or its program cannot be run.
    """
    with _checked_out(ref) as tree:
        file = tree / f"Pulumi.{stack}.yaml"
        if not file.is_file():
            return None
        try:
            words = stack_file_words(file, environment)
        except StackFileError as error:
            raise _not_recorded(ref, error.text()) from None
        return _recorded(tree, ref, stack, words)


def with_context(recording: Recording, root: Path) -> Recording:
    """The recording with a digest of what its image is built from, which a provider adds to the inputs.

    Args:
        recording: Of the program in `root`.
        root: The checkout, build context of the image.
    """
    return dataclasses.replace(recording, resources=[_with_context(one, root) for one in recording.resources])


def _with_context(resource: Resource, root: Path) -> Resource:
    if resource.type != _IMAGE:
        return resource
    build = {**resource.inputs["build"], "contextDigest": context_digest(root)}
    return dataclasses.replace(resource, inputs={**resource.inputs, "build": build})


def context_digest(root: Path) -> str:
    """Digest of the build context: names, contents and whether files may be run."""
    digest = hashlib.sha256()
    for part in _CONTEXT:
        for file in sorted((root / part).rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts and file.suffix not in (".pyc", ".dockerignore"):
                runs = os.access(file, os.X_OK)
                digest.update(f"{file.relative_to(root)} {runs} {file.stat().st_size}\n".encode())
                digest.update(file.read_bytes())
    return digest.hexdigest()


@contextmanager
def _checked_out(ref: str) -> Generator[Path]:
    archive = _git("archive", "--format=tar", "--end-of-options", ref)
    if archive.returncode != 0:
        said = archive.stderr.decode(errors="replace").strip().splitlines()
        reason = said[0] if said else f"git ended with {archive.returncode}"
        msg = f"revision {ref} cannot be read: {reason}\n    name one that exists here, or fetch it first (git fetch)"
        raise CommandError(msg)
    with tempfile.TemporaryDirectory(prefix="tfk8s-base-") as directory:
        tree = Path(directory).resolve()
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
            tar.extractall(tree, filter="data")
        yield tree


def _git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, check=False)
    except FileNotFoundError:
        msg = "git is needed to read another revision, and is not installed\n    compare two files: --base-file PATH"
        raise CommandError(msg) from None


def _recorded(tree: Path, ref: str, stack: str, words: Words) -> Recording:
    with tempfile.TemporaryDirectory(prefix="tfk8s-diff-") as directory:
        request, answer = Path(directory) / "request.json", Path(directory) / "answer.json"
        request.write_text(json.dumps({"stack": stack, "words": words}), encoding="utf-8")
        child = Path(__file__).with_name("child.py")
        environment = {key: value for key, value in os.environ.items() if key != VARIABLE}  # in the words already
        try:
            done = subprocess.run(
                [sys.executable, str(child), str(tree), str(request), str(answer)],
                cwd=tree,
                env={**environment, "PYTHONDONTWRITEBYTECODE": "1"},
                capture_output=True,
                timeout=CHILD_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise _not_recorded(ref, f"it was not done after {CHILD_SECONDS} s") from None
        if not answer.exists():
            lines = done.stderr.decode(errors="replace").strip().splitlines()
            raise _not_recorded(ref, lines[-1] if lines else f"it ended with {done.returncode}")
        # The image's build context is an absolute path; the other checkout stands for this one.
        said = json.loads(answer.read_text(encoding="utf-8").replace(str(tree), str(ROOT)))
    if "problem" in said:
        raise _not_recorded(ref, said["problem"])
    return with_context(Recording(resources=[_resource(one) for one in said["resources"]]), tree)


def _resource(said: Any) -> Resource:  # noqa: ANN401 - JSON
    """A resource as it was before it was written as JSON."""
    for key in ("dependencies", "secrets"):
        said[key] = frozenset(said[key])
    said["property_dependencies"] = {key: frozenset(urns) for key, urns in said["property_dependencies"].items()}
    said["ignore_changes"] = tuple(said["ignore_changes"])
    return Resource(**said)


def _not_recorded(ref: str, reason: str) -> CommandError:
    shown = "\n".join(f"    {line}" for line in reason.strip().splitlines()[:12])
    return CommandError(
        f"the program at {ref} does not run with its own stack file, so there is nothing to compare with:\n{shown}\n"
        "    compare with a revision that works (--base REF), or with another stack file: --base-file PATH"
    )
