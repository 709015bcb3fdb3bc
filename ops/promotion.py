"""What a verdict on a canary changes in a stack file, as text: few words, comments kept."""

from collections.abc import Mapping, Sequence
from typing import Final, cast

from ops.problem import CommandError
from ops.stackfile import StackFile
from ops.yamltext import KeyPath

_OF_A_CANARY: Final = {"version", "weight", "headers", "mirror"}
"""What a canary may say for its promotion to be two numbers: none of it is needed when it is stable."""

_ALL: Final = 100
"""Percent of the requests."""


def canary_version(file: StackFile, model: str) -> int | None:
    """The version that a model's canary names; None without a canary."""
    version = file.get((*_tracks(model), "canary", "version"))
    return version if isinstance(version, int) else None


def promote(file: StackFile, model: str, steps: Sequence[int] = ()) -> int | None:
    """Let the canary have the next weight of `steps`; after the last of them `stable` names its version, and it goes.

    Args:
        file: Is edited, not written.
        model: Key under `models`.
        steps: Weights in percent, ascending, the last of them 100; none where one step will do.

    Returns:
        The canary's new weight; None where it is stable now.

    Raises:
        CommandError: There is no canary, or one of the two tracks says more than can be carried over.
    """
    tracks = _tracks(model)
    version = canary_version(file, model)
    canary = file.get((*tracks, "canary"))
    stable = file.get((*tracks, "stable"))
    if version is None or not isinstance(canary, Mapping) or not isinstance(stable, Mapping):
        raise CommandError(f"{file.path}: models.{model}.tracks has no canary with a version to promote")
    more = sorted(set(cast("Mapping[str, object]", canary)) - _OF_A_CANARY)
    more += [f"{key} of stable" for key in sorted(set(cast("Mapping[str, object]", stable)) - _OF_A_CANARY)]
    if more:
        raise CommandError(
            f"{file.path}: models.{model}.tracks: {', '.join(more)} belongs to one version and must be carried over "
            f"by hand; then let stable name version {version} and remove canary"
        )
    weight = file.get((*tracks, "canary", "weight"))
    higher = next((step for step in steps if step > (weight if isinstance(weight, int) else 0)), _ALL)
    if higher < _ALL:
        _weigh(file, (*tracks, "stable"), _ALL - higher)
        _weigh(file, (*tracks, "canary"), higher)
        return higher
    file.set((*tracks, "stable", "version"), version)
    roll_back(file, model)
    return None


def roll_back(file: StackFile, model: str) -> None:
    """Let the canary go; `stable` takes all requests again.

    Raises:
        CommandError: There is no canary, or it cannot be removed by itself.
    """
    tracks = _tracks(model)
    file.remove((*tracks, "canary"))
    if file.get((*tracks, "stable", "weight")) is not None:
        file.remove((*tracks, "stable", "weight"))


def go_back(file: StackFile, model: str, version: int) -> None:
    """Let `stable` name an earlier version.

    Raises:
        CommandError: It says more than can be carried over.
    """
    stable = (*_tracks(model), "stable")
    more = sorted(set(cast("Mapping[str, object]", file.get(stable) or {})) - _OF_A_CANARY)
    if more:
        raise CommandError(
            f"{file.path}: models.{model}.tracks.stable: {', '.join(more)} belongs to the version that is there; let "
            f"it name version {version} by hand"
        )
    file.set((*stable, "version"), version)


def _weigh(file: StackFile, track: KeyPath, weight: int) -> None:
    keys = (*track, "weight")
    if file.get(keys) is None:
        file.add(keys, weight, after="version")
    else:
        file.set(keys, weight)


def _tracks(model: str) -> KeyPath:
    return ("config", "tfk8s:models", model, "tracks")
