"""What `tfk8s diff` foretells is what the real engine then plans, resource by resource."""

import copy
from collections.abc import Generator, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from pulumi import automation
from ruamel.yaml import YAML

from local import engine, paths, tools
from local.cluster import credentials
from local.cluster.api import connect
from local.progress import to_stdout
from ops import cli
from ops.difference.base import with_context
from ops.difference.plan import difference
from ops.difference.step import Step
from ops.recording import Recording, record, run_recorded
from ops.replacing import REFUSED
from tests.e2e import immutable
from tests.e2e.platform import Platform, changed_training_code, words

_YAML: Any = YAML(typ="safe")
_JOB = "tfk8s:trainingJobs.digits"
_MODEL = "tfk8s:models.digits"
_TENANT = "tfk8s:tenants.ml"
_IMAGES = "tfk8s:images"

CHANGES: dict[str, dict[str, Any]] = {
    "another quota": {f"{_TENANT}.quota.requests.cpu": 5},
    "the same quota in other words": {f"{_TENANT}.quota.requests.memory": "8192Mi"},
    "labels of a tenant": {f"{_TENANT}.labels": {"team": "vision"}},
    "fewer replicas": {f"{_MODEL}.autoscaling.maxReplicas": 2},
    "more resources": {f"{_MODEL}.resources.cpu": "250m"},
    "longer requests": {f"{_MODEL}.requestTimeout": "7s"},
    "surge in percent": {f"{_MODEL}.rollout.maxSurge": "25%"},
    "another tenant": {
        "tfk8s:tenants": {"ml2": words()["tfk8s:tenants"]["ml"]},
        f"{_JOB}.tenant": "ml2",
        f"{_MODEL}.tenant": "ml2",
    },
    "other callers": {f"{_MODEL}.expose.loadBalancer.sourceRanges": ["127.0.0.0/8", "10.0.0.0/8"]},
    "another attempt": {f"{_JOB}.attempt": 2},
    "what a declared run ignores": {f"{_JOB}.deadline": "11m", f"{_JOB}.resources.cpu": "400m"},
    "the next version": {f"{_JOB}.version": 2, f"{_MODEL}.tracks.stable.version": 2},
    "no training any more": {"tfk8s:trainingJobs": {}},
    "nothing served any more": {"tfk8s:models": {}},
    "a moved store": {"tfk8s:store.size": "20Gi"},
    "credentials": {f"{_IMAGES}.registries": {"127.0.0.1:15000": {"username": "a", "password": "b"}}},
    "an image built elsewhere": {f"{_IMAGES}.training": {"ref": "127.0.0.1:15000/tfk8s/train:1"}},
    "another base image": {f"{_IMAGES}.training.build.base": "127.0.0.1:15000/tfk8s/tensorflow:2.21.1"},
    "another serving image": {f"{_IMAGES}.serving.ref": "127.0.0.1:15000/tfk8s/serving:2.21.1"},
}


@pytest.fixture(scope="module")
def pulumi(platform: Platform) -> Path:
    """The engine, beside a platform that is up as committed."""
    assert platform.up().status == 0
    return tools.pulumi(to_stdout)


@pytest.fixture(scope="module")
def committed(pulumi: Path) -> Recording:
    return with_context(record(ours(words()), stack="local"), paths.ROOT)


@pytest.fixture(scope="module")
def frozen(pulumi: Path) -> Generator[automation.Stack]:
    """A stack of every object that has an immutable field, deployed."""
    stack = engine.stack_of("frozen", pulumi, immutable.program(changed=False))
    stack.up(suppress_progress=True, suppress_outputs=True)
    yield stack
    stack.destroy(suppress_progress=True, suppress_outputs=True)


def ours(config: Mapping[str, Any]) -> dict[str, Any]:
    return {key.removeprefix("tfk8s:"): value for key, value in config.items() if key.startswith("tfk8s:")}


def with_changes(changes: Mapping[str, Any]) -> dict[str, Any]:
    """The committed words, with others at dotted paths."""
    config = copy.deepcopy(words())
    for path, value in changes.items():
        *parents, last = path.split(".")
        here = config
        for key in parents:
            here = here.setdefault(key, {})
        here[last] = value
    return config


def by_urn(steps: Iterable[Step]) -> dict[str, str]:
    return {step.urn: step.op for step in steps if step.op != "same"}


