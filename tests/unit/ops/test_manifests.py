import base64
import dataclasses
import functools
import json
from collections.abc import Mapping
from pathlib import PurePosixPath

import pytest
from ruamel.yaml import YAML

from infra.overrides import stack_file_words
from ops.manifests import REDACTED, files, manifest, place
from ops.problem import CommandError
from ops.recording import Answers, Recording, Resource, Tree, record
from ops.stackfile import ROOT
from tests.unit.words import changed

STACKS = ("local", "dev", "prod")
PASSWORD = "s3cret"
LOGGED_IN = ("images.registries", {"nvcr.io": {"username": "robot", "password": PASSWORD}})
each_stack = pytest.mark.parametrize("stack", STACKS)


@functools.cache
def recording(stack: str) -> Recording:
    return record(stack_file_words(ROOT / f"Pulumi.{stack}.yaml", {}), stack=stack)


@functools.cache
def rendered(stack: str) -> Mapping[PurePosixPath, str]:
    return files(recording(stack).objects(), Answers())


@functools.cache
def with_credentials() -> Recording:
    return record(changed(LOGGED_IN))


@functools.cache
def read(text: str) -> Tree:
    return YAML(typ="safe", pure=True).load(text)  # pyright: ignore[reportUnknownMemberType] - ruamel.yaml is untyped


def without_nothing(tree: Tree) -> None:
    values = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType] - JSON-like
    for value in values:  # pyright: ignore[reportUnknownVariableType] - as above
        assert value is not None
        without_nothing(value)


@each_stack
def test_a_file_says_exactly_what_the_api_server_would_get(stack: str) -> None:
    for one in recording(stack).objects():
        tree = manifest(one, Answers())
        assert read(rendered(stack)[place(tree)]) == tree
        assert {**tree["metadata"], **one.inputs["metadata"]} == tree["metadata"]
        assert {key: tree[key] for key in one.inputs if key != "metadata"} == {
            key: value for key, value in one.inputs.items() if key != "metadata"
        }
        without_nothing(tree)


@each_stack
def test_every_object_has_a_file_named_after_it(stack: str) -> None:
    assert len(rendered(stack)) == len(recording(stack).objects())
    for path, text in rendered(stack).items():
        tree = read(text)
        assert path.parent.name == tree["metadata"].get("namespace", "_cluster")
        assert path.name == f"{tree['kind'].lower()}-{tree['metadata']['name']}.yaml"


def test_files_and_keys_do_not_depend_on_the_order_of_registration() -> None:
    objects = recording("prod").objects()
    backwards = [dataclasses.replace(one, inputs=dict(reversed(one.inputs.items()))) for one in reversed(objects)]
    again = files(backwards, Answers())
    assert list(again.items()) == list(rendered("prod").items())
    assert list(again) == sorted(again)


@each_stack
def test_people_find_kind_and_name_at_the_top(stack: str) -> None:
    for text in rendered(stack).values():
        lines = [line for line in text.splitlines() if not line.startswith("#")]
        assert [line.partition(":")[0].strip() for line in lines[:4]] == ["apiVersion", "kind", "metadata", "name"]


def test_a_digest_nobody_knows_yet_is_valid_and_marked() -> None:
    text = rendered("prod")[PurePosixPath("ml-training/job-digits-v1.yaml")]
    image = read(text)["spec"]["template"]["spec"]["containers"][0]["image"]
    assert image == f"registry.example.org/ml/train@sha256:{'0' * 64}"
    assert text.startswith("# The digest sha256:00000… stands for that of an image which an update builds.\n")


def test_a_name_nobody_knows_yet_is_marked_wherever_it_stands() -> None:
    named = [path for path, text in rendered("prod").items() if text.count("Names that end in -00000000")]
    assert named == [path for path, text in rendered("prod").items() if "config-00000000\n" in text]
    assert PurePosixPath("ml-serving/configmap-digits-v1-config-00000000.yaml") in named
    assert PurePosixPath("ml-serving/deployment-digits-v1.yaml") in named


def test_what_is_known_has_no_remark() -> None:
    assert rendered("prod")[PurePosixPath("ml-serving/service-digits.yaml")].startswith("apiVersion: v1\n")


def secrets() -> list[Resource]:
    return [one for one in with_credentials().objects() if one.type == "core/v1:Secret"]


def test_no_secret_is_in_any_file() -> None:
    login = base64.b64encode(f"robot:{PASSWORD}".encode()).decode()
    encoded = [one.inputs["data"][".dockerconfigjson"] for one in secrets()]
    assert all(login in base64.b64decode(value).decode() for value in encoded)
    written = "".join(files(with_credentials().objects(), Answers()).values())
    for value in (PASSWORD, login, *encoded):
        assert value not in written


def test_a_redacted_secret_is_valid_and_says_so() -> None:
    texts = list(files(secrets(), Answers()).values())
    assert len(texts) == 3
    for text in texts:
        assert "# Secret values are replaced: applied as it is, this object would not work.\n" in text
        assert base64.b64decode(read(text)["data"][".dockerconfigjson"]).decode() == REDACTED
    assert json.loads(REDACTED)


def test_a_secret_written_as_text_is_redacted_too() -> None:
    [first, *_] = secrets()
    inputs = {**first.inputs, "data": {}, "stringData": {"password": PASSWORD}}
    tree = manifest(dataclasses.replace(first, inputs=inputs, secrets=frozenset()), Answers())
    assert "stringData" not in tree
    assert base64.b64decode(tree["data"]["password"]).decode() == REDACTED


def test_a_secret_value_of_another_kind_of_object_is_redacted_too() -> None:
    [config, *_] = [one for one in recording("local").objects() if one.type == "core/v1:ConfigMap"]
    hidden = dataclasses.replace(config, secrets=frozenset({"data.models.config"}))
    tree = manifest(hidden, Answers())
    assert tree["data"]["models.config"] == REDACTED
    assert tree["data"]["monitoring.config"] == config.inputs["data"]["monitoring.config"]


def test_one_object_twice_is_refused() -> None:
    [first] = [one for one in recording("local").objects() if one.type == "core/v1:Namespace"]
    with pytest.raises(CommandError, match="is the same object as another resource: _cluster/namespace-ml"):
        files([first, first], Answers())


@each_stack
def test_everything_says_what_it_is_part_of_and_whom_to_charge(stack: str) -> None:
    words: Tree = stack_file_words(ROOT / f"Pulumi.{stack}.yaml", {})
    tenants: Tree = words["tenants"]
    for path, text in rendered(stack).items():
        tree = read(text)
        owner = next((name for name in tenants if name == path.parent.name or name in tree["metadata"]["name"]), None)
        wanted: dict[str, str] = {
            **(tenants[owner].get("labels", {}) if owner is not None else {}),
            "app.kubernetes.io/part-of": "tfk8s",
            "app.kubernetes.io/managed-by": "pulumi",
        }
        labelled = [tree["metadata"]]
        if "template" in tree.get("spec", {}):
            labelled.append(tree["spec"]["template"]["metadata"])
        for metadata in labelled:
            assert wanted.items() <= metadata["labels"].items(), path
