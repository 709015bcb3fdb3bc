"""What a step means for data and for callers, beyond the fields it changes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ops.difference.fields import Change, mapping, written
from ops.difference.step import KNOWN_AFTER_BUILD, Op
from ops.recording import Resource
from ops.replacing import REFUSED, kind_of, touches

Tree = Any
"""JSON-like data of a shape its kind decides."""

_NAME: Final = "app.kubernetes.io/name"
_VERSION: Final = "app.kubernetes.io/version"
_COMPONENT: Final = "app.kubernetes.io/component"
_GONE: Final = ("delete", "replace")


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """Everything registered before and after, by URN: what happens to one object may depend on another."""

    before: Mapping[str, Resource]
    after: Mapping[str, Resource]


def effects(
    op: Op, resource: Resource, changes: Sequence[Change], around: Surroundings, *, delete_first: bool
) -> tuple[str, ...]:
    """What a step does besides changing fields, the worst first.

    Args:
        op: What is done.
        resource: As it is wanted, or as it was where it goes.
        changes: Where it differs.
        around: All other resources.
        delete_first: Of a replacement: whether the old one goes first.
    """
    if not resource.is_object:
        return tuple(_of_others(op, resource))
    step = _ObjectStep(op, resource, around.before.get(resource.urn), changes, around, delete_first=delete_first)
    return tuple(step.said())


def refusals(before: Resource, after: Resource, ignored: Sequence[Change]) -> tuple[str, ...]:
    """What the program itself will refuse, though no resource changes: other words for a declared run.

    Args:
        before: As it was.
        after: As it is wanted, under an unchanged replacement trigger.
        ignored: Where the two differ, all of it ignored by updates.
    """
    if after.type != "pulumi:index:Stash" or not ignored:
        return ()
    was, wanted = before.inputs.get("input"), after.inputs.get("input")
    return (f"refused: a declared run does not change; it was {was} and would be {wanted}",)


def _of_others(op: Op, resource: Resource) -> Iterator[str]:
    if resource.type == "docker:index/image:Image" and op != "delete":
        yield f"build: the image is built and pushed; its digest is {KNOWN_AFTER_BUILD.strip('[]')}"
    elif resource.type == "pulumi:providers:kubernetes" and op == "replace":
        yield "another cluster: everything is created there, then deleted in the one left"


class _ObjectStep:
    """A step of one object of the cluster."""

    def __init__(
        self,
        op: Op,
        resource: Resource,
        old: Resource | None,
        changes: Sequence[Change],
        around: Surroundings,
        *,
        delete_first: bool,
    ) -> None:
        self.op = op
        self.resource = resource
        self.kind = kind_of(resource.inputs)
        self.was: Tree = resource.inputs if old is None else old.inputs
        self.name = str(mapping(self.was, "metadata").get("name") or resource.name)
        self.changes = changes
        self.around = around
        self.delete_first = delete_first

    def said(self) -> Iterator[str]:
        yield from self._would_fail()
        match self.kind[1]:
            case "Namespace":
                yield from self._namespace()
            case "PersistentVolume" | "PersistentVolumeClaim":
                yield from self._storage()
            case "Service":
                yield from self._service()
            case "Deployment" | "StatefulSet" | "DaemonSet":
                yield from self._workload()
            case "Job":
                yield from self._job()
            case "HTTPRoute":
                yield from self._route()
            case "Gateway" if self.op in _GONE:
                yield f"downtime: nothing listens at the address of {self.name} any more, and another has another"
            case _:
                return

    def _would_fail(self) -> Iterator[str]:
        if self.op != "update":
            return
        fields = REFUSED.get(self.kind, ())
        frozen = [written(one.path) for one in self.changes if touches(fields, one.path, one.after)]
        if self.was.get("immutable") is True:
            frozen += [written(one.path) for one in self.changes if one.path[0] in ("binaryData", "data", "immutable")]
        if frozen:
            yield f"would fail: {', '.join(frozen)} cannot be changed, the API server answers 422; give it another name"

    def _namespace(self) -> Iterator[str]:
        if self.op in _GONE:
            yield f"data loss: everything in namespace {self.name} is deleted, also what this stack did not make"

    def _storage(self) -> Iterator[str]:
        if self.op not in _GONE:
            return
        volume = self.was if self.kind[1] == "PersistentVolume" else self._volume_of_claim()
        policy = "" if volume is None else volume["spec"].get("persistentVolumeReclaimPolicy", "Retain")
        if policy == "Retain":
            yield "kept: the files stay where they are (reclaim policy Retain)"
        elif policy:
            yield f"data loss: the volume goes with its files (reclaim policy {policy})"
        else:
            yield "data loss: its volume goes too, unless its storage class says Retain"

    def _volume_of_claim(self) -> Tree:
        """The volume that this stack made for the claim, None where it made none."""
        metadata = self.was["metadata"]
        for other in self.around.before.values():
            claim = mapping(other.inputs, "spec", "claimRef")
            if (claim.get("namespace"), claim.get("name")) == (metadata.get("namespace"), metadata.get("name")):
                return other.inputs
        return None

    def _service(self) -> Iterator[str]:
        types = tuple(mapping(one, "spec").get("type", "ClusterIP") for one in (self.was, self.resource.inputs))
        if self.op == "delete" and not self._is_version():
            yield f"downtime: nothing answers as {self.name} any more"
        elif self.op == "replace" and self.delete_first:
            yield f"downtime: {self.name} is gone until its replacement answers, at another address"
        elif self.op == "replace":
            yield f"downtime: {self.name} answers at another address, and callers have to follow"
        elif self.op == "update" and types[0] != types[1]:
            yield f"downtime: its type changes from {types[0]} to {types[1]}, and with it where callers find it"
        versions = self._selected(self.was), self._selected(self.resource.inputs)
        if self.op == "update" and versions[0] != versions[1]:
            yield f"traffic: moves from version {versions[0]} to version {versions[1]}"

    def _workload(self) -> Iterator[str]:
        strategy = mapping(self.resource.inputs, "spec", "strategy").get("type")
        restarts = any(change.path[:2] == ("spec", "template") for change in self.changes)
        if self.op == "delete":
            yield from self._retired()
        elif self.op == "replace" and self.delete_first:
            yield "downtime: all its pods go before the first new one comes"
        elif self.op == "update" and restarts and strategy == "Recreate":
            yield "downtime: all its pods go before the first new one comes (strategy Recreate)"
        elif self.op == "update" and restarts:
            yield "rollout: its pods are replaced by new ones, step by step"

    def _retired(self) -> Iterator[str]:
        labels = mapping(self.was, "metadata", "labels")
        if labels.get(_COMPONENT) != "serving":
            return
        fronts = [other for other in self.around.after.values() if other.is_object and self._fronts(other, labels)]
        if fronts:
            yield f"retires: version {labels.get(_VERSION)}; traffic has moved on by then"
        else:
            yield f"downtime: nothing serves {labels.get(_NAME)} any more"

    def _fronts(self, other: Resource, labels: Mapping[str, str]) -> bool:
        selector = mapping(other.inputs, "spec", "selector")
        return kind_of(other.inputs)[1] == "Service" and all(
            selector.get(key) == labels.get(key) for key in (_NAME, _COMPONENT)
        )

    def _job(self) -> Iterator[str]:
        labels = mapping(self.resource.inputs, "metadata", "labels")
        if labels.get(_COMPONENT) != "training":
            return
        if self.op == "create":
            yield f"trains: run {self.name}"
        elif self.op == "replace":
            yield f"retrains: run {self.name} starts anew; a version that is published already stays as it is"
        elif self.op == "delete":
            yield f"forgets: run {self.name}; what it published stays in the store"

    def _route(self) -> Iterator[str]:
        if self.op in _GONE:
            yield f"downtime: the gateway knows {self.name} no more"
            return
        was = {} if self.op == "create" else _shares(self.was)
        wanted = _shares(self.resource.inputs)
        if was != wanted:
            moves = (
                f"{name} {was.get(name, 0)} % => {wanted.get(name, 0)} %" for name in dict.fromkeys([*was, *wanted])
            )
            yield f"traffic: {', '.join(moves)}"

    def _is_version(self) -> bool:
        """Whether it belongs to one version of a model, rather than to all of them."""
        return _VERSION in mapping(self.was, "metadata", "labels")

    def _selected(self, inputs: Tree) -> str:
        return str(mapping(inputs, "spec", "selector").get(_VERSION, "none"))


def _shares(route: Tree) -> dict[str, int]:
    """Weights of the Services of a route's last rule, the one for all requests that no header singles out."""
    rules: Sequence[Tree] = mapping(route, "spec").get("rules") or [{"backendRefs": []}]
    return {backend["name"]: backend.get("weight", 1) for backend in rules[-1]["backendRefs"]}
