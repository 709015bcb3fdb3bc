"""Resources as a recording has them, made of the few words that a test of their difference is about."""

from collections.abc import Mapping
from typing import Any

from ops.difference.plan import difference
from ops.difference.step import Step
from ops.recording import Resource

STACK = "urn:pulumi:test::tfk8s::pulumi:pulumi:Stack::tfk8s-test"


def urn(type_: str, name: str) -> str:
    return f"urn:pulumi:test::tfk8s::{type_}::{name}"


CLUSTER = urn("pulumi:providers:kubernetes", "cluster")


def resource(type_: str, name: str, inputs: Any, **options: Any) -> Resource:
    given: dict[str, Any] = {
        "urn": urn(type_, name),
        "type": type_.removeprefix("kubernetes:"),
        "name": name,
        "custom": True,
        "inputs": inputs,
        "secrets": frozenset(),
        "parent": STACK,
        "provider": "",
        "dependencies": frozenset(),
        "ignore_changes": (),
        "replacement_trigger": None,
        "delete_before_replace": False,
        "create_timeout": "",
        "update_timeout": "",
    }
    return Resource(**{**given, **options})


def provider(**inputs: object) -> Resource:
    return resource("pulumi:providers:kubernetes", "cluster", {"context": "a", **inputs})


def made(
    api: str, kind: str, name: str, body: Mapping[str, Any], metadata: Mapping[str, Any] | None = None, **options: Any
) -> Resource:
    """An object, named like its resource unless told otherwise."""
    group = api if "/" in api else f"core/{api}"
    inputs = {
        "apiVersion": api,
        "kind": kind,
        "metadata": {"name": name, "namespace": "ml"} if metadata is None else metadata,
        **body,
    }
    return resource(f"kubernetes:{group}:{kind}", name, inputs, provider=f"{CLUSTER}::id", **options)


def config_map(name: str = "map", data: Any = None, **options: Any) -> Resource:
    return made("v1", "ConfigMap", name, {"data": data or {"a": "1"}}, **options)


def job(spec: Any, **options: Any) -> Resource:
    labels = {"app.kubernetes.io/component": "training"}
    metadata = {"name": "digits-v1", "namespace": "ml", "labels": labels}
    return made("batch/v1", "Job", "digits-v1", {"spec": spec}, metadata, **options)


def service(selector: Any = None, **spec: Any) -> Resource:
    return made("v1", "Service", "digits", {"spec": {"selector": selector or {"app": "a"}, **spec}})


def workload(labels: Mapping[str, str] | None = None, **spec: Any) -> Resource:
    metadata: dict[str, Any] = {"name": "digits-v1", "namespace": "ml", "labels": labels or {}}
    return made(
        "apps/v1", "Deployment", "digits-v1", {"spec": {"selector": {"matchLabels": {"a": "b"}}, **spec}}, metadata
    )


def image(name: str = "host/train", **build: Any) -> Resource:
    return resource("docker:index/image:Image", "training-image", {"imageName": f"{name}:test", "build": build})


def only(before: list[Resource], after: list[Resource]) -> Step:
    (step,) = difference(before, after)
    return step
