"""What the tracks of a model name."""

from collections.abc import Iterator
from datetime import date

from infra.checks.report import error, warning
from infra.finding import Finding
from infra.plan import Plan
from infra.settings import Settings


def weights_sum_to_all(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """The weights of a model's tracks are shares of all its requests: together 100 %."""
    for name, model in settings.models.items():
        tracks = model.tracks.named()
        total = sum(track.weight for _, track in tracks)
        if total != 100:  # noqa: PLR2004 - all, in percent
            shares = ", ".join(f"{track} {served.weight}" for track, served in tracks)
            yield error(
                "track-weights",
                ("models", name, "tracks"),
                f"weights ({shares}) are {total} together, and must be 100",
                "correct them; a track alone needs no weight",
            )


def tracks_differ(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """Two tracks of a model name two versions: the objects of a version exist once."""
    for name, model in settings.models.items():
        stable, canary = model.tracks.stable, model.tracks.canary
        if canary is not None and canary.version == stable.version:
            yield error(
                "track-versions",
                ("models", name, "tracks", "canary", "version"),
                f"stable and canary are both version {stable.version}",
                "name another version, or take the canary away: stable serves it already",
            )


def served_versions_have_a_source(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """A served version is trained here, fetched, or known to lie in the store.

    A version below the training job's was trained before; nothing is said about it.
    """
    for name, model in settings.models.items():
        job = settings.training_jobs.get(name)
        for track, served in model.tracks.named():
            if served.fetch is not None or (job is not None and served.version <= job.version):
                continue
            trained = (
                "no training job has this name" if job is None else f"trainingJobs.{name} trains version {job.version}"
            )
            yield warning(
                "served-version",
                ("models", name, "tracks", track, "version"),
                f"version {served.version} must lie in the store already: {trained}, and there is no fetch",
                f"nothing, if it does; otherwise train it here or add tracks.{track}.fetch",
            )
