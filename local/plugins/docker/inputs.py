"""Inputs of `docker:index/image:Image`: defaults, checks and differences, as pulumi-docker 5 has them.

`cacheFrom` is accepted and changes nothing: buildah reads no cache that BuildKit wrote into an image, and on this one
machine its own storage keeps the layers of earlier builds.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.plugins.docker import context
from local.plugins.serve import PluginError
from local.plugins.wire import Object, dig, has_unknown, is_object, mapping

PLATFORM = "linux/amd64"
"""Of this machine: the embedded default knows no other."""

_BUILDKIT = "BUILDKIT_"
"""Starts build arguments that tell BuildKit what to do and reach no Dockerfile."""


@dataclass(frozen=True, kw_only=True)
class Build:
    """One build, everything known."""

    name: str
    """Full name of the image, with its tag."""
    context: Path
    dockerfile: Path
    args: dict[str, str] = field(default_factory=dict[str, str])
    platform: str = PLATFORM
    target: str = ""
    network: str = ""
    add_hosts: tuple[str, ...] = ()
    push: bool = True
    server: str = ""
    """Registry to log in to; empty means that of the name."""
    username: str = ""
    password: str = field(default="", repr=False)


def complete(inputs: Object) -> Object:
    """Inputs with their defaults and the hash of the context, which makes an unchanged context no difference.

    Raises:
        PluginError: The Dockerfile is missing, or the image's name is not fully qualified.
    """
    build = dict(mapping(inputs, "build"))
    build.setdefault("context", ".")
    if not has_unknown(build["context"]):
        build.setdefault("dockerfile", os.path.join(build["context"], "Dockerfile"))  # noqa: PTH118 (Path would drop a leading ./)
    build.setdefault("platform", PLATFORM)
    if not has_unknown([build["context"], build.get("dockerfile")]) and "dockerfile" in build:
        build["contextDigest"] = _digest(build["context"], build["dockerfile"])
    name = inputs.get("imageName")
    if isinstance(name, str) and not inputs.get("skipPush"):
        registry_of(name)
    return {**inputs, "build": build, "buildOnPreview": inputs.get("buildOnPreview") is True}


def _digest(directory: str, dockerfile: str) -> str:
    if not Path(dockerfile).is_file():
        nested = Path(directory) / dockerfile
        hint = f". Try setting `dockerfile` to {str(nested)!r}" if nested.is_file() else ""
        raise PluginError(f"could not open dockerfile at relative path {dockerfile!r}{hint}")
    if not Path(directory).is_dir():
        raise PluginError(f"the build context {directory!r} is no directory")
    try:
        return context.digest(Path(directory), Path(dockerfile))
    except OSError as error:
        raise PluginError(f"unable to hash build context {directory!r}: {error}") from None


def registry_of(name: str) -> str:
    """The registry that a fully qualified image name names: `registry.example.org:5000`.

    Raises:
        PluginError: The name has no registry.
    """
    host, slash, _ = name.partition("/")
    if not slash or not ("." in host or ":" in host or host == "localhost"):
        raise PluginError(
            f"{name!r}: repository name must be canonical.\n"
            "This resource requires all image names to be fully qualified.\n"
            "For example, if you are attempting to push to Dockerhub, prefix your image name with `docker.io`:\n\n"
            "`docker.io/repository/image:tag`"
        )
    return host


def differences(old: Object, new: Object) -> dict[str, str]:
    """Top-level inputs that differ, each with ADD, DELETE or UPDATE.

    Credentials do not count: they change often and build nothing else.
    """
    found: dict[str, str] = {}
    for key in sorted(old.keys() | new.keys()):
        if key not in old:
            found[key] = "ADD"
        elif key not in new:
            found[key] = "DELETE"
        elif not _same(key, old[key], new[key]):
            found[key] = "UPDATE"
    return found


def _same(key: str, old: object, new: object) -> bool:
    if key == "registry" and is_object(old) and is_object(new):
        return old.get("server") == new.get("server")
    return old == new


def read(inputs: Object) -> Build:
    """The build that complete and known inputs describe."""
    build = mapping(inputs, "build")
    registry = mapping(inputs, "registry")
    return Build(
        name=inputs["imageName"],
        context=Path(build["context"]),
        dockerfile=Path(build["dockerfile"]),
        args={key: str(value) for key, value in mapping(build, "args").items() if not key.startswith(_BUILDKIT)},
        platform=build.get("platform", PLATFORM),
        target=build.get("target", ""),
        network=build.get("network", ""),
        add_hosts=tuple(build.get("addHosts", ())),
        push=not inputs.get("skipPush"),
        server=registry.get("server", ""),
        username=registry.get("username", ""),
        password=registry.get("password", ""),
    )


def outputs(build: Build, repo_digest: str) -> dict[str, Any]:
    """Outputs of the resource after a build."""
    relative = os.path.relpath(build.dockerfile, build.context)
    return {
        "baseImageName": build.name,
        "context": str(build.context),
        "dockerfile": relative,
        "imageName": build.name,
        "platform": build.platform,
        "registryServer": build.server,
        "repoDigest": repo_digest,
    }


def can_build_in_preview(inputs: Object) -> bool:
    """Whether a preview is asked to build, and everything it needs is known."""
    needed = [inputs.get("imageName"), *(dig(inputs, "build", key) for key in ("context", "dockerfile", "args"))]
    return inputs.get("buildOnPreview") is True and not has_unknown(needed)