def planned(stack: automation.Stack) -> dict[str, str]:
    """What the engine plans, but for the provider that it brings itself for its own Stashes."""
    return {urn: op for urn, op in engine.planned(stack).items() if "pulumi:providers:pulumi::" not in urn}


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_stack_file_is_planned_as_foretold(
    name: str, pulumi: Path, committed: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = with_changes(CHANGES[name])
    foretold = difference(committed.resources, with_context(record(ours(config), stack="local"), paths.ROOT).resources)
    _YAML.dump({"config": {key: value for key, value in config.items() if key.startswith("tfk8s:")}}, tmp_path / "o")
    monkeypatch.setenv("TFK8S_OVERRIDES", str(tmp_path / "o"))

    assert by_urn(foretold) == planned(engine.repository_stack("local", pulumi))


def test_changed_code_is_planned_as_foretold(pulumi: Path, committed: Recording) -> None:
    with changed_training_code():
        after = with_context(record(ours(words()), stack="local"), paths.ROOT)
        told = planned(engine.repository_stack("local", pulumi))
    foretold = difference(committed.resources, after.resources)
    assert by_urn(foretold) == told
    assert {step.kind for step in foretold} == {"Image", "Deployment"}


def test_every_field_that_replaces_is_foretold(frozen: automation.Stack) -> None:
    before, after = (
        run_recorded(immutable.program(changed=changed), words={}, stack="frozen").resources
        for changed in (False, True)
    )
    frozen.workspace.program = immutable.program(changed=True)

    assert by_urn(difference(before, after)) == planned(frozen)


def test_another_cluster_is_foretold_to_replace_everything(frozen: automation.Stack) -> None:
    here, elsewhere = immutable.program(changed=False), immutable.program(changed=False, cluster="another")
    before, after = (run_recorded(program, words={}, stack="frozen").resources for program in (here, elsewhere))
    frozen.workspace.program = elsewhere

    foretold = by_urn(difference(before, after))
    assert foretold == planned(frozen)
    assert set(foretold.values()) == {"replace"}


def test_the_command_compares_with_another_revision(pulumi: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["diff", "local", "--base", "HEAD"]) == 0
    assert "local against HEAD: " in capfd.readouterr().out


SAMPLES: dict[str, tuple[str, dict[str, Any]]] = {
    "Job": (
        f"/apis/batch/v1/namespaces/{immutable.NAMESPACE}/jobs/job-backoff",
        {
            "spec.backoffLimitPerIndex": 1,
            "spec.completionMode": "Indexed",
            "spec.managedBy": "example.org/other",
            "spec.podFailurePolicy": {
                "rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}]
            },
            "spec.successPolicy": {"rules": [{"succeededCount": 1}]},
        },
    ),
    "PersistentVolumeClaim": (
        f"/api/v1/namespaces/{immutable.NAMESPACE}/persistentvolumeclaims/claim-modes",
        {
            "spec.dataSource": {"kind": "PersistentVolumeClaim", "name": "other"},
            "spec.dataSourceRef": {"kind": "PersistentVolumeClaim", "name": "other"},
            "spec.volumeMode": "Block",
        },
    ),
    "PersistentVolume": ("/api/v1/persistentvolumes/volume-path", {"spec.volumeMode": "Block"}),
    "RuntimeClass": ("/apis/node.k8s.io/v1/runtimeclasses/runtime", {"handler": "other"}),
    "PriorityClass": (
        "/apis/scheduling.k8s.io/v1/priorityclasses/priority",
        {"value": 6, "preemptionPolicy": "Never"},
    ),
    "StorageClass": (
        "/apis/storage.k8s.io/v1/storageclasses/class-parameters",
        {"reclaimPolicy": "Retain", "volumeBindingMode": "WaitForFirstConsumer"},
    ),
}
"""An object of each kind, and values for its fields that are valid as such."""


@pytest.mark.parametrize(("kind", "field"), [(kind[1], field) for kind, fields in REFUSED.items() for field in fields])
def test_the_api_server_refuses_what_is_said_to_fail(kind: str, field: str, frozen: automation.Stack) -> None:
    path, values = SAMPLES[kind]
    body = values[field]
    for key in reversed(field.split(".")):
        body = {key: body}
    with connect(credentials.ADMIN) as client:
        answer = client.patch(
            path, params={"dryRun": "All"}, json=body, headers={"Content-Type": "application/merge-patch+json"}
        )
    assert answer.status_code == 422, answer.text
    assert any(said in answer.text for said in ("immutable", "may not be changed", "are forbidden")), answer.text
