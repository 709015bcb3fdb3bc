"""What an update would change: the new inputs against the live object as far as the old inputs describe it.

Fields the cluster filled in are no difference; fields somebody else changed since are. Both follow the official
provider, which compares a live object pruned to the old inputs with the new inputs.
"""

import base64
import binascii
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from local.plugins.kubernetes.paths import Path
from local.plugins.kubernetes.quantity import is_quantity_path, same_quantity
from local.plugins.wire import UNKNOWN, Object, has_unknown, is_array, is_object, mapping

Change: TypeAlias = Literal["ADD", "DELETE", "UPDATE"]

SERVER_METADATA = """
    creationTimestamp deletionGracePeriodSeconds deletionTimestamp generation managedFields resourceVersion uid
""".split()  # noqa: SIM905  # a list would take a line for each
BUILT_IN_GROUPS = """
    admissionregistration.k8s.io apiextensions.k8s.io apiregistration.k8s.io certificates.k8s.io coordination.k8s.io
    discovery.k8s.io events.k8s.io flowcontrol.apiserver.k8s.io networking.k8s.io node.k8s.io
    rbac.authorization.k8s.io resource.k8s.io scheduling.k8s.io storage.k8s.io
""".split()  # noqa: SIM905  # same
"""API groups of Kubernetes itself; those without a dot (`apps`, `batch`, …) are its own too."""
DROPPED_IF_FALSE = frozenset({"hostIPC", "hostNetwork", "hostPID", "readOnly", "stdin", "stdinOnce", "tty"})
"""Fields the server drops when they are false, as it drops empty arrays."""
MISSING = object()


@dataclass(frozen=True)
class Difference:
    """One thing an update would change."""

    change: Change
    new: object = None
    """The value wanted, None where it goes away."""


def is_built_in(obj: Object) -> bool:
    """Whether the kind is Kubernetes' own, so that its fields' meaning is known."""
    group = str(obj.get("apiVersion", "")).rpartition("/")[0]
    return "." not in group or group in BUILT_IN_GROUPS


def normalise(inputs: Object) -> Object:
    """Inputs in the form the server stores: no server-side metadata, a Secret's `stringData` as `data`."""
    normal = dict(inputs)
    if is_object(normal.get("metadata")):
        normal["metadata"] = {key: value for key, value in normal["metadata"].items() if key not in SERVER_METADATA}
    if (normal.get("apiVersion"), normal.get("kind")) == ("v1", "Secret") and not has_unknown(normal):
        data = {key: _canonical_base64(value) for key, value in mapping(normal, "data").items()}
        strings = mapping(normal, "stringData")
        normal.pop("stringData", None)
        for key, text in strings.items():
            data[key] = base64.b64encode(str(text).encode()).decode()
        if data:
            normal["data"] = data
    return normal


def _canonical_base64(text: object) -> object:
    try:
        return base64.b64encode(base64.b64decode(str(text))).decode()
    except binascii.Error:
        return text


def prune(live: Any, inputs: Any) -> Any:  # noqa: ANN401  # JSON
    """The part of a live value that the inputs describe."""
    if is_object(live) and is_object(inputs):
        return {key: prune(value, inputs[key]) for key, value in live.items() if key in inputs}
    if is_array(live) and is_array(inputs):
        return [prune(value, described) for value, described in zip(live, inputs, strict=False)]
    return live


def same(path: Path, one: object, other: object, *, built_in: bool) -> bool:
    """Whether two values mean the same to the server."""
    if is_object(one) and is_object(other):
        return one.keys() == other.keys() and all(
            same((*path, key), value, other[key], built_in=built_in) for key, value in one.items()
        )
    if is_array(one) and is_array(other):
        return len(one) == len(other) and all(
            same((*path, index), first, second, built_in=built_in)
            for index, (first, second) in enumerate(zip(one, other, strict=True))
        )
    if one == other and isinstance(one, bool) == isinstance(other, bool):
        return True
    return built_in and is_quantity_path(path) and same_quantity(one, other)


def keep_equal(live: Any, inputs: Any, path: Path = (), *, built_in: bool) -> Any:  # noqa: ANN401  # JSON
    """The pruned live value, but written as the inputs write it wherever both mean the same.

    What the inputs leave empty and the server therefore dropped stays as well.
    """
    if same(path, live, inputs, built_in=built_in):
        return inputs
    if is_object(live) and is_object(inputs):
        kept = {key: keep_equal(live[key], inputs[key], (*path, key), built_in=built_in) for key in live}
        return kept | {key: value for key, value in inputs.items() if key not in live and _is_empty(value)}
    if is_array(live) and is_array(inputs):
        return [
            keep_equal(value, described, (*path, index), built_in=built_in)
            for index, (value, described) in enumerate(zip(live, inputs, strict=False))
        ]
    return live


def _is_empty(value: object) -> bool:
    return not value and value is not UNKNOWN


def changes(live: Object, old_inputs: Object, new_inputs: Object) -> dict[Path, Difference]:
    """The paths that differ, each with what happens to it.

    Args:
        live: The object as last seen.
        old_inputs: What it was made from, normalised.
        new_inputs: What is wanted now, normalised.
    """
    found: dict[Path, Difference] = {}
    _compare((), live, old_inputs, new_inputs, found, built_in=is_built_in(new_inputs))
    return found


def _compare(
    path: Path, live: object, old: object, new: object, found: dict[Path, Difference], *, built_in: bool
) -> None:
    if new is UNKNOWN:
        found[path] = Difference("ADD" if live is MISSING else "UPDATE")
    elif new is MISSING:
        found[path] = Difference("DELETE")
    elif live is MISSING:
        if not (built_in and _is_empty(new) and old == new):  # the server drops what is empty
            found[path] = Difference("ADD", new)
    elif is_object(live) and is_object(new):
        described = old if is_object(old) else live
        for key in {**live, **new}:
            wanted = new.get(key, MISSING)
            seen = live.get(key, MISSING) if key in described else MISSING
            if built_in and seen != wanted and (wanted == [] or (wanted is False and key in DROPPED_IF_FALSE)):
                wanted = MISSING
            if seen is not MISSING or wanted is not MISSING:
                _compare((*path, key), seen, described.get(key, MISSING), wanted, found, built_in=built_in)
    elif is_array(live) and is_array(new):
        described = old if is_array(old) else live
        seen = live[: len(described)]
        for index in range(max(len(seen), len(new))):
            items = (_at(array, index) for array in (seen, described, new))
            _compare((*path, index), *items, found=found, built_in=built_in)
    elif not same(path, live, new, built_in=built_in):
        found[path] = Difference("UPDATE", new)


def _at(array: list[Any], index: int) -> object:
    return array[index] if index < len(array) else MISSING
