import functools
from pathlib import Path

from tests.unit.recorder import (
    DIGEST,
    ROOT,
    UNKNOWN,
    Recorder,
    Resource,
    record_changed,
    record_program,
    sound_platform,
)

BUILD = {"repository": "registry.example.org:5000/ml/train", "base": "python:3.12.1"}
BUILT = (("images.training", {"build": BUILD}),)
LOGGED_IN = (*BUILT, ("images.registries", {"registry.example.org:5000": {"username": "robot", "password": "s3cret"}}))


@functools.cache
def built() -> Recorder:
    return record_changed(*BUILT)


def image(platform: Recorder) -> Resource:
    return platform.one("docker:index/image:Image", "training-image")


def run_image(platform: Recorder) -> str:
    return platform.one("batch/v1:Job", "digits-v3").inputs["spec"]["template"]["spec"]["containers"][0]["image"]


def test_an_image_is_built_from_this_repository_wherever_the_program_runs() -> None:
    build = image(built()).inputs["build"]
    assert Path(build["context"]) == ROOT
    assert Path(build["dockerfile"]) == ROOT / "training" / "Dockerfile"
    assert Path(build["dockerfile"]).is_file()
    assert build["platform"] == "linux/amd64"
    assert build["args"] == {"BASE_IMAGE": "python:3.12.1"}


def test_it_is_built_for_the_platform_of_the_nodes() -> None:
    arm = (("images.training", {"build": {**BUILD, "platform": "linux/arm64"}}),)
    assert image(record_changed(*arm)).inputs["build"]["platform"] == "linux/arm64"


def test_it_is_pushed_under_the_stacks_name_and_never_built_by_a_preview() -> None:
    pushed = image(built()).inputs
    assert pushed["imageName"] == "registry.example.org:5000/ml/train:test"
    assert pushed["skipPush"] is False
    assert pushed["buildOnPreview"] is False


def test_pods_run_it_by_the_digest_of_its_push() -> None:
    assert run_image(built()) == f"registry.example.org:5000/ml/train@{DIGEST}"


def test_a_preview_that_cannot_know_the_digest_still_plans_everything() -> None:
    preview = record_changed(*BUILT, preview=True)
    assert run_image(preview) == UNKNOWN
    assert preview.urns() == built().urns()


def test_it_is_pushed_with_the_credentials_of_its_registry() -> None:
    pushed = image(record_changed(*LOGGED_IN))
    registry = {"server": "registry.example.org:5000", "username": "robot", "password": "s3cret"}
    assert pushed.inputs["registry"] == registry
    assert any("registry" in path for path in pushed.secrets)


def test_credentials_of_other_registries_are_not_used_for_pushing() -> None:
    other = (*BUILT, ("images.registries", {"ghcr.io": {"username": "robot", "password": "s3cret"}}))
    assert "registry" not in image(record_changed(*other)).inputs


def test_a_given_image_needs_neither_docker_nor_its_provider() -> None:
    for platform in (sound_platform(), record_changed(preview=True)):
        assert [one.type for one in platform.resources if "docker" in one.type] == []


def test_a_given_image_runs_as_it_is_given() -> None:
    assert run_image(record_changed(("images.training", {"ref": "r.example.org/t:1"}))) == "r.example.org/t:1"


def test_every_committed_stack_runs_with_a_given_image_too() -> None:
    for stack in ("local", "dev", "prod"):
        images = {"training": {"ref": "r.example.org/t:1"}, "serving": {"ref": "r.example.org/s:1"}}
        given = record_program(stack, changes={"images": {**images, "devicePlugin": {"ref": "r.example.org/p:1"}}})
        assert [one.type for one in given.resources if "docker" in one.type] == []


def test_the_docker_provider_is_one_of_its_own() -> None:
    assert "pulumi:providers:docker::training-image-docker" in image(built()).provider
