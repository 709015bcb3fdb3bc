import os
import subprocess
from pathlib import Path
from typing import Any, cast

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import provider_pb2, status_pb2

from local.plugins.launchers import ROOT, write_launchers
from local.plugins.serve import Engine, InitFailed, PluginError, StandIn, fail
from local.plugins.wire import encode


class Aborted(Exception):
    pass


class FakeContext:
    """Remembers how a call ended."""

    def __init__(self) -> None:
        self.metadata: dict[str, bytes] = {}
        self.ended: tuple[grpc.StatusCode, str] | None = None

    def set_trailing_metadata(self, metadata: tuple[tuple[str, bytes], ...]) -> None:
        self.metadata = dict(metadata)

    def abort(self, code: grpc.StatusCode, details: str) -> None:
        self.ended = (code, details)
        raise Aborted


def ended_with(error: Exception) -> FakeContext:
    context = FakeContext()
    with pytest.raises(Aborted):
        fail(cast("Any", context), error)
    return context


def test_an_error_reaches_the_user_as_it_is() -> None:
    assert ended_with(PluginError("no such kind")).ended == (grpc.StatusCode.UNKNOWN, "no such kind")


def test_a_failed_start_carries_what_the_state_must_keep() -> None:
    context = ended_with(InitFailed("n/j", encode({"a": 1}), ["it failed", "its pod said so"]))
    status = status_pb2.Status.FromString(context.metadata["grpc-status-details-bin"])
    detail = provider_pb2.ErrorResourceInitFailed()
    assert status.details[0].Unpack(detail)
    assert (detail.id, list(detail.reasons)) == ("n/j", ["it failed", "its pod said so"])
    assert context.ended == (grpc.StatusCode.UNKNOWN, "it failed")


def test_an_operation_the_stand_in_lacks_is_unimplemented() -> None:
    ended = ended_with(NotImplementedError()).ended
    assert ended is not None
    assert ended[0] is grpc.StatusCode.UNIMPLEMENTED


def test_a_defect_is_one_line_with_its_place() -> None:
    try:
        raise KeyError("spec")
    except KeyError as error:
        ended = ended_with(error).ended
    assert ended is not None
    assert ended[1].startswith("the stand-in plugin failed: KeyError: 'spec' (")
    assert "test_serve.py:" in ended[1]
    assert "\n" not in ended[1]


def test_the_version_is_that_of_the_programs_sdk() -> None:
    class Example(StandIn):
        package = "pulumi-kubernetes"

    info = Example(Engine(None)).GetPluginInfo(Empty(), cast("grpc.ServicerContext", None))
    assert info.version.startswith("4.")


def test_launchers_are_executables_that_run_the_plugins_from_anywhere(tmp_path: Path) -> None:
    write_launchers(tmp_path / "bin")
    launchers = sorted((tmp_path / "bin").iterdir())
    assert [launcher.name for launcher in launchers] == ["pulumi-resource-docker", "pulumi-resource-kubernetes"]
    assert all(os.access(launcher, os.X_OK) for launcher in launchers)
    assert f"PYTHONPATH={ROOT} exec" in launchers[1].read_text()
    subprocess.run(["sh", "-n", str(launchers[1])], check=True)
