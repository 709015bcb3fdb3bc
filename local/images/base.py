"""Builds the images of the embedded default and pushes them to the local registry, only when something changed."""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from local import paths, tools
from local.images import buildah, registry
from local.images.recipes import Recipe, all_recipes
from local.progress import LocalError, Progress, elapsed

INPUTS_LABEL = "dev.tfk8s.inputs"
"""Label of an image in buildah's storage that tells what it was made of."""

PROMETHEUS = "prometheus"
"""Tells the child process that the one of Prometheus is wanted."""

COMPRESSION = ("--format=oci", "--compression-format=zstd", "--compression-level=1")
"""zstd unpacks several times as fast as gzip, which is what a first pod waits for."""


def build_base_images(progress: Progress, *, prometheus: bool = False) -> None:
    """See to it that the local registry holds every image of the embedded default.

    Takes milliseconds when it does. Otherwise a child process builds what is missing; it can run beside other work,
    in a thread for example, and nothing of it outlives the caller. What an interrupted build finished is kept.

    Args:
        progress: Gets a line at each step.
        prometheus: The one of Prometheus too, which is built first.

    Raises:
        LocalError: A step failed, or the registry does not answer.
    """
    if prometheus:
        tools.prometheus(progress)
    recipes = all_recipes(prometheus=prometheus)
    if all(is_current(recipe, registry.digest) for recipe in recipes if recipe.pushed):
        return
    process = subprocess.Popen(
        builder_command(*([PROMETHEUS] if prometheus else [])),
        cwd=paths.ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        process_group=0,
    )
    assert process.stdout
    said: list[str] = []
    try:
        for line in process.stdout:
            said.append(line.rstrip())
            if line.startswith("progress: "):
                progress(line.removeprefix("progress: ").rstrip())
        process.wait()
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    if process.returncode:
        message = [line for line in said if not line.startswith("progress: ")]
        raise LocalError("\n".join(message) or f"the image builder ended with exit code {process.returncode}")


def builder_command(*words: str) -> list[str]:
    """Command line of the child process."""
    return [*buildah.DIES_WITH_ITS_STARTER, sys.executable, "-m", "local.images", *words]


def marker(recipe: Recipe) -> Path:
    """File that remembers what the pushed image was made of and its digest."""
    return paths.IMAGES_CACHE / f"{recipe.name}.json"


def is_current(recipe: Recipe, digest_of: Callable[[str], str | None]) -> bool:
    """Whether the registry holds the image, made of the same inputs.

    Args:
        recipe: Of a pushed image.
        digest_of: Asks the registry for the digest of a reference.
    """
    try:
        remembered = json.loads(marker(recipe).read_text())
    except (OSError, ValueError):
        return False
    wanted = {"inputs": recipe.inputs, "digest": digest_of(recipe.reference)}
    return wanted["digest"] is not None and remembered == wanted


def build_missing(progress: Progress, *, prometheus: bool) -> None:
    """Build and push whatever is not current; the body of the child process.

    Raises:
        LocalError: A step failed.
    """
    paths.IMAGES_CACHE.mkdir(parents=True, exist_ok=True)
    with (paths.IMAGES_CACHE / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another checkout may be building the same
        for recipe in all_recipes(prometheus=prometheus):
            if recipe.pushed and is_current(recipe, registry.digest):
                continue
            if not in_storage(recipe):
                started = time.monotonic()
                progress(f"image {recipe.name}: building")
                build(recipe)
                progress(f"image {recipe.name}: built in {elapsed(started)}")
            if recipe.pushed:
                push(recipe, progress)
        buildah.tidy()


def in_storage(recipe: Recipe) -> bool:
    """Whether buildah's storage holds the image, made of the same inputs."""
    template = f'{{{{index .OCIv1.Config.Labels "{INPUTS_LABEL}"}}}}'
    inspect = buildah.command("inspect", "--type=image", f"--format={template}", recipe.reference)
    answer = subprocess.run(inspect, capture_output=True, text=True, check=False)
    return answer.returncode == 0 and answer.stdout.strip() == recipe.inputs


def build(recipe: Recipe) -> None:
    """Build one image into buildah's storage; its parent must be there.

    Raises:
        LocalError: A step failed; the storage keeps what it had.
    """
    container = f"tfk8s-{recipe.reference.rpartition('/')[2].partition(':')[0]}"
    title = f"image {recipe.name}"
    discard = buildah.command("rm", container)
    subprocess.run(discard, capture_output=True, check=False)  # of a build that was killed
    with buildah.scratch() as scratch:
        environment = buildah.environment(scratch)

        def step(*arguments: str) -> str:
            return buildah.run(f"{title}: buildah {arguments[0]}", buildah.command(*arguments), environment=environment)

        parent = recipe.parent.reference if recipe.parent else "scratch"
        step("from", "--name", container, "--pull-never", parent)
        try:
            recipe.fill(Path(step("mount", container)), container)
            step("config", f"--label={INPUTS_LABEL}={recipe.inputs}", *recipe.config, container)
            step("commit", "--quiet", container, recipe.reference)
        finally:
            subprocess.run(discard, capture_output=True, check=False)


def push(recipe: Recipe, progress: Progress) -> None:
    """Push one image from buildah's storage, then remember it.

    Raises:
        LocalError: The push failed.
    """
    started = time.monotonic()
    with buildah.scratch() as scratch:
        arguments = ("push", "--quiet", "--tls-verify=false", *COMPRESSION, recipe.reference)
        buildah.run(
            f"image {recipe.name}: pushing to {paths.REGISTRY}",
            buildah.command(*arguments, f"docker://{recipe.reference}"),
            environment=buildah.environment(scratch),
        )
    progress(f"image {recipe.name}: pushed in {elapsed(started)}")
    content = json.dumps({"inputs": recipe.inputs, "digest": registry.digest(recipe.reference)})
    temporary = marker(recipe).with_suffix(".new")
    temporary.write_text(content)
    shutil.move(temporary, marker(recipe))
