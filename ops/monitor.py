"""The engine's part in a recording: notes every registration of a program, and answers as providers would."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime import mocks, rpc
from pulumi.runtime.proto import resource_pb2

Tree = Any
"""JSON-like data as it stands in manifests: deep, and of a shape its kind decides, so readers subscript it."""

UNKNOWN: Final[str] = rpc.UNKNOWN
"""Stands in a preview where only an update can tell."""

STACK_REFERENCE: Final = "pulumi:pulumi:StackReference"
_STACK: Final = "pulumi:pulumi:Stack"
_KUBERNETES: Final = "kubernetes:"
_SPECIAL: Final = "4dabf18193072939515e22adb298388d"
"""Marks a value of a special kind on Pulumi's wire (sdk/python/lib/pulumi/runtime/rpc.py)."""

_SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - the wire's mark of secrets, itself none


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One registration, as the engine would have received it."""

    urn: str
    type: str
    """Such as `apps/v1:Deployment`: the token without `kubernetes:`; `tfk8s:index:Tenant` for our own."""

    name: str
    custom: bool
    """Whether a provider makes it; a component is only a parent of others."""

    read: bool = False
    """Looked up, not made: a stack reference."""

    inputs: Tree
    """Plain values: secrets unwrapped, whole numbers as integers, UNKNOWN where a preview cannot know."""

    secrets: frozenset[str]
    """Paths of inputs that are secret, such as `data..dockerconfigjson`."""

    parent: str
    """URN; the stack's for those without a parent of their own."""

    provider: str
    """URN and id of the provider, `::` between them; empty where the engine would take a default one."""

    dependencies: frozenset[str]
    """URNs it waits for."""

    property_dependencies: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    """URNs whose outputs stand in an input, by the input's key."""

    ignore_changes: tuple[str, ...]
    replacement_trigger: Tree
    delete_before_replace: bool
    create_timeout: str
    update_timeout: str

    @property
    def object_name(self) -> str:
        """Its name in the cluster."""
        return cast("str", self.inputs["metadata"]["name"])

    @property
    def is_object(self) -> bool:
        """Whether it is an object of the cluster."""
        return self.urn.split("::")[2].rpartition("$")[2].startswith(_KUBERNETES)


