"""The training image: built from this repository and pushed, taken from another stack, or given; one reference."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pulumi
import pulumi_docker as docker

from infra.finding import Finding, StackFileError
from infra.outputs import TrainingImageOutputs
from infra.reader import OutputsError, read_outputs
from infra.settings.platform import BuildSettings, RegistryCredentials, TrainingImage
from infra.settings.reference import Reference

_ROOT = Path(__file__).resolve().parents[2]
"""The repository, which is the build context: absolute, since the engine may run the program from anywhere."""

_DIGEST = re.compile("sha256:[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class ImageArgs:
    """Where an image comes from."""

    source: TrainingImage
    """Built here, by another stack, or given by reference."""

    registries: Mapping[str, RegistryCredentials] = field(default_factory=dict[str, RegistryCredentials])
    """Credentials by registry host; the one of the repository's host is used for pushing."""


class Image(pulumi.ComponentResource):
    """An image that pods can be told to run.

    Unless it is built here, no Docker resource and no Docker provider is registered: a provider of pulumi-docker wants
    a daemon even for a preview.
    """

    reference: pulumi.Output[str]
    """`repository@sha256:…` as pushed, unknown in the preview of a first build; or the reference as given."""

    origin: pulumi.Output[TrainingImageOutputs]
    """The reference with where it came from."""

    accepted: pulumi.Input[Sequence[pulumi.Resource]]
    """For `depends_on` of what must stay untouched while another stack's image is refused; holds no resource."""

    def __init__(self, name: str, args: ImageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tfk8s:index:Image", name, None, opts)
        source, self.accepted = args.source, []
        if source.build is not None:
            self.origin = self._built(name, source.build, args.registries)
        elif source.from_stack is not None:
            self.origin = self._taken(name, source.from_stack)
            self.accepted = self.origin.apply(lambda _: list[pulumi.Resource]())
        else:
            assert source.ref is not None, "the settings let exactly one source through"
            self.origin = pulumi.Output.from_input(TrainingImageOutputs(reference=source.ref))
        self.reference = self.origin.apply(lambda image: image.reference)
        self.register_outputs({"reference": self.reference})

    def _built(
        self, name: str, build: BuildSettings, registries: Mapping[str, RegistryCredentials]
    ) -> pulumi.Output[TrainingImageOutputs]:
        provider = docker.Provider(f"{name}-docker", opts=pulumi.ResourceOptions(parent=self))
        image = docker.Image(
            name,
            image_name=f"{build.repository}:{pulumi.get_stack()}",
            build=_build(build),
            registry=_log_in(build.repository, registries),
            opts=pulumi.ResourceOptions(parent=self, provider=provider),
        )
        here = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
        return image.repo_digest.apply(
            lambda digest: TrainingImageOutputs(reference=digest, base=build.base, built_by=here)
        )

    def _taken(self, name: str, stack: str) -> pulumi.Output[TrainingImageOutputs]:
        """Read anew by each preview and update: what the other stack has pushed by then is what runs here."""
        other = pulumi.StackReference(f"{name}-stack", stack, pulumi.ResourceOptions(parent=self))
        return other.outputs.apply(lambda outputs: _accepted(stack, outputs))


def _build(build: BuildSettings) -> docker.DockerBuildArgs:
    args, cache = {"BASE_IMAGE": build.base}, None
    if build.cache_from:
        # A later build can only take layers from an image that was built with this
        # (https://docs.docker.com/build/cache/backends/inline/).
        args["BUILDKIT_INLINE_CACHE"] = "1"
        cache = docker.CacheFromArgs(images=list(build.cache_from))
    return docker.DockerBuildArgs(
        context=str(_ROOT),
        dockerfile=str(_ROOT / "training" / "Dockerfile"),
        platform=build.platform,
        args=args,
        cache_from=cache,
    )


def _accepted(stack: str, outputs: Mapping[str, object]) -> TrainingImageOutputs:
    """The image of another stack, where that can be relied on.

    Raises:
        pulumi.RunError: In preview and update alike: the stack is none of tfk8s or writes another contract, or its
            image has no digest.
    """
    try:
        image = read_outputs(outputs).images.training
    except OutputsError as error:
        *said, fix = str(error).splitlines()
        raise _refused(f"{stack}: {chr(10).join(said)}", fix) from None
    if _DIGEST.fullmatch(Reference.parse(image.reference).digest or "") is None:
        raise _refused(
            f"{stack} runs {image.reference}, which has no digest: its registry can put another image under this name",
            f"let {stack} build it, or add the digest there (`tfk8s pin`), and run `pulumi up` on it",
        )
    return image


def _refused(message: str, fix: str) -> pulumi.RunError:
    finding = Finding(
        check="image-from-stack",
        severity="error",
        path="tfk8s:images.training.fromStack",
        message=message.replace("\n", "\n    "),
        fix=fix,
    )
    return pulumi.RunError(StackFileError([finding]).text())


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
