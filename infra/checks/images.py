"""Images are the ones that were tried: exact tags, and digests where the stack insists on them."""

from collections.abc import Iterator
from datetime import date

from infra.checks.report import error, warning
from infra.finding import Finding
from infra.plan import Plan
from infra.settings import Settings
from infra.settings.reference import Reference
from infra.settings.standin import Location


def tags_are_exact(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """No image floats: `latest` and no tag at all mean something else tomorrow."""
    for location, text in _references(settings):
        reference = Reference.parse(text)
        if reference.digest is None and reference.tag in (None, "latest"):
            said = "has no tag, which means latest" if reference.tag is None else "names the tag latest"
            yield error(
                "image-tag",
                location,
                f"{text} {said}: what runs would change without a change here",
                f"name an exact version, such as {reference.repository}:2.20.0",
            )


def digests_are_given(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """Exact tags can be pushed again; digests cannot.

    A registry on this very machine holds what was put there a moment ago, so its tags pass unless the policy says no.
    """
    say = error if settings.policy.require_digest else warning
    for location, text in _references(settings):
        reference = Reference.parse(text)
        if reference.digest is not None or reference.tag in (None, "latest"):
            continue
        if settings.policy.require_digest or not reference.local:
            wanted = ", and policy.requireDigest is true" if settings.policy.require_digest else ""
            yield say(
                "image-digest",
                location,
                f"{text} has no digest{wanted}: its registry can put another image under this tag",
                "`tfk8s pin STACK` adds the digest",
            )


def _references(settings: Settings) -> Iterator[tuple[Location, str]]:
    """Images the stack file names. What is built runs by the digest of its push; its base counts."""
    images = settings.images
    if images.training.ref is not None:
        yield ("images", "training", "ref"), images.training.ref
    if images.training.build is not None:
        yield ("images", "training", "build", "base"), images.training.build.base
    yield ("images", "serving", "ref"), images.serving.ref
    if images.device_plugin is not None:
        yield ("images", "devicePlugin", "ref"), images.device_plugin.ref
    if images.prometheus is not None:
        yield ("images", "prometheus", "ref"), images.prometheus.ref
