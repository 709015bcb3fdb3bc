"""What a stack runs: versions of models, and images."""

from collections.abc import Iterator
from dataclasses import dataclass

from infra.settings import Settings
from infra.settings.platform import TrainingImage
from infra.settings.reference import Reference


@dataclass(frozen=True, kw_only=True)
class VersionRow:
    """A version that is served or trained."""

    model: str
    role: str
    """Such as `track stable, 100 %`, or `trained by this stack`."""

    version: int
    origin: str


@dataclass(frozen=True, kw_only=True)
class ImageRow:
    """An image of the platform."""

    role: str
    reference: str
    origin: str
    pinned: bool
    """Whether what runs is said by digest."""


def versions(settings: Settings) -> Iterator[VersionRow]:
    """What is trained, then what is served."""
    for name, job in settings.training_jobs.items():
        yield VersionRow(
            model=name, role="trained", version=job.version, origin=f"run {name}-v{job.version} in {job.tenant}"
        )
    for name, model in settings.models.items():
        for track, said in model.tracks.named():
            job = settings.training_jobs.get(name)
            origin = "lies in the store already"
            if said.fetch is not None:
                origin = f"fetched from {said.fetch.url}"
            elif job is not None and job.version == said.version:
                origin = "trained by this stack"
            yield VersionRow(
                model=name, role=f"served: track {track}, {said.weight} %", version=said.version, origin=origin
            )


def images(settings: Settings) -> Iterator[ImageRow]:
    """The images the platform runs."""
    yield _training_image(settings.images.training)
    given = {"serving": settings.images.serving, "device plugin": settings.images.device_plugin}
    for role, image in given.items():
        if image is not None:
            yield ImageRow(role=role, reference=image.ref, origin="given", pinned=_pinned(image.ref))


def _training_image(image: TrainingImage) -> ImageRow:
    if image.build is not None:
        said = f"built on {image.build.base}; runs by the digest of its push"
        return ImageRow(
            role="training", reference=image.build.repository, origin=said, pinned=_pinned(image.build.base)
        )
    if image.from_stack is not None:
        said = "built by that stack, which says its digest"
        return ImageRow(role="training", reference=image.from_stack, origin=said, pinned=True)
    reference = image.ref or ""
    return ImageRow(role="training", reference=reference, origin="given", pinned=_pinned(reference))


def _pinned(reference: str) -> bool:
    return Reference.parse(reference).digest is not None
