"""CustomResourceDefinitions as judges of custom resources, as strictly as `kubectl --validate=strict`.

The definitions are whoever's they are and lie outside the repository: a directory of YAML files, such as
`config/components/crd/bases` of Kueue 0.15.2. Rules in CEL (x-kubernetes-validations) are not evaluated.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from jsonschema import Draft7Validator
from ruamel.yaml import YAML

Crds = Mapping[tuple[str, str], Draft7Validator]
"""By apiVersion and kind."""


def read_crds(directory: Path) -> Crds:
    """Every version that a definition in the directory has served.

    Raises:
        FileNotFoundError: It holds none.
    """
    found = dict[tuple[str, str], Draft7Validator]()
    for file in sorted(directory.glob("*.yaml")):
        for document in YAML(typ="safe", pure=True).load_all(file):  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - ruamel.yaml is untyped
            tree = cast("Mapping[str, Any]", document or {})
            if tree.get("kind") == "CustomResourceDefinition":
                found.update(_validators(tree["spec"]))
    if not found:
        msg = f"no CustomResourceDefinition in {directory}/*.yaml"
        raise FileNotFoundError(msg)
    return found


def against_crds(tree: Mapping[str, Any], crds: Crds) -> Iterator[str]:
    """What the definition refuses about a custom resource."""
    validator = crds[tree["apiVersion"], tree["kind"]]
    for error in validator.iter_errors(dict(tree)):  # pyright: ignore[reportUnknownMemberType] - untyped parameter
        path = ".".join(str(part) for part in error.absolute_path)
        yield f"{tree['kind']} {tree['metadata']['name']}: its CRD refuses {path or 'it'}: {error.message}"


def _validators(spec: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], Draft7Validator]]:
    for version in spec["versions"]:
        if version["served"]:
            key = f"{spec['group']}/{version['name']}", spec["names"]["kind"]
            yield key, Draft7Validator(_closed(version["schema"]["openAPIV3Schema"]))


def _closed(schema: Any) -> Any:
    """The schema with unknown fields refused, which the API server drops without a word by itself."""
    if isinstance(schema, list):
        return [_closed(one) for one in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(value) for key, value in cast("dict[str, Any]", schema).items()}
    is_object = closed.get("type") == "object" and isinstance(closed.get("properties"), dict)
    if is_object and not closed.get("x-kubernetes-preserve-unknown-fields"):
        closed.setdefault("additionalProperties", False)
    return closed
