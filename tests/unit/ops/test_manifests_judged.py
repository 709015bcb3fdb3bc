"""The judges of `make lint` over rendered manifests: each must be able to say no."""

import dataclasses
from collections.abc import Mapping

import pytest

from ops.manifests import manifest
from ops.recording import Answers, Tree
from tests.lint.exceptions import KEPT
from tests.lint.manifests import MINORS, against_schemas, kept_or_not
from tests.unit.recorder import sound_platform

EXCEPTED = [
    (stack, check, resource)
    for kept in KEPT
    for stack in kept.stacks
    for check in kept.checks
    for resource in kept.resources
]


def deployment(**spec: object) -> Mapping[str, Tree]:
    one = sound_platform().one("apps/v1:Deployment", "digits-v3")
    inputs = {**one.inputs, "spec": {**one.inputs["spec"], **spec}}
    return manifest(dataclasses.replace(one, inputs=inputs), Answers())


def test_a_sound_object_passes_three_minors() -> None:
    assert len(MINORS) == 3
    assert list(against_schemas(deployment())) == []


@pytest.mark.parametrize("minor", MINORS)
def test_a_mistyped_field_is_refused_by_each_minor(minor: str) -> None:
    [said] = against_schemas(deployment(replicaz=1), [minor])
    assert said.startswith(f"serve/deployment-digits-v3: Kubernetes {minor} refuses spec: ")
    assert "replicaz" in said


def test_a_wrong_type_is_refused_with_its_path() -> None:
    [said, *_] = against_schemas(deployment(minReadySeconds="10"))
    assert "refuses spec.minReadySeconds: '10' is not of type" in said


def test_a_kind_nobody_knows_is_refused_and_not_passed_over() -> None:
    strange = {"apiVersion": "example.org/v1", "kind": "Stranger", "metadata": {"name": "one"}}
    assert list(against_schemas(strange, ["1.37"])) == [
        "_cluster/stranger-one: Kubernetes 1.37 has no example.org/v1 Stranger: nothing can judge it"
    ]


def test_findings_with_an_exception_pass() -> None:
    assert list(kept_or_not(EXCEPTED)) == []


def test_a_finding_without_an_exception_is_said() -> None:
    found = ("prod", "CKV_K8S_16", "Deployment.ml-serving.digits-v1")
    assert list(kept_or_not([*EXCEPTED, found])) == ["prod: Deployment.ml-serving.digits-v1: checkov CKV_K8S_16"]


def test_an_exception_that_is_not_needed_is_said() -> None:
    left = [found for found in EXCEPTED if found[1] != "CKV_K8S_22"]
    [said] = kept_or_not(left)
    assert "CKV_K8S_22 is kept for nothing" in said


def test_every_exception_has_a_reason() -> None:
    assert all(len(kept.reason.split()) > 5 for kept in KEPT)
