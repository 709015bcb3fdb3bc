"""Running buildah for an image, over a stand-in for buildah that records its command lines."""

import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from local import paths
from local.images import buildah
from local.plugins.docker.build import Builder
from local.plugins.docker.inputs import Build
from local.plugins.serve import PluginError

FAKE = """
echo "$@" >> {log}
for argument; do
  case $argument in
    --iidfile=*) printf sha256:{id} > "${{argument#--iidfile=}}";;
    --digestfile=*) printf sha256:pushed > "${{argument#--digestfile=}}";;
    --authfile=*) stat -c 'authfile %a' "${{argument#--authfile=}}";;
  esac
done
echo "STEP 1/1: FROM x"
{script}
"""


class Buildah:
    """What was called, and what it does."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self.script = ""

    def command(self, *arguments: str) -> list[str]:
        """Instead of `buildah.command`."""
        return ["sh", "-c", FAKE.format(log=self.log, id="1234", script=self.script), "buildah", *arguments]

    @property
    def calls(self) -> list[str]:
        """Command lines so far."""
        return self.log.read_text().splitlines()


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Buildah:
    made = Buildah(tmp_path / "calls")
    monkeypatch.setattr(paths, "BUILDAH_CACHE", tmp_path / "cache")
    monkeypatch.setattr(buildah, "DIES_WITH_ITS_STARTER", ())
    monkeypatch.setattr(buildah, "command", made.command)
    return made


@pytest.fixture
def image(tmp_path: Path) -> Build:
    context = tmp_path / "context"
    context.mkdir()
    (context / "Dockerfile").write_text("FROM x")
    return Build(name="127.0.0.1:1/a/b:t", context=context, dockerfile=context / "Dockerfile", args={"BASE": "y"})


def build(image: Build, *, push: bool = True, said: list[str] | None = None) -> str:
    return Builder(image, (said if said is not None else []).append, threading.Event()).run(push=push)


def arguments_of(call: str) -> Sequence[str]:
    return call.split()


def test_an_image_is_built_and_pushed_by_digest(fake: Buildah, image: Build) -> None:
    said: list[str] = []
    assert build(image, said=said) == "127.0.0.1:1/a/b@sha256:pushed"
    made, pushed = fake.calls[:2]
    assert {"--timestamp=0", "--build-arg=BASE=y", "--tag=127.0.0.1:1/a/b:t"} <= set(arguments_of(made))
    assert {"--tls-verify=false", "docker://127.0.0.1:1/a/b:t", "1234"} <= set(arguments_of(pushed))
    assert said[:2] == ["STEP 1/1: FROM x", "pushing 127.0.0.1:1/a/b:t"]


def test_without_push_the_result_is_the_local_image(fake: Buildah, image: Build) -> None:
    assert build(image, push=False) == "sha256:1234"
    assert not any(call.startswith("push") for call in fake.calls)


def test_credentials_reach_buildah_in_a_private_file_only(fake: Buildah, image: Build) -> None:
    image = Build(name=image.name, context=image.context, dockerfile=image.dockerfile, username="u", password="hush")
    said: list[str] = []
    build(image, said=said)
    assert "authfile 600" in said
    assert "hush" not in fake.log.read_text()


def test_a_failing_step_is_shown(fake: Buildah, image: Build) -> None:
    fake.script = "echo no such file; exit 7"
    with pytest.raises(PluginError, match=r"failed \(exit code 7\) at step 1/1: FROM x\n  no such file"):
        build(image)


def test_a_cancelled_build_ends_at_once(fake: Buildah, image: Build) -> None:
    fake.script = "sleep 60"
    cancelled = threading.Event()

    def cancel(_line: str) -> None:
        cancelled.set()

    with pytest.raises(PluginError, match="cancelled"):
        Builder(image, cancel, cancelled).run(push=True)


def test_nothing_of_a_build_is_left_behind(fake: Buildah, image: Build) -> None:
    build(image)
    assert list((paths.BUILDAH_CACHE / "tmp").iterdir()) == []
    assert [call.split()[0] for call in fake.calls] == ["build", "push", "rm", "rmi"]


def test_the_storage_is_left_alone_while_another_build_runs(fake: Buildah, image: Build) -> None:
    with buildah.scratch() as other:
        build(image)
        assert other.is_dir()
    assert [call.split()[0] for call in fake.calls] == ["build", "push"]
