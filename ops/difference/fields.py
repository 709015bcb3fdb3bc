"""What differs between two versions of one object's inputs, as pulumi-kubernetes sees it.

Equal quantities, numbers of equal size, and what the server drops when it is empty are no difference. Lists are
compared place by place.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final, cast

from ops.replacing import SECRET, Path, kind_of

Tree = Any
"""JSON-like data of a shape its kind decides."""

MISSING: Final = object()
"""What is not there, as opposed to null."""

_GROUPS: Final = frozenset(
    f"{group}.k8s.io"
    for group in (
        "admissionregistration", "apiextensions", "apiregistration", "certificates", "coordination", "discovery",
        "events", "flowcontrol.apiserver", "networking", "node", "rbac.authorization", "resource", "scheduling",
        "storage",
    )
)  # fmt: skip
"""API groups of Kubernetes itself with a dot; those without one (`apps`, `batch`, …) are its own too."""

_DROPPED_IF_FALSE: Final = frozenset({"hostIPC", "hostNetwork", "hostPID", "readOnly", "stdin", "stdinOnce", "tty"})
"""Fields the server does not keep when they are false, as it does not keep empty lists."""

_SERVER_METADATA: Final = frozenset(
    {"creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "generation", "managedFields",
     "resourceVersion", "uid"}
)  # fmt: skip

_HOLD_QUANTITIES: Final = frozenset(
    {"allocatable", "capacity", "default", "defaultRequest", "hard", "limits", "max", "maxLimitRequestRatio", "min",
     "overhead", "podFixed", "requests", "used"}
)  # fmt: skip
_ARE_QUANTITIES: Final = frozenset({"averageValue", "divisor", "sizeLimit", "targetAverageValue", "value"})

_STEP: Final = re.compile(r'\["([^"]+)"\]|([^.\[\]]+)')
"""One step of a path as the engine writes it."""

_FACTORS: Final = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    **{suffix: Decimal(1000) ** (power + 1) for power, suffix in enumerate("kMGTPE")},
    **{f"{suffix}i": Decimal(1024) ** (power + 1) for power, suffix in enumerate("KMGTPE")},
}
"""https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/"""


@dataclass(frozen=True, kw_only=True)
class Change:
    """One place where two objects differ."""

    path: Path
    before: Tree
    """MISSING where the field is new."""

    after: Tree
    """MISSING where the field goes away."""


def object_changes(before: Tree, after: Tree) -> tuple[Change, ...]:
    """Where two versions of one Kubernetes object differ, in the order of the fields; both have a name."""
    found: list[Change] = []
    _compare((), _normal(before), _normal(after), found, built_in=_is_built_in(after))
    return tuple(found)


def plain_changes(before: Tree, after: Tree) -> tuple[Change, ...]:
    """Where two mappings that are no Kubernetes objects differ."""
    found: list[Change] = []
    _compare((), before, after, found, built_in=False)
    return tuple(found)


def keeping(before: Tree, after: Tree, ignored: Iterable[str]) -> Tree:
    """The new inputs with what is ignored as it was, which is how the engine hands them to a provider.

    Args:
        before: The old inputs.
        after: The new inputs; not changed.
        ignored: Paths of `ignore_changes`.
    """
    kept = after
    for text in ignored:
        kept = _keep(before, kept, [name or part for name, part in _STEP.findall(text)])
    return kept


def _keep(before: Tree, after: Tree, path: Sequence[str]) -> Tree:
    """A copy of `after` that has what `before` has at the path, or has not."""
    old, new = mapping(before), mapping(after)
    first, *rest = path
    kept = {key: value for key, value in new.items() if key != first}
    if not rest:
        return {**kept, first: old[first]} if first in old else kept
    inner = _keep(old.get(first), new.get(first), rest)
    return {**kept, first: inner} if inner or first in new else kept


def mapping(value: Tree, *keys: str) -> dict[str, Tree]:
    """The mapping below these keys; empty where there is none."""
    for key in keys:
        value = mapping(value).get(key)
    return cast("dict[str, Tree]", value) if isinstance(value, dict) else {}


def written(path: Path) -> str:
    """A path as the engine writes it: `spec.containers[0].args`, `metadata.labels["a.b/c"]`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif any(character in step for character in '."[]'):
            quoted = step.replace('"', '\\"')
            text += f'["{quoted}"]'
        else:
            text += f".{step}" if text else step
    return text


def _is_built_in(inputs: Tree) -> bool:
    group = kind_of(inputs)[0].rpartition("/")[0]
    return "." not in group or group in _GROUPS


def _normal(inputs: Tree) -> Tree:
    """As the server stores it: without what only the server writes, a Secret's `stringData` as `data`."""
    normal = dict(inputs)
    metadata = mapping(normal.get("metadata"))
    normal["metadata"] = {key: value for key, value in metadata.items() if key not in _SERVER_METADATA}
    if kind_of(inputs) == SECRET:
        strings = mapping(normal.pop("stringData", None))
        data = {key: _canonical(value) for key, value in mapping(normal.get("data")).items()}
        data |= {key: base64.b64encode(str(text).encode()).decode() for key, text in strings.items()}
        if data:
            normal["data"] = data
    return normal


def _canonical(text: str) -> str:
    try:
        return base64.b64encode(base64.b64decode(text)).decode()
    except binascii.Error:
        return text


def _compare(path: Path, before: Tree, after: Tree, found: list[Change], *, built_in: bool) -> None:
    if isinstance(before, dict) and isinstance(after, dict):
        old, new = cast("dict[str, Tree]", before), cast("dict[str, Tree]", after)
        for key in {**old, **new}:
            pair = (_stored(key, part.get(key, MISSING), built_in=built_in) for part in (old, new))
            _compare((*path, key), *pair, found=found, built_in=built_in)
    elif isinstance(before, list) and isinstance(after, list):
        old_items, new_items = cast("list[Tree]", before), cast("list[Tree]", after)
        for index in range(max(len(old_items), len(new_items))):
            pair = (items[index] if index < len(items) else MISSING for items in (old_items, new_items))
            _compare((*path, index), *pair, found=found, built_in=built_in)
    elif not _same(path, before, after, built_in=built_in):
        found.append(Change(path=path, before=before, after=after))


def _stored(key: str, value: Tree, *, built_in: bool) -> Tree:
    """MISSING for what the server drops."""
    dropped = value is None or (built_in and (value == [] or (value is False and key in _DROPPED_IF_FALSE)))
    return MISSING if dropped else value


def _same(path: Path, before: Tree, after: Tree, *, built_in: bool) -> bool:
    if before is after or (before == after and isinstance(before, bool) == isinstance(after, bool)):
        return True
    if not built_in or not _is_quantity(path):
        return False
    amounts = _amount(before), _amount(after)
    return amounts[0] is not None and amounts[0] == amounts[1]


def _is_quantity(path: Path) -> bool:
    if not path or path[0] != "spec" or "env" in path:
        return False
    return path[-1] in _ARE_QUANTITIES or (len(path) > 1 and path[-2] in _HOLD_QUANTITIES)


def _amount(text: Tree) -> Decimal | None:
    """The number a quantity stands for; None where it is none."""
    if isinstance(text, bool) or not isinstance(text, (int, float, str)):
        return None
    number = str(text)
    suffix = next((one for one in sorted(_FACTORS, key=len, reverse=True) if number.endswith(one)), "")
    try:
        return Decimal(number.removesuffix(suffix)) * _FACTORS.get(suffix, Decimal(1))
    except InvalidOperation:
        return None
