"""What the engine is told about an object: what an update would do to it, and what its inputs are now."""

from dataclasses import dataclass

from local.plugins.kubernetes.compare import SERVER_METADATA, changes, is_built_in, keep_equal, normalise, prune
from local.plugins.kubernetes.options import Options
from local.plugins.kubernetes.paths import Path, is_ignored, written
from local.plugins.kubernetes.replacing import replaces, replacing_fields
from local.plugins.kubernetes.state import split, with_dashes
from local.plugins.wire import UNKNOWN, Object, dig, hide_like, mapping, reveal


@dataclass(frozen=True)
class Plan:
    """What an update would do."""

    live: Object
    """The object as last seen."""
    new: Object
    """The new inputs, normalised."""
    changes: dict[str, str]
    """What happens at each path, in the engine's words: `ADD`, `UPDATE_REPLACE`, …"""
    replacing: list[str]
    """Those paths that cannot be changed in place."""


def plan_update(state: Object, news: Object, options: Options, ignored: list[Path]) -> Plan:
    """Compare new inputs with the object as last seen.

    Args:
        state: What the engine keeps of the object. Its inputs count, not the engine's own old inputs: after an update
            that failed those are not what was applied.
        news: The new inputs.
        options: The provider's.
        ignored: Paths of `ignore_changes`.
    """
    old_inputs, live = split(state)
    old, new = normalise(old_inputs), normalise(with_dashes(reveal(news)))
    # Metadata that is not known yet says nothing about the namespace.
    if dig(live, "metadata", "namespace") and new.get("metadata") is not UNKNOWN:
        old, new = (part | {"metadata": {"namespace": "default", **mapping(part, "metadata")}} for part in (old, new))
    fields = replacing_fields(
        new, mutable_config_maps=options.mutable_config_maps, mutable_secrets=options.mutable_secrets
    )
    planned: dict[str, str] = {}
    replacing: list[str] = []
    for path, difference in changes(live, old, new).items():
        if is_ignored(path, ignored):
            continue
        planned[written(path)] = difference.change
        if replaces(fields, path, difference.new):
            planned[written(path)] += "_REPLACE"
            replacing.append(written(path))
    return Plan(live, new, planned, replacing)


def live_inputs(live: Object, inputs: Object) -> Object:
    """The inputs that would make a live object.

    Args:
        live: The object.
        inputs: What it was made from: kept wherever it means the same. Empty for an object that is imported; all of
            it is then taken, but for what only the server writes.
    """
    if not inputs:
        metadata = {key: value for key, value in live["metadata"].items() if key not in SERVER_METADATA}
        return {key: value for key, value in live.items() if key != "status"} | {"metadata": metadata}
    old = normalise(with_dashes(reveal(inputs)))
    kept = keep_equal(prune(live, old), old, built_in=is_built_in(live))
    return inputs if kept == old else hide_like(kept, inputs)
