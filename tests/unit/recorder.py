"""Runs components, or the whole program, against recording mocks, and hands back plain values to assert on.

Everything has run and settled before a `Recorder` is returned, so no assertion can wait in an `apply` that never runs.
What a program promises of every resource is checked each time: no URN twice, no Output printed into a string, and the
explicit provider of its package.
"""

import asyncio
import contextvars
import functools
import json
import logging
import runpy
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from google.protobuf import empty_pb2, json_format
from pulumi.output import Unknown
from pulumi.runtime import mocks, rpc, set_all_config
from pulumi.runtime.proto import resource_pb2
from pulumi.runtime.settings import ROOT as ROOT_RESOURCE
from pulumi.runtime.settings import SETTINGS
from pulumi.runtime.stack import run_in_stack

from infra.overrides import stack_file_words
from tests.unit.words import changed

ROOT = Path(__file__).resolve().parents[2]
DIGEST = "sha256:" + "0123456789abcdef" * 4
_SPECIAL = "4dabf18193072939515e22adb298388d"
"""Marks a value of a special kind on Pulumi's wire (sdk/python/lib/pulumi/runtime/rpc.py)."""

_SECRET = "1b47061264138c4ac30d75fd1eb44270"
_PRINTED_OUTPUT = "Calling __str__ on an Output"
UNKNOWN = rpc.UNKNOWN

Tree = Any
"""JSON-like data of arbitrary shape: what tests read with subscripts."""


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One registration, as the engine would have received it."""

    urn: str
    type: str
    """Such as `apps/v1:Deployment`: the token without `kubernetes:`; `tfk8s:index:Tenant` for our own."""

    name: str
    inputs: Tree
    """Plain values: secrets unwrapped, whole numbers as integers, UNKNOWN where a preview cannot know."""

    secrets: frozenset[str]
    """Paths of inputs that are secret, such as `data..dockerconfigjson`."""

    parent: str
    provider: str
    dependencies: frozenset[str]
    """URNs it waits for."""

    ignore_changes: tuple[str, ...]
    replacement_trigger: Tree
    delete_before_replace: bool
    create_timeout: str
    update_timeout: str

    @property
    def object_name(self) -> str:
        """Its name in the cluster."""
        return cast("str", self.inputs["metadata"]["name"])


@dataclass(kw_only=True)
class Recorder:
    """What a program registered, exported and said."""

    resources: list[Resource] = field(default_factory=list[Resource])
    outputs: Tree = None
    warnings: list[str] = field(default_factory=list[str])

    def one(self, kind: str, name: str) -> Resource:
        """The one resource of this type and logical name."""
        found = [resource for resource in self.all(kind) if resource.name == name]
        assert len(found) == 1, f"{len(found)} of {kind} {name}; there are {[r.name for r in self.all(kind)]}"
        return found[0]

    def all(self, kind: str) -> list[Resource]:
        """Every resource of this type."""
        return [resource for resource in self.resources if resource.type == kind]

    def objects(self) -> list[Resource]:
        """Every object of the cluster."""
        return [
            resource
            for resource in self.resources
            if resource.urn.split("::")[2].rpartition("$")[2].startswith("kubernetes:")
        ]

    def pods(self) -> Iterator[tuple[Resource, Tree]]:
        """Every pod spec with the object that has it."""
        for resource in self.objects():
            if "template" in resource.inputs.get("spec", {}):
                yield resource, resource.inputs["spec"]["template"]["spec"]

    def urns(self) -> set[str]:
        """URNs of everything."""
        return {resource.urn for resource in self.resources}

    def waits_for(self, later: Resource, earlier: Resource) -> bool:
        """Whether `later` is registered only after `earlier` is done, directly or through others."""
        by_urn = {resource.urn: resource for resource in self.resources}
        todo, seen = [later], set[str]()
        while todo:
            for urn in todo.pop().dependencies - seen:
                if urn == earlier.urn:
                    return True
                seen.add(urn)
                if urn in by_urn:
                    todo.append(by_urn[urn])
        return False


def record(
    build: Callable[[], object],
    *,
    stack: str = "test",
    preview: bool = False,
    words: Mapping[str, object] | None = None,
    kept: Mapping[str, object] | None = None,
    ingress: Mapping[str, str] | None = None,
) -> Recorder:
    """Runs `build` as a program and returns what it did.

    Args:
        build: Registers resources.
        stack: The stack's name.
        preview: Nothing is built: digests are unknown.
        words: The project's configuration, by key without `tfk8s:`.
        kept: What Stashes keep from an earlier run, by logical name; others keep what they are given now.
        ingress: What load balancers get for an address.
    """
    config = {f"tfk8s:{key}": json.dumps(value) for key, value in (words or {}).items()}
    recorder = Recorder()
    monitor = _Monitor(recorder, preview=preview, kept=kept or {}, ingress=ingress or {"ip": "192.0.2.7"})

    def program() -> None:
        build()

    def run() -> None:
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        # After a refusal many futures end with it and nobody asks them; the language host keeps silent about them too.
        loop.set_exception_handler(_say_nothing)
        set_all_config(config)
        mocks.set_mocks(
            _NoMocks(), project="tfk8s", stack=stack, preview=preview, monitor=monitor, logger=_listening(recorder)
        )
        # set_mocks makes a root stack that is finished at once; run_in_stack makes one as the engine does.
        ROOT_RESOURCE.set(None)
        cast("Any", SETTINGS).outputs.clear()
        try:
            loop.run_until_complete(run_in_stack(program))
        finally:
            left = asyncio.all_tasks(loop)
            for task in left:
                task.cancel()
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
            loop.close()

    # A context of its own: nothing of Pulumi's settings or configuration reaches the next test. A thread of its own:
    # Pulumi records the whole stack with every resource, and pytest's is deep.
    with ThreadPoolExecutor(max_workers=1) as thread:
        thread.submit(contextvars.copy_context().run, run).result()
    _check(recorder)
    return recorder


def record_program(
    stack: str,
    *,
    changes: Mapping[str, object] | None = None,
    preview: bool = False,
    kept: Mapping[str, object] | None = None,
) -> Recorder:
    """Runs the repository's program with a stack file, some of its keys replaced whole."""
    words = {**stack_file_words(ROOT / f"Pulumi.{stack}.yaml", {}), **(changes or {})}
    return record(_program, stack=stack, preview=preview, words=words, kept=kept)


