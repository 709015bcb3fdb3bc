"""Images of a stack file, and the digests that registries publish under their tags."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Final

from infra.settings.reference import Reference
from ops.problem import CommandError
from ops.registry import UnresolvedError
from ops.stackfile import StackFile
from ops.yamltext import KeyPath

_IMAGES: Final = ("config", "tfk8s:images")
_PLACES: Final[tuple[KeyPath, ...]] = (
    ("training", "ref"),
    ("training", "build", "base"),
    ("serving", "ref"),
    ("devicePlugin", "ref"),
    ("prometheus", "ref"),
)
"""Where a stack file names images; what `build` pushes runs by the digest of its push."""


@dataclass(frozen=True, kw_only=True)
class Image:
    """A reference in a stack file."""

    keys: KeyPath
    reference: Reference

    @property
    def place(self) -> str:
        """Its key path as the user writes it."""
        return ".".join(self.keys[1:])


@dataclass(frozen=True, kw_only=True)
class Resolved:
    """What one image was found to be; exactly one of digest and reason is set."""

    image: Image
    digest: str | None = None
    reason: str | None = None

    @property
    def pinned(self) -> str:
        """`repository:tag@sha256:…`: the tag for people, the digest for nodes."""
        return f"{self.image.reference.tagged}@{self.digest}"


def images_of(file: StackFile) -> Iterator[Image]:
    """Every image a stack file names.

    Raises:
        CommandError: What stands in an image's place is no string.
    """
    for place in _PLACES:
        keys = (*_IMAGES, *place)
        value = file.get(keys)
        if value is None:
            continue
        if not isinstance(value, str):
            msg = f"{file.path}: {'.'.join(keys[1:])} is {value!r}; expected an image reference such as repository:tag"
            raise CommandError(msg)
        yield Image(keys=keys, reference=Reference.parse(value))


def to_resolve(images: tuple[Image, ...], *, update: bool) -> tuple[Image, ...]:
    """The images without a digest; with `update` also those that keep a tag beside it."""
    return tuple(
        image for image in images if image.reference.digest is None or (update and image.reference.tag is not None)
    )


def resolve(
    images: tuple[Image, ...], digest_of: Callable[[Reference], str], report: Callable[[Resolved], None]
) -> tuple[Resolved, ...]:
    """Asks the registries for all images (one or more) at once, reports each as it comes; results in their order."""

    def ask(image: Image) -> Resolved:
        reference = image.reference
        if reference.tag in (None, "latest"):
            said = "it has no tag" if reference.tag is None else "its tag is latest"
            return Resolved(image=image, reason=f"{said}; name an exact version first")
        try:
            return Resolved(image=image, digest=digest_of(reference))
        except UnresolvedError as error:
            return Resolved(image=image, reason=str(error))

    found: dict[KeyPath, Resolved] = {}
    with ThreadPoolExecutor(max_workers=len(images)) as pool:
        for done in as_completed([pool.submit(ask, image) for image in images]):
            resolved = done.result()
            found[resolved.image.keys] = resolved
            report(resolved)
    return tuple(found[image.keys] for image in images)


def unresolved(resolved: tuple[Resolved, ...]) -> str:
    """What to say of images without a digest, each with its reason; empty where all have one."""
    failed = [one for one in resolved if one.digest is None]
    if not failed:
        return ""
    reasons = [f"\n    {one.image.place}: {one.image.reference.tagged}\n        {one.reason}" for one in failed]
    return f"{len(failed)} of {len(resolved)} images could not be resolved; nothing was written{''.join(reasons)}"
