"""The training image: built from this repository and pushed, or given; either way it is one reference."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pulumi
import pulumi_docker as docker

from infra.settings.platform import BuildSettings, RegistryCredentials, TrainingImage

_ROOT = Path(__file__).resolve().parents[2]
"""The repository, which is the build context: absolute, since the engine may run the program from anywhere."""


@dataclass(frozen=True, kw_only=True)
class ImageArgs:
    """Where an image comes from."""

    source: TrainingImage
    """Built, or given by reference."""

    registries: Mapping[str, RegistryCredentials] = field(default_factory=dict[str, RegistryCredentials])
    """Credentials by registry host; the one of the repository's host is used for pushing."""


class Image(pulumi.ComponentResource):
    """An image that pods can be told to run.

    With a given reference no Docker resource and no Docker provider is registered: a provider of pulumi-docker wants a
    daemon even for a preview.
    """

    reference: pulumi.Output[str]
    """`repository@sha256:…` as pushed, unknown in the preview of a first build; or the reference as given."""

    def __init__(self, name: str, args: ImageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tfk8s:index:Image", name, None, opts)
        if args.source.build is not None:
            self.reference = self._build(name, args.source.build, args.registries).repo_digest
        else:
            assert args.source.ref is not None, "the settings let exactly one of build and ref through"
            self.reference = pulumi.Output.from_input(args.source.ref)
        self.register_outputs({"reference": self.reference})

    def _build(self, name: str, build: BuildSettings, registries: Mapping[str, RegistryCredentials]) -> docker.Image:
        provider = docker.Provider(f"{name}-docker", opts=pulumi.ResourceOptions(parent=self))
        return docker.Image(
            name,
            image_name=f"{build.repository}:{pulumi.get_stack()}",
            build=docker.DockerBuildArgs(
                context=str(_ROOT),
                dockerfile=str(_ROOT / "training" / "Dockerfile"),
                platform=build.platform,
                args={"BASE_IMAGE": build.base},
            ),
            registry=_log_in(build.repository, registries),
            opts=pulumi.ResourceOptions(parent=self, provider=provider),
        )


def _log_in(repository: str, registries: Mapping[str, RegistryCredentials]) -> docker.RegistryArgs | None:
    host = repository.partition("/")[0]
    credentials = registries.get(host)
    if credentials is None:
        return None
    return docker.RegistryArgs(
        server=host,
        username=credentials.username,
        password=pulumi.Output.secret(credentials.password.get_secret_value()),
    )
