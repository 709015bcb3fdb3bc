"""Image resources: defaults, differences, credentials, and the text of failures."""

import json
from pathlib import Path

import pytest

from local.plugins.docker import build, inputs
from local.plugins.serve import PluginError
from local.plugins.wire import UNKNOWN, Object

NAME = "127.0.0.1:15000/tfk8s/train:local"


@pytest.fixture
def image(tmp_path: Path) -> Object:
    (tmp_path / "Dockerfile").write_text("FROM scratch")
    return {"imageName": NAME, "build": {"context": str(tmp_path), "dockerfile": str(tmp_path / "Dockerfile")}}


def test_defaults_are_those_of_pulumi_docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("Dockerfile").write_text("FROM scratch")
    found = inputs.complete({"imageName": NAME})
    assert found["buildOnPreview"] is False
    digest = found["build"].pop("contextDigest")
    assert len(digest) == 64
    assert found["build"] == {"context": ".", "dockerfile": "./Dockerfile", "platform": "linux/amd64"}


def test_an_unchanged_context_is_no_difference(image: Object) -> None:
    assert inputs.differences(inputs.complete(image), inputs.complete(image)) == {}


def test_a_changed_file_or_argument_changes_the_build(image: Object, tmp_path: Path) -> None:
    before = inputs.complete(image)
    with_argument = inputs.complete({**image, "build": {**image["build"], "args": {"A": "1"}}})
    assert inputs.differences(before, with_argument) == {"build": "UPDATE"}
    (tmp_path / "new").write_text("x")
    assert inputs.differences(before, inputs.complete(image)) == {"build": "UPDATE"}


def test_credentials_are_no_difference_but_the_server_is(image: Object) -> None:
    registry = {"server": "r.example.org", "username": "u", "password": "old"}
    before = {**image, "registry": registry}
    assert inputs.differences(before, {**image, "registry": {**registry, "password": "new"}}) == {}
    assert inputs.differences(before, {**image, "registry": {**registry, "server": "other"}}) == {"registry": "UPDATE"}
    assert inputs.differences(before, image) == {"registry": "DELETE"}
    assert inputs.differences(image, before) == {"registry": "ADD"}


def test_a_missing_dockerfile_is_refused_with_a_hint(image: Object, tmp_path: Path) -> None:
    wrong = {**image, "build": {"context": str(tmp_path), "dockerfile": "Dockerfile"}}
    with pytest.raises(PluginError, match="Try setting `dockerfile` to") as caught:
        inputs.complete(wrong)
    assert str(tmp_path / "Dockerfile") in str(caught.value)


@pytest.mark.parametrize("name", ["train:1", "foo/train:1"])
def test_a_pushed_name_must_name_its_registry(image: Object, name: str) -> None:
    with pytest.raises(PluginError, match="must be canonical"):
        inputs.complete({**image, "imageName": name})
    assert inputs.complete({**image, "imageName": name, "skipPush": True})["imageName"] == name


def test_unknown_inputs_wait(image: Object) -> None:
    unknown = {**image, "build": {"context": UNKNOWN, "dockerfile": UNKNOWN}}
    assert "contextDigest" not in inputs.complete(unknown)["build"]
    assert not inputs.can_build_in_preview({**image, "imageName": UNKNOWN, "buildOnPreview": True})
    assert not inputs.can_build_in_preview(inputs.complete(image))
    assert inputs.can_build_in_preview(inputs.complete({**image, "buildOnPreview": True}))


def test_outputs_have_pulumi_dockers_names(image: Object, tmp_path: Path) -> None:
    made = inputs.read(inputs.complete(image))
    assert inputs.outputs(made, f"{build.without_tag(NAME)}@sha256:1") == {
        "baseImageName": NAME,
        "context": str(tmp_path),
        "dockerfile": "Dockerfile",
        "imageName": NAME,
        "platform": "linux/amd64",
        "registryServer": "",
        "repoDigest": "127.0.0.1:15000/tfk8s/train@sha256:1",
    }


def test_a_tag_is_not_a_port() -> None:
    assert build.without_tag("r:5000/a/b") == "r:5000/a/b"
    assert build.without_tag("r:5000/a/b:1") == "r:5000/a/b"


def with_credentials(image: Object, **registry: str) -> inputs.Build:
    return inputs.read(inputs.complete({**image, "registry": registry}))


def test_credentials_are_in_a_private_file_and_nowhere_else(image: Object, tmp_path: Path) -> None:
    made = with_credentials(image, server="https://r.example.org/v2/", username="u", password="p")
    path = build.write_authfile(made, tmp_path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert json.loads(path.read_text()) == {"auths": {"r.example.org": {"auth": "dTpw"}}}
    assert "'p'" not in repr(made)


def test_without_a_server_the_names_registry_gets_the_credentials(image: Object, tmp_path: Path) -> None:
    path = build.write_authfile(with_credentials(image, username="u", password="p"), tmp_path)
    assert list(json.loads(path.read_text())["auths"]) == ["127.0.0.1:15000"]


def test_a_failed_build_shows_the_step_and_what_it_printed(image: Object) -> None:
    made = inputs.read(inputs.complete(image))
    lines = ["STEP 1/2: FROM x", "pulling", "STEP 2/2: RUN make", "make: no rule", "Error: exit status 2"]
    message = build.failed_step(made, 2, lines)
    assert f"image {NAME}: the build failed (exit code 2) at step 2/2: RUN make\n  make: no rule\n" in message
    assert "pulling" not in message
    assert message.endswith(f"Dockerfile: {made.dockerfile}")


def test_a_refused_push_says_what_to_check(image: Object) -> None:
    made = with_credentials(image, username="u", password="p")
    message = build.failed_push(made, 125, ["Error: unauthorized: authentication required"])
    assert "user u" in message
    assert "check registry.username and registry.password" in message
    assert "check registry" not in build.failed_push(made, 125, ["Error: connection refused"])


def test_a_cache_of_buildkit_is_accepted_and_does_not_reach_the_build(image: Object) -> None:
    cached = {
        **image["build"],
        "args": {"BASE_IMAGE": "x", "BUILDKIT_INLINE_CACHE": "1"},
        "cacheFrom": {"images": ["127.0.0.1:15000/tfk8s/train:local"]},
    }
    completed = inputs.complete({**image, "build": cached})
    assert completed["build"]["cacheFrom"] == cached["cacheFrom"]
    assert inputs.read(completed).args == {"BASE_IMAGE": "x"}
