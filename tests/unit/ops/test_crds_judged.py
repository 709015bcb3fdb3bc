"""The judge of custom resources in `make lint`, by a definition of no one's: it must be able to say no."""

from pathlib import Path

import pytest

from tests.lint.crds import Crds, against_crds, read_crds

DEFINITION = """
kind: CustomResourceDefinition
spec:
  group: example.org
  names: {kind: Well}
  versions:
  - name: v1
    served: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          apiVersion: {type: string}
          kind: {type: string}
          metadata: {type: object}
          spec:
            type: object
            required: [depth]
            properties:
              depth: {anyOf: [{type: integer}, {type: string}], x-kubernetes-int-or-string: true}
              labels: {type: object, additionalProperties: {type: string}}
              free: {type: object, x-kubernetes-preserve-unknown-fields: true, properties: {a: {type: string}}}
  - {name: v0, served: false, schema: {openAPIV3Schema: {type: object}}}
"""


@pytest.fixture
def crds(tmp_path: Path) -> Crds:
    (tmp_path / "wells.yaml").write_text(f"---\n{DEFINITION}")
    return read_crds(tmp_path)


def said(crds: Crds, **spec: object) -> list[str]:
    tree = {"apiVersion": "example.org/v1", "kind": "Well", "metadata": {"name": "deep"}, "spec": spec}
    return list(against_crds(tree, crds))


def test_versions_that_are_served_are_known(crds: Crds) -> None:
    assert set(crds) == {("example.org/v1", "Well")}


def test_a_sound_object_passes(crds: Crds) -> None:
    assert said(crds, depth="3", labels={"a": "b"}, free={"b": 1}) == []


def test_an_unknown_field_is_refused(crds: Crds) -> None:
    [finding] = said(crds, depth=3, dpeth=4)
    assert finding.startswith("Well deep: its CRD refuses spec: ")
    assert "dpeth" in finding


def test_a_wrong_or_missing_value_is_refused_with_its_path(crds: Crds) -> None:
    assert "refuses spec.labels.a: 1 is not of type" in said(crds, depth=3, labels={"a": 1})[0]
    assert "'depth' is a required property" in said(crds)[0]


def test_a_directory_without_definitions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no CustomResourceDefinition"):
        read_crds(tmp_path)
