"""Manifests of what a program would create: plain, complete, in a stable order, and without secrets."""

import base64
import io
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Final, cast

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import LiteralScalarString

from ops.problem import CommandError
from ops.recording import Answers, Resource, Tree

REDACTED: Final = '{"redacted":"by tfk8s render"}'
"""Stands for every secret value. JSON, since the API server refuses anything else as registry credentials."""

_CLUSTER_SCOPED: Final = "_cluster"
_FIRST_KEYS: Final = ("apiVersion", "kind", "metadata", "name")
"""Where people look for them; all other keys are sorted."""


def manifest(resource: Resource, answers: Answers) -> Mapping[str, Tree]:
    """The object as the API server would get it: named, and each secret replaced by REDACTED."""
    inputs = resource.inputs
    tree = dict(_redacted(inputs, "", resource.secrets))
    tree["metadata"] = {"name": f"{resource.name}-{answers.suffix}", **tree["metadata"]}
    if tree["kind"] == "Secret":
        tree.pop("stringData", None)  # a way to write data that the API server never shows
        tree["data"] = {key: _base64(REDACTED) for key in (*inputs.get("data", {}), *inputs.get("stringData", {}))}
    return cast("Mapping[str, Tree]", _sorted(tree))


def place(tree: Mapping[str, Tree]) -> PurePosixPath:
    """Its file: `<namespace or _cluster>/<kind>-<name>.yaml`."""
    metadata = tree["metadata"]
    return PurePosixPath(metadata.get("namespace", _CLUSTER_SCOPED), f"{tree['kind'].lower()}-{metadata['name']}.yaml")


def files(resources: Iterable[Resource], answers: Answers) -> Mapping[PurePosixPath, str]:
    """Text of every manifest by its place, sorted.

    Args:
        resources: Objects of the cluster.
        answers: What stands for the things an update finds out; each file says which of them it holds.

    Raises:
        CommandError: Two resources are the same object.
    """
    texts: dict[PurePosixPath, str] = {}
    for resource in resources:
        tree = manifest(resource, answers)
        path = place(tree)
        if path in texts:
            msg = f"{resource.urn} is the same object as another resource: {path.with_suffix('')}"
            raise CommandError(msg)
        texts[path] = _text(tree, answers)
    return dict(sorted(texts.items()))


def _text(tree: Mapping[str, Tree], answers: Answers) -> str:
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.width = 4096  # lines as long as their values: a broken one is a worse diff
    yaml.indent(mapping=2, sequence=4, offset=2)  # pyright: ignore[reportUnknownMemberType] - ruamel.yaml is untyped
    stream = io.StringIO()
    yaml.dump(tree, stream)  # pyright: ignore[reportUnknownMemberType] - as above
    body = stream.getvalue()
    return "".join(f"# {remark}\n" for remark in _remarks(tree, body, answers)) + body


def _remarks(tree: Mapping[str, Tree], body: str, answers: Answers) -> Iterable[str]:
    if answers.digest in body:
        yield f"The digest {answers.digest[:12]}… stands for that of an image which an update builds."
    if f"-{answers.suffix}" in body:
        yield f"Names that end in -{answers.suffix} get eight other characters when they are created."
    if tree["kind"] == "Secret" or REDACTED in body:
        yield "Secret values are replaced: applied as it is, this object would not work."


def _redacted(value: Tree, path: str, secrets: frozenset[str]) -> Tree:
    """Paths are written as `Resource.secrets` has them."""
    if path in secrets:
        return REDACTED
    if isinstance(value, dict):
        tree = cast("dict[str, Tree]", value)
        return {key: _redacted(item, f"{path}.{key}" if path else key, secrets) for key, item in tree.items()}
    if isinstance(value, list):
        items = cast("list[Tree]", value)
        return [_redacted(item, f"{path}[{index}]", secrets) for index, item in enumerate(items)]
    return value


def _sorted(value: Tree) -> Tree:
    if isinstance(value, dict):
        tree = cast("dict[str, Tree]", value)
        return {key: _sorted(tree[key]) for key in sorted(tree, key=_rank)}
    if isinstance(value, list):
        return [_sorted(item) for item in cast("list[Tree]", value)]
    if isinstance(value, str) and "\n" in value:
        return LiteralScalarString(value)
    return value


def _rank(key: str) -> tuple[int, str]:
    return (_FIRST_KEYS.index(key) if key in _FIRST_KEYS else len(_FIRST_KEYS), key)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
