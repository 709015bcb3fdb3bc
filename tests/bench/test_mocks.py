"""What components, settings, plan and checks cost on top of Pulumi: 1,000 resources under mocks, ours against bare."""

import gc
import importlib
import re
import time
from collections.abc import Callable, Mapping
from typing import Any, cast

import pulumi
import pulumi_kubernetes

from ops.recording import Recording, record, run_recorded
from tests.unit.words import sound

SETS = 31
"""Of two tenants, a training job and a model each; 33 resources a set."""
RESOURCES = 1000
ROUNDS = 5
ALLOWED = 1.3
"""Times bare Pulumi, in the same run."""


def many() -> dict[str, object]:
    """The sound stack so many times over in one stack file."""
    once = cast("dict[str, Any]", sound())
    (job,), (model,) = once["trainingJobs"].values(), once["models"].values()
    numbers = range(SETS)
    return {
        **once,
        "tenants": {f"{name}-{n}": tenant for n in numbers for name, tenant in once["tenants"].items()},
        "trainingJobs": {f"digits-{n}": {**job, "tenant": f"{job['tenant']}-{n}"} for n in numbers},
        "models": {f"digits-{n}": {**model, "tenant": f"{model['tenant']}-{n}"} for n in numbers},
    }


def bare(recording: Recording) -> Callable[[], None]:
    """A program without ours in it: the same objects from plain dictionaries, and as many empty components."""
    calls: list[tuple[Callable[..., object] | None, str, Mapping[str, object]]] = []
    for number, resource in enumerate(recording.resources):
        kind, inputs = None, dict[str, object]()
        if resource.is_object:
            kind, inputs = class_of(resource.type), {snake_case(key): value for key, value in resource.inputs.items()}
        calls.append((kind, f"{resource.name}-{number}", inputs))

    def program() -> None:
        options = pulumi.ResourceOptions(provider=pulumi_kubernetes.Provider("cluster", context="test"))
        for kind, name, inputs in calls:
            if kind is None:
                pulumi.ComponentResource("tfk8s:index:Empty", name)
            else:
                kind(name, opts=options, **inputs)

    return program


def class_of(token: str) -> Callable[..., object]:
    """Of the SDK: `apps/v1:Deployment` is `pulumi_kubernetes.apps.v1.Deployment`."""
    group, version, kind = re.split("[/:]", token)
    return getattr(importlib.import_module(f"pulumi_kubernetes.{group.partition('.')[0]}.{version}"), kind)


def snake_case(key: str) -> str:
    return re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", key)


def seconds(run: Callable[[], object]) -> float:
    """Of the processor, so that whatever else the machine does counts little; garbage of others is not collected."""
    gc.collect()
    started = time.process_time()
    run()
    return time.process_time() - started


def test_a_thousand_resources_cost_little_more_than_bare_pulumi() -> None:
    words = many()
    recording = record(words)
    program = bare(recording)
    assert len(recording.resources) >= RESOURCES
    plain = run_recorded(program, words={})
    assert len(plain.resources) == len(recording.resources) + 1, "its provider"
    # In turn, so that a busy machine slows both.
    times = [(seconds(lambda: record(words)), seconds(lambda: run_recorded(program, words={}))) for _ in range(ROUNDS)]
    ours, theirs = (min(column) for column in zip(*times, strict=True))
    print(f"\n{len(recording.resources)} resources under mocks: {ours:.2f} s, bare Pulumi {theirs:.2f} s,", end=" ")
    print(f"ratio {ours / theirs:.2f} (at most {ALLOWED})")
    assert ours <= ALLOWED * theirs