def record_changed(
    *changes: tuple[str, object],
    preview: bool = False,
    kept: Mapping[str, object] | None = None,
    ingress: Mapping[str, str] | None = None,
) -> Recorder:
    """Runs the repository's program with the sound stack of `tests.unit.words`, values changed at key paths."""
    return record(_program, preview=preview, words=changed(*changes), kept=kept, ingress=ingress)


@functools.cache
def sound_platform() -> Recorder:
    """The program with the sound stack as it is, run once for all tests that only look."""
    return record_changed()


@functools.cache
def committed_platform(stack: str) -> Recorder:
    """The program with a committed stack file as it is, run once for all tests that only look."""
    return record_program(stack)


def _program() -> None:
    runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__")


def _say_nothing(_loop: asyncio.AbstractEventLoop, _context: dict[str, object]) -> None:
    pass


def _listening(recorder: Recorder) -> logging.Logger:
    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            recorder.warnings.append(record.getMessage())

    logger = logging.Logger("program")
    logger.addHandler(Listener(logging.WARNING))
    return logger


class _NoMocks(mocks.Mocks):
    """The monitor below does everything itself."""

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, object], list[tuple[str, str]] | None]:
        msg = f"a program of ours calls no provider function, but called {args.token}"
        raise AssertionError(msg)

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, object]]:
        raise NotImplementedError


