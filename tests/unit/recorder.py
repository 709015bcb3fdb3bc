"""Runs components, or the whole program, and hands back plain values to assert on.

Everything has run and settled before a `Recorder` is returned, so no assertion can wait in an `apply` that never runs.
What a program promises of every resource is checked each time: no URN twice, no Output printed into a string, and the
explicit provider of its package.
"""

import functools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pulumi.runtime import resource as registration
from pulumi.runtime import rpc
from pulumi.runtime.proto import source_pb2
from pulumi.runtime.settings import Settings

from infra.overrides import stack_file_words
from ops.recording import UNKNOWN, Answers, Recording, Resource, Tree, run_program, run_recorded
from ops.stackfile import ROOT
from tests.unit.words import changed

__all__ = [
    "DIGEST",
    "ROOT",
    "UNKNOWN",
    "Recorder",
    "Resource",
    "Tree",
    "committed_platform",
    "record",
    "record_changed",
    "record_program",
    "sound_platform",
]

DIGEST = "sha256:" + "0123456789abcdef" * 4
_PRINTED_OUTPUT = "Calling __str__ on an Output"


@dataclass(kw_only=True)
class Recorder(Recording):
    """What a program registered, exported and said, with the questions tests ask."""

    def one(self, kind: str, name: str) -> Resource:
        """The one resource of this type and logical name."""
        found = [resource for resource in self.all(kind) if resource.name == name]
        assert len(found) == 1, f"{len(found)} of {kind} {name}; there are {[r.name for r in self.all(kind)]}"
        return found[0]

    def all(self, kind: str) -> list[Resource]:
        """Every resource of this type."""
        return [resource for resource in self.resources if resource.type == kind]

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
    stacks: Mapping[str, Mapping[str, object]] | None = None,
) -> Recorder:
    """Runs `build` as a program and returns what it did.

    Args:
        build: Registers resources.
        stack: The stack's name.
        preview: Nothing is built: digests are unknown.
        words: The project's configuration, by key without `tfk8s:`.
        kept: What Stashes keep from an earlier run, by logical name; others keep what they are given now.
        ingress: What load balancers get for an address; where it is empty they have none, and a preview knows that.
        stacks: Outputs of referenced stacks, by full name; those of others are unknown.
    """
    balanced = {"ip": "192.0.2.7"} if ingress is None else ingress
    answers = Answers(digest=DIGEST, suffix="1a2b3c4d", ingress=balanced, kept=kept or {}, stacks=stacks or {})
    recording = run_recorded(build, words=words or {}, stack=stack, preview=preview, answers=answers)
    recorder = Recorder(
        resources=recording.resources,
        outputs=recording.outputs,
        secret_outputs=recording.secret_outputs,
        warnings=recording.warnings,
    )
    _check(recorder)
    return recorder


def record_program(
    stack: str,
    *,
    changes: Mapping[str, object] | None = None,
    preview: bool = False,
    kept: Mapping[str, object] | None = None,
    stacks: Mapping[str, Mapping[str, object]] | None = None,
) -> Recorder:
    """Runs the repository's program with a stack file, some of its keys replaced whole."""
    words = {**stack_file_words(ROOT / f"Pulumi.{stack}.yaml", {}), **(changes or {})}
    return record(run_program, stack=stack, preview=preview, words=words, kept=kept, stacks=stacks)


def record_changed(
    *changes: tuple[str, object],
    preview: bool = False,
    kept: Mapping[str, object] | None = None,
    ingress: Mapping[str, str] | None = None,
    stacks: Mapping[str, Mapping[str, object]] | None = None,
) -> Recorder:
    """Runs the repository's program with the sound stack of `tests.unit.words`, values changed at key paths."""
    return record(run_program, preview=preview, words=changed(*changes), kept=kept, ingress=ingress, stacks=stacks)


@functools.cache
def sound_platform() -> Recorder:
    """The program with the sound stack as it is, run once for all tests that only look."""
    return record_changed()


@functools.cache
def committed_platform(stack: str) -> Recorder:
    """The program with a committed stack file as it is, run once for all tests that only look."""
    return record_program(stack)


def _no_stack_trace() -> source_pb2.StackTrace:
    return source_pb2.StackTrace()


# The SDK notes the whole stack at every registration, and pytest's is deep: a tenth of the suite's time.
registration.__dict__["_get_stack_trace"] = _no_stack_trace

# It takes apart the annotations of every field of every object, the same few hundred each time: a sixth of a recording.
_types = rpc.__dict__["_types"].__dict__
for _name in ("unwrap_type", "unwrap_optional_type", "resource_types"):
    _types[_name] = functools.cache(_types[_name])


def _value(self: Any, settings: object, _owner: object) -> object:
    value = self.fget()
    return self if settings is None or isinstance(value, dict) else value


# It asks its context twice for every value, five thousand times in a recording: a tenth.
vars(Settings)["outputs"].__class__.__get__ = _value


def _check(recorder: Recorder) -> None:
    urns = [resource.urn for resource in recorder.resources]
    assert len(urns) == len(set(urns)), f"registered twice: {sorted({urn for urn in urns if urns.count(urn) > 1})}"
    for resource in recorder.resources:
        assert _PRINTED_OUTPUT not in json.dumps(resource.inputs), f"{resource.name} has an Output printed into it"
        package = resource.urn.split("::")[2].rpartition("$")[2].partition(":")[0]
        if package in ("kubernetes", "docker"):
            assert f"pulumi:providers:{package}::" in resource.provider, f"{resource.name} has no explicit provider"
