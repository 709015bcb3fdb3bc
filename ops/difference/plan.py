"""What a change would do to a stack, worked out from what the program registers before and after it.

The rules are those of the engine (pkg/resource/deploy/step_generator.go) and of the providers the program uses. State
is not read: objects are taken to be as they were declared.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from ops.difference.effects import Surroundings, effects, refusals
from ops.difference.fields import MISSING, Change, keeping, mapping, object_changes, plain_changes, written
from ops.difference.step import HIDDEN, KNOWN_AFTER_BUILD, KNOWN_AFTER_UPDATE, LAST_BUILD, FieldChange, Op, Step
from ops.recording import Answers, Recording, Resource
from ops.replacing import SECRET, Path, kind_of, replacing_fields, touches

Tree = Any
"""JSON-like data of a shape its kind decides."""

IMAGE: Final = "docker:index/image:Image"
KUBERNETES_PROVIDER: Final = "pulumi:providers:kubernetes"

_CLUSTER: Final = ("kubeconfig", "context", "cluster")
"""Options of the provider that lead to a cluster."""

_LOG_IN: Final = (("registry", "username"), ("registry", "password"))
"""Inputs of an Image that build nothing else."""


def plan_between(before: Recording, after: Recording) -> tuple[Step, ...]:
    """What updating a stack from one recording to another would do."""
    return difference(before.resources, after.resources)


def difference(before: Sequence[Resource], after: Sequence[Resource]) -> tuple[Step, ...]:
    """What would be created, updated, replaced and deleted; deletions last, as the engine has them.

    Args:
        before: What the program registers now, as recorded: dependencies before what depends on them.
        after: What it would register then.
    """
    return _Walk(before, after).steps()


class _Walk:
    """One walk over the new registrations; each sees what was decided for those it depends on."""

    def __init__(self, before: Sequence[Resource], after: Sequence[Resource]) -> None:
        self._old = {resource.urn: resource for resource in before if not resource.read}
        self._new = {resource.urn: resource for resource in after if not resource.read}
        self._around = Surroundings(before=self._old, after=self._new)
        self._replaced = set[str]()
        self._condemned: dict[str, str] = {}
        """Names of what they depend on, by URN of those that go with it."""

        self._later: dict[str, tuple[str, str]] = {}
        """By URN: the stand-in for an output that is not known yet, and what to say in its place."""

    def steps(self) -> tuple[Step, ...]:
        made = [self._step(resource) for resource in self._new.values()]
        gone = [self._said("delete", old) for urn, old in reversed(self._old.items()) if urn not in self._new]
        return (*(step for step in made if step is not None), *gone)

    def _step(self, resource: Resource) -> Step | None:
        old = self._old.get(resource.urn)
        if old is None:
            self._remember(resource)
            return self._said("create", resource)
        was, wanted = _comparable(old.inputs, self._settled(resource))
        whole = _changes(resource, was, wanted)
        changes = _changes(resource, was, keeping(was, wanted, resource.ignore_changes))
        fields = self._replacing_fields(resource)
        reason = self._reason(old, resource)
        if reason or any(touches(fields, change.path, change.after) for change in changes):
            self._replaced.add(resource.urn)
            self._remember(resource)
            first = resource.urn in self._condemned or resource.delete_before_replace
            first = first or (not reason and resource.is_object and _is_same_place(was, wanted))
            if first:
                self._condemn_dependents(resource.urn)
            # A replacement is made as declared now: what an update would ignore changes too.
            return self._said("replace", resource, whole, fields, first=first, reason=reason)
        if changes:
            if resource.type == IMAGE:
                self._remember(resource)
            return self._said("update", resource, changes, fields)
        refused = refusals(old, resource, whole)
        return self._said("same", resource, whole, said=refused) if refused else None

    def _reason(self, old: Resource, new: Resource) -> str:
        """Why it is replaced whatever its own fields say; empty where nothing asks for it."""
        if new.urn in self._condemned:
            return f"it depends on {self._condemned[new.urn]}, which is deleted first"
        triggers = old.replacement_trigger, new.replacement_trigger
        if None not in triggers and triggers[0] != triggers[1]:
            return f"its replacement trigger changes from {triggers[0]} to {triggers[1]}"
        if new.provider.rpartition("::")[0] in self._replaced:
            return "its provider leads to another cluster"
        return ""

    def _replacing_fields(self, resource: Resource) -> tuple[str, ...]:
        if resource.type == KUBERNETES_PROVIDER:
            old = self._old[resource.urn].inputs.get("clusterIdentifier")
            return ("clusterIdentifier",) if old and resource.inputs.get("clusterIdentifier") else _CLUSTER
        if not resource.is_object:
            return ()
        provider = self._new.get(resource.provider.rpartition("::")[0])
        options: Mapping[str, object] = {} if provider is None else provider.inputs
        return replacing_fields(
            resource.inputs,
            mutable_config_maps=str(options.get("enableConfigMapMutable")).lower() == "true",
            mutable_secrets=str(options.get("enableSecretMutable")).lower() == "true",
        )

    def _condemn_dependents(self, root: str) -> None:
        """Notes what is deleted with a resource that is deleted first: what its unknown outputs would replace."""
        doomed = {root}
        for urn, resource in self._old.items():
            if resource.provider.rpartition("::")[0] in doomed or any(
                found & doomed and key in replacing_fields(resource.inputs)
                for key, found in resource.property_dependencies.items()
                if resource.is_object
            ):
                doomed.add(urn)
                self._condemned.setdefault(urn, self._old[root].name)

    def _remember(self, resource: Resource) -> None:
        """Notes the output that only an update can tell: an image's digest, a name given by the provider."""
        if resource.type == IMAGE:
            repository = str(resource.inputs["imageName"]).rpartition(":")[0]
            self._later[resource.urn] = f"{repository}@{Answers().digest}", KNOWN_AFTER_BUILD
        elif resource.is_object and not _name(resource.inputs):
            self._later[resource.urn] = f"{resource.name}-{Answers().suffix}", KNOWN_AFTER_UPDATE

    def _settled(self, resource: Resource) -> Tree:
        """Its new inputs, with what is not known yet named as such."""
        inputs = dict(resource.inputs)
        for key, urns in resource.property_dependencies.items():
            for urn in urns & self._later.keys():
                inputs[key] = _replaced_text(inputs.get(key), *self._later[urn])
        return inputs

    def _said(
        self,
        op: Op,
        resource: Resource,
        changes: Sequence[Change] = (),
        replacing: Sequence[str] = (),
        *,
        first: bool = False,
        reason: str = "",
        said: Sequence[str] = (),
    ) -> Step:
        old = self._old.get(resource.urn)
        secret = frozenset(resource.secrets | (frozenset[str]() if old is None else old.secrets))
        metadata = mapping(resource.inputs, "metadata") if resource.is_object else {}
        return Step(
            op=op,
            urn=resource.urn,
            type=resource.type,
            name=resource.name,
            kind=resource.type.rpartition(":")[2],
            object_name=str(metadata.get("name", "")),
            namespace=str(metadata.get("namespace", "")),
            delete_first=first,
            reason=reason,
            fields=tuple(_field(change, replacing, resource, secret) for change in changes),
            effects=(*said, *effects(op, resource, changes, self._around, delete_first=first)),
        )


