"""The provider's operations on images."""

from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from pulumi.runtime.proto import provider_pb2 as rpc

from local.plugins.docker import provider
from local.plugins.serve import Engine, PluginError
from local.plugins.wire import Object, Secret, decode, encode

URN = "urn:pulumi:local::tfk8s::tfk8s:index:Image$docker:index/image:Image::train"
CONTEXT: Any = None  # no operation looks at gRPC's context


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> provider.DockerStandIn:
    builder = Mock()
    builder.return_value.run.return_value = "r.example.org/a@sha256:1"
    monkeypatch.setattr(provider, "Builder", builder)
    return provider.DockerStandIn(Mock(spec=Engine))


@pytest.fixture
def news(tmp_path: Path) -> Object:
    (tmp_path / "Dockerfile").write_text("FROM x")
    build = {"context": str(tmp_path), "dockerfile": str(tmp_path / "Dockerfile")}
    return {
        "imageName": "r.example.org/a:1",
        "build": build,
        "registry": {"server": "r.example.org", "username": "u", "password": Secret("p")},
    }


def checked(stand_in: provider.DockerStandIn, news: Object) -> Object:
    return decode(stand_in.Check(rpc.CheckRequest(urn=URN, news=encode(news)), CONTEXT).inputs)


def created(stand_in: provider.DockerStandIn, news: Object, *, preview: bool = False) -> rpc.CreateResponse:
    request = rpc.CreateRequest(urn=URN, properties=encode(checked(stand_in, news)), preview=preview)
    return stand_in.Create(request, CONTEXT)


def test_check_adds_defaults_and_keeps_secrets_secret(stand_in: provider.DockerStandIn, news: Object) -> None:
    found = checked(stand_in, news)
    assert found["registry"]["password"] == Secret("p")
    assert found["build"]["platform"] == "linux/amd64"
    assert "contextDigest" in found["build"]


def test_other_resources_are_refused(stand_in: provider.DockerStandIn) -> None:
    request = rpc.CheckRequest(urn=URN.replace("image:Image", "container:Container"), news=encode({}))
    with pytest.raises(PluginError, match="no docker:index/container:Container"):
        stand_in.Check(request, CONTEXT)


def test_a_preview_builds_nothing_and_knows_no_digest(stand_in: provider.DockerStandIn, news: Object) -> None:
    answer = created(stand_in, news, preview=True)
    assert "repoDigest" not in decode(answer.properties)
    assert isinstance(provider.Builder, Mock)
    provider.Builder.assert_not_called()


def test_create_yields_the_digest_and_keeps_the_inputs_secret(stand_in: provider.DockerStandIn, news: Object) -> None:
    answer = created(stand_in, news)
    state = decode(answer.properties)
    assert answer.id == "r.example.org/a:1"
    assert state["repoDigest"] == "r.example.org/a@sha256:1"
    assert isinstance(state["__inputs"], Secret)
    assert "registry" not in state


def test_an_unchanged_image_is_no_difference(stand_in: provider.DockerStandIn, news: Object) -> None:
    olds = created(stand_in, news).properties
    answer = stand_in.Diff(rpc.DiffRequest(urn=URN, olds=olds, news=encode(checked(stand_in, news))), CONTEXT)
    assert answer.changes == rpc.DiffResponse.DIFF_NONE


def test_a_changed_file_is_an_update_of_the_build(
    stand_in: provider.DockerStandIn, news: Object, tmp_path: Path
) -> None:
    olds = created(stand_in, news).properties
    (tmp_path / "new").write_text("x")
    answer = stand_in.Diff(rpc.DiffRequest(urn=URN, olds=olds, news=encode(checked(stand_in, news))), CONTEXT)
    assert (list(answer.diffs), list(answer.replaces)) == (["build"], [])
    assert answer.detailedDiff["build"].kind == rpc.PropertyDiff.UPDATE


def test_update_builds_again(stand_in: provider.DockerStandIn, news: Object) -> None:
    request = rpc.UpdateRequest(urn=URN, news=encode(checked(stand_in, news)))
    assert decode(stand_in.Update(request, CONTEXT).properties)["repoDigest"] == "r.example.org/a@sha256:1"


def test_refresh_and_delete_touch_no_registry(stand_in: provider.DockerStandIn) -> None:
    properties = encode({"repoDigest": "x"})
    answer = stand_in.Read(rpc.ReadRequest(id="i", properties=properties), CONTEXT)
    assert (answer.id, answer.properties) == ("i", properties)
    stand_in.Delete(rpc.DeleteRequest(id="i"), CONTEXT)