class _Monitor(mocks.MockMonitor):
    """Records whole registrations, options included, and answers as providers would."""

    def __init__(
        self, recorder: Recorder, *, preview: bool, kept: Mapping[str, object], ingress: Mapping[str, str]
    ) -> None:
        super().__init__(_NoMocks())
        self.recorder = recorder
        self.preview = preview
        self.kept = kept
        self.ingress = ingress

    def RegisterResource(self, request: Any) -> Any:
        urn = self.make_urn(request.parent, request.type, request.name)
        if request.type == "pulumi:pulumi:Stack":
            return _response(urn, "", {})
        secrets = set[str]()
        raw = rpc.deserialize_properties(request.object, keep_unknowns=True)
        inputs = _plain(raw, "", secrets)
        self.recorder.resources.append(
            Resource(
                urn=urn,
                type=request.type.removeprefix("kubernetes:"),
                name=request.name,
                inputs=inputs,
                secrets=frozenset(secrets),
                parent=request.parent,
                provider=request.provider,
                dependencies=frozenset(request.dependencies),
                ignore_changes=tuple(request.ignoreChanges),
                replacement_trigger=_plain(json_format.MessageToDict(request.replacement_trigger), "", set()),
                delete_before_replace=request.deleteBeforeReplace,
                create_timeout=request.customTimeouts.create,
                update_timeout=request.customTimeouts.update,
            )
        )
        return _response(urn, f"{request.name}-id", self._state(request.type, request.name, inputs))

    def RegisterResourceOutputs(self, request: Any) -> Any:
        if "pulumi:pulumi:Stack" in request.urn:
            self.recorder.outputs = _plain(rpc.deserialize_properties(request.outputs, keep_unknowns=True), "", set())
        return empty_pb2.Empty()

    def _state(self, kind: str, name: str, inputs: Tree) -> Tree:
        state = dict(inputs)
        if kind == "docker:index/image:Image":
            repository = inputs["imageName"].rpartition(":")[0]
            state["repoDigest"] = UNKNOWN if self.preview else f"{repository}@{DIGEST}"
        elif kind == "pulumi:index:Stash":
            state["output"] = self.kept.get(name, inputs["input"])
        elif kind.startswith("kubernetes:"):
            state["metadata"] = {"name": f"{name}-1a2b3c4d", **inputs["metadata"]}
        if inputs.get("spec", {}).get("type") == "LoadBalancer":
            state["status"] = {"loadBalancer": {"ingress": UNKNOWN if self.preview else [dict(self.ingress)]}}
        return state


def _response(urn: str, identifier: str, state: Tree) -> Any:
    properties = asyncio.run(rpc.serialize_properties(state, {}))
    return resource_pb2.RegisterResourceResponse(urn=urn, id=identifier, object=properties)


def _plain(value: Tree, path: str, secrets: set[str]) -> Tree:
    if isinstance(value, dict):
        tree = cast("dict[str, Tree]", value)
        if tree.get(_SPECIAL) == _SECRET:
            secrets.add(path)
            return _plain(tree["value"], path, secrets)
        return {key: _plain(item, f"{path}.{key}" if path else key, secrets) for key, item in tree.items()}
    if isinstance(value, list):
        return [_plain(item, f"{path}[{index}]", secrets) for index, item in enumerate(cast("list[Tree]", value))]
    if isinstance(value, Unknown):
        return UNKNOWN
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _check(recorder: Recorder) -> None:
    urns = [resource.urn for resource in recorder.resources]
    assert len(urns) == len(set(urns)), f"registered twice: {sorted({urn for urn in urns if urns.count(urn) > 1})}"
    for resource in recorder.resources:
        assert _PRINTED_OUTPUT not in json.dumps(resource.inputs), f"{resource.name} has an Output printed into it"
        package = resource.urn.split("::")[2].rpartition("$")[2].partition(":")[0]
        if package in ("kubernetes", "docker"):
            assert f"pulumi:providers:{package}::" in resource.provider, f"{resource.name} has no explicit provider"