def _changes(resource: Resource, before: Tree, after: Tree) -> tuple[Change, ...]:
    found = object_changes(before, after) if resource.is_object else plain_changes(before, after)
    return tuple(change for change in found if resource.type != IMAGE or change.path not in _LOG_IN)


def _field(change: Change, replacing: Sequence[str], resource: Resource, secrets: frozenset[str]) -> FieldChange:
    always = ("kubeconfig",) if resource.type == KUBERNETES_PROVIDER else ()
    always = ("data", "stringData") if kind_of(resource.inputs) == SECRET else always
    hidden = change.path[0] in always or _is_secret(change.path, secrets)
    before, after = (
        None if value is MISSING else HIDDEN if hidden else _replaced_text(value, Answers().digest, LAST_BUILD)
        for value in (change.before, change.after)
    )
    return FieldChange(
        path=written(change.path),
        before=before,
        after=after,
        replaces=touches(replacing, change.path, change.after),
    )


def _is_secret(path: Path, secrets: frozenset[str]) -> bool:
    """Whether a secret is at, above or below the path, which recordings write without quotes."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return any(_within(text, f".{secret}") or _within(f".{secret}", text) for secret in secrets)


def _within(path: str, whole: str) -> bool:
    return path == whole or path.startswith((f"{whole}.", f"{whole}["))


def _name(inputs: Tree) -> str:
    return str(mapping(inputs, "metadata").get("name") or "")


def _is_same_place(before: Tree, after: Tree) -> bool:
    """Whether the replacement would have the name of what it replaces, so that this must go first."""
    places = [(part["metadata"].get("namespace"), part["metadata"].get("name")) for part in (before, after)]
    return bool(places[1][1]) and places[0] == places[1]


def _comparable(before: Tree, after: Tree) -> tuple[Tree, Tree]:
    """Both inputs with what a provider fills in where only one of them states it: namespace and name."""
    if "metadata" not in before or "metadata" not in after:
        return before, after
    filled = {"namespace": "default", "name": KNOWN_AFTER_UPDATE}
    needed = {key: text for key, text in filled.items() if any(part["metadata"].get(key) for part in (before, after))}
    was, wanted = ({**part, "metadata": {**needed, **part["metadata"]}} for part in (before, after))
    return was, wanted


def _replaced_text(value: Tree, known: str, later: str) -> Tree:
    if isinstance(value, str):
        return value.replace(known, later)
    if isinstance(value, dict):
        return {key: _replaced_text(item, known, later) for key, item in cast("dict[str, Tree]", value).items()}
    if isinstance(value, list):
        return [_replaced_text(item, known, later) for item in cast("list[Tree]", value)]
    return value