@dataclass(kw_only=True)
class Recording:
    """What a program registered, exported and said."""

    resources: list[Resource] = field(default_factory=list[Resource])
    outputs: Tree = None
    """By name; None for a program that failed before its end."""

    secret_outputs: frozenset[str] = frozenset()
    """Paths of outputs that are secret."""

    warnings: list[str] = field(default_factory=list[str])

    def objects(self) -> list[Resource]:
        """Every object of the cluster, in the order of registration, which differs from run to run."""
        return [resource for resource in self.resources if resource.is_object]


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What only registries, clusters and other stacks know, and what is said in their place."""

    digest: str = "sha256:" + "0" * 64
    """Of images that an update would build."""

    suffix: str = "00000000"
    """Of objects that leave their name to the provider: `<logical name>-<suffix>`."""

    ingress: Mapping[str, str] = field(default_factory=lambda: {"ip": "192.0.2.1"})
    """Address of load balancers and gateways; this one is for documentation (RFC 5737). Empty: they have none, which a
    preview knows too.
    """

    kept: Mapping[str, object] = field(default_factory=dict[str, object])
    """What Stashes keep from an earlier update, by logical name; others keep what they are given now."""

    stacks: Mapping[str, Mapping[str, object]] = field(default_factory=dict[str, Mapping[str, object]])
    """Outputs of referenced stacks, by `organization/project/stack`; those of others are unknown."""


class NoMocks(mocks.Mocks):
    """The monitor below does everything itself."""

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, object], list[tuple[str, str]] | None]:
        """Refused: what a provider answers is not known here."""
        msg = f"the program calls no provider function, but called {args.token}"
        raise AssertionError(msg)

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, object]]:
        """Never asked."""
        raise NotImplementedError


class Monitor(mocks.MockMonitor):
    """Notes whole registrations, options included, and answers as providers would."""

    def __init__(self, recording: Recording, answers: Answers, *, preview: bool) -> None:
        super().__init__(NoMocks())
        self.recording = recording
        self.answers = answers
        self.preview = preview

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        """The URN the engine would give: with the types of all parents, the stack's own left out."""
        around = parent.split("::")[2] if parent else _STACK
        return super().make_urn("", type_ if around == _STACK else f"{around}${type_}", name)

    def RegisterResource(self, request: resource_pb2.RegisterResourceRequest) -> resource_pb2.RegisterResourceResponse:
        """Notes a resource or component; the stack itself is none."""
        urn = self.make_urn(request.parent, request.type, request.name)
        if request.type == _STACK:
            return resource_pb2.RegisterResourceResponse(urn=urn)
        inputs, secrets = _plain(request.object)
        trigger = json_format.MessageToDict(request.replacement_trigger)
        self.recording.resources.append(
            Resource(
                urn=urn,
                type=request.type.removeprefix(_KUBERNETES),
                name=request.name,
                custom=request.custom,
                inputs=inputs,
                secrets=secrets,
                parent=request.parent,
                provider=request.provider,
                dependencies=frozenset(request.dependencies),
                property_dependencies={
                    key: frozenset(found.urns) for key, found in request.propertyDependencies.items() if found.urns
                },
                ignore_changes=tuple(request.ignoreChanges),
                replacement_trigger=_unwrapped(trigger, "", set()),
                delete_before_replace=request.deleteBeforeReplace,
                create_timeout=request.customTimeouts.create,
                update_timeout=request.customTimeouts.update,
            )
        )
        state = _wire(self._state(request.type, request.name, inputs))
        return resource_pb2.RegisterResourceResponse(urn=urn, id=f"{request.name}-id", object=state)

    def ReadResource(self, request: resource_pb2.ReadResourceRequest) -> resource_pb2.ReadResourceResponse:
        """Notes a stack reference, and hands over that stack's outputs."""
        assert request.type == STACK_REFERENCE, f"the program looks up nothing but stacks, but asked for {request.type}"
        urn = self.make_urn(request.parent, request.type, request.name)
        self.recording.resources.append(
            Resource(
                urn=urn,
                type=request.type,
                name=request.name,
                custom=True,
                read=True,
                inputs={"name": request.id},
                secrets=frozenset(),
                parent=request.parent,
                provider=request.provider,
                dependencies=frozenset(request.dependencies),
                ignore_changes=(),
                replacement_trigger=None,
                delete_before_replace=False,
                create_timeout="",
                update_timeout="",
            )
        )
        outputs = self.answers.stacks.get(request.id)
        state = {
            "name": request.id,
            "outputs": UNKNOWN if outputs is None else dict(outputs),
            "secretOutputNames": list[str](),
        }
        return resource_pb2.ReadResourceResponse(urn=urn, properties=_wire(state))

    def RegisterResourceOutputs(self, request: resource_pb2.RegisterResourceOutputsRequest) -> empty_pb2.Empty:
        """Notes what the stack exports."""
        if _STACK in request.urn:
            self.recording.outputs, self.recording.secret_outputs = _plain(request.outputs)
        return empty_pb2.Empty()

    def _state(self, kind: str, name: str, inputs: Tree) -> Tree:
        state = dict(inputs)
        if kind == "docker:index/image:Image":
            repository = inputs["imageName"].rpartition(":")[0]
            state["repoDigest"] = UNKNOWN if self.preview else f"{repository}@{self.answers.digest}"
        elif kind == "pulumi:index:Stash":
            state["output"] = self.answers.kept.get(name, inputs["input"])
        elif kind.startswith(_KUBERNETES):
            state["metadata"] = {"name": f"{name}-{self.answers.suffix}", **inputs["metadata"]}
        if inputs.get("spec", {}).get("type") == "LoadBalancer":
            state["status"] = {"loadBalancer": self._balanced()}
        elif kind.endswith(":Gateway"):
            addresses = [{"value": address} for address in self.answers.ingress.values()]
            state["status"] = UNKNOWN if self.preview else {"addresses": addresses}
        return state

    def _balanced(self) -> Tree:
        if not self.answers.ingress:
            return {}
        return {"ingress": UNKNOWN if self.preview else [dict(self.answers.ingress)]}


def _wire(state: Tree) -> struct_pb2.Struct:
    wire = struct_pb2.Struct()
    wire.update(state)
    return wire


def _plain(properties: struct_pb2.Struct) -> tuple[Tree, frozenset[str]]:
    secrets = set[str]()
    values = _unwrapped(json_format.MessageToDict(properties), "", secrets)
    return values, frozenset(secrets)


def _unwrapped(value: Tree, path: str, secrets: set[str]) -> Tree:
    if isinstance(value, dict):
        tree = cast("dict[str, Tree]", value)
        if tree.get(_SPECIAL) == _SECRET:
            secrets.add(path)
            return _unwrapped(tree["value"], path, secrets)
        items = ((key, item) for key, item in tree.items() if item is not None)
        return {key: _unwrapped(item, f"{path}.{key}" if path else key, secrets) for key, item in items}
    if isinstance(value, list):
        return [_unwrapped(item, f"{path}[{index}]", secrets) for index, item in enumerate(cast("list[Tree]", value))]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
