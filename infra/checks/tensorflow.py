"""What was trained can be served."""

import re
from collections.abc import Iterator
from datetime import date
from typing import Final

from infra.checks.report import error
from infra.finding import Finding
from infra.plan import Plan
from infra.settings import Settings
from infra.settings.reference import Reference

_MARKED: Final = re.compile(r"(?:^|[-_.])(?:tf|tensorflow)-?(2\.[0-9]+)(?![0-9])")
_PLAIN: Final = re.compile(r"v?(2\.[0-9]+)(?![0-9])")


def tensorflow_is_one_minor(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """Training and serving have the same minor version of TensorFlow, where the tags of both say theirs.

    SavedModels are promised to load in the same minor and in later ones, with exceptions
    (https://www.tensorflow.org/guide/versions), and never in an earlier one.
    """
    training, serving = settings.images.training, settings.images.serving.ref
    place, trained = ("build.base", training.build.base) if training.build is not None else ("ref", training.ref)
    trains = tensorflow_minor(trained) if trained is not None else None
    serves = tensorflow_minor(serving)
    if trained is not None and trains is not None and serves is not None and trains != serves:
        yield error(
            "tensorflow-minor",
            ("images", "serving", "ref"),
            f"{_tagged(serving)} serves with TensorFlow {serves}, and images.training.{place}, {_tagged(trained)}, "
            f"trains with {trains}",
            f"take the same minor for both, {max(trains, serves, key=_order)} for example",
        )


def tensorflow_minor(reference: str) -> str | None:
    """TensorFlow's `2.N` as an image's tag says it; None where it says nothing.

    A version alone, such as `2.20.0-gpu`, is TensorFlow's only where the image is called after it; `train:2.1.0` is
    the second version of somebody's own.
    """
    image = Reference.parse(reference)
    tag, name = image.tag or "", image.repository.rpartition("/")[2]
    marked = _MARKED.search(tag)
    if marked is not None:
        return marked[1]
    plain = _PLAIN.match(tag) if "tensorflow" in name or name == "serving" else None
    return plain[1] if plain is not None else None


def _tagged(reference: str) -> str:
    return Reference.parse(reference).tagged


def _order(minor: str) -> int:
    return int(minor.partition(".")[2])
