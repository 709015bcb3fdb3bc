import functools
from pathlib import Path
from typing import cast

import pulumi
import pytest

from infra.overrides import stack_file_words
from ops import recording
from ops.recording import Recording
from tests.unit.recorder import (
    DIGEST,
    ROOT,
    UNKNOWN,
    Recorder,
    Resource,
    Tree,
    committed_platform,
    record_changed,
    record_program,
    sound_platform,
)

BUILD = {"repository": "registry.example.org:5000/ml/train", "base": "python:3.12.1"}
BUILT = (("images.training", {"build": BUILD}),)
LOGGED_IN = (*BUILT, ("images.registries", {"registry.example.org:5000": {"username": "robot", "password": "s3cret"}}))
DEV = "organization/tfk8s/dev"
FROM_DEV = (("images.training", {"fromStack": DEV}),)


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


def promoted(outputs: Tree, *, preview: bool = False) -> Recorder:
    return record_changed(*FROM_DEV, stacks={DEV: outputs}, preview=preview)


@functools.cache
def promoted_once() -> Recorder:
    """The image that the sound stack would build, run by another stack."""
    return promoted(built().outputs)


def images_of_ours(platform: Recorder) -> dict[str, str]:
    """What containers run that run the training image, by the pod's owner and the container's name."""
    return {
        f"{owner.name}/{container['name']}": container["image"]
        for owner, spec in platform.pods()
        for container in [*spec["containers"], *spec.get("initContainers", [])]
        if container["name"] in ("train", "verify")
    }


def refusal(outputs: Tree, *, preview: bool = False) -> str:
    with pytest.raises(pulumi.RunError) as refused:
        promoted(outputs, preview=preview)
    return str(refused.value)


def test_dev_builds_and_prod_runs_the_same_digest_everywhere() -> None:
    dev = committed_platform("dev")
    words = stack_file_words(ROOT / "Pulumi.prod.yaml", {})
    images = {**cast("Tree", words["images"]), "training": {"fromStack": DEV}}
    prod = record_program("prod", changes={"images": images}, stacks={DEV: dev.outputs})
    digest = f"registry.example.org/ml/train@{DIGEST}"
    assert set(images_of_ours(dev).values()) == {digest}
    assert images_of_ours(prod) == dict.fromkeys(images_of_ours(committed_platform("prod")), digest)
    assert len(images_of_ours(prod)) >= 2
    assert prod.outputs["training"]["digits"]["image"] == digest


def test_an_image_of_another_stack_needs_neither_docker_nor_its_provider() -> None:
    assert [one.type for one in promoted_once().resources if "docker" in one.type] == []


def test_another_stack_is_read_by_the_name_in_the_stack_file_and_changed_by_nobody() -> None:
    [reference] = promoted_once().all("pulumi:pulumi:StackReference")
    assert reference.read
    assert reference.inputs == {"name": DEV}


def test_the_origin_of_an_image_outlasts_promotions() -> None:
    staging = promoted_once()
    prod = promoted(staging.outputs)
    assert prod.outputs["images"] == staging.outputs["images"] == built().outputs["images"]
    assert prod.outputs["images"]["training"]["built_by"] == "organization/tfk8s/test"


def test_an_image_given_by_digest_can_be_promoted_too() -> None:
    assert run_image(promoted(sound_platform().outputs)) == run_image(sound_platform())


def test_a_preview_without_the_other_stack_still_plans_everything() -> None:
    preview = record_changed(*FROM_DEV, preview=True)
    assert run_image(preview) == UNKNOWN
    assert preview.urns() == promoted_once().urns()


@pytest.mark.parametrize("preview", [True, False])
def test_a_stack_that_is_none_of_ours_is_refused(preview: bool) -> None:
    text = refusal({"bucket": "b"}, preview=preview)
    assert "error: tfk8s:images.training.fromStack  [image-from-stack]" in text
    assert f"{DEV}: no contract_version among the outputs (they hold bucket)" in text


@pytest.mark.parametrize("preview", [True, False])
def test_a_foreign_contract_is_refused_with_both_versions(preview: bool) -> None:
    text = refusal({**built().outputs, "contract_version": 2}, preview=preview)
    assert f"{DEV}: contract_version: written by contract 2, this reader knows 1" in text
    assert "read it with the tfk8s that wrote it" in text


@pytest.mark.parametrize("reference", ["r.example.org/t:1", "r.example.org/t", "r.example.org/t@sha256:12"])
def test_an_image_without_a_digest_is_refused(reference: str) -> None:
    text = refusal({**built().outputs, "images": {"training": {"reference": reference}}})
    assert f"{DEV} runs {reference}, which has no digest" in text
    assert f"let {DEV} build it" in text


def test_what_is_refused_is_told_on_one_screen_of_indented_lines() -> None:
    head, *lines = refusal({**built().outputs, "tenants": 3, "models": 4}).splitlines()
    assert head == "the stack file has 1 error; nothing was changed"
    assert all(line.startswith("    ") for line in lines[1:])
    assert len(lines) < 12


@pytest.mark.parametrize("preview", [True, False])
def test_a_refused_image_leaves_the_cluster_alone(monkeypatch: pytest.MonkeyPatch, preview: bool) -> None:
    seen = Recording()
    monkeypatch.setattr(recording, "Recording", lambda: seen)
    refusal({}, preview=preview)
    assert seen.objects() == []
    assert {one.type for one in seen.resources} <= {
        "tfk8s:index:Image", "pulumi:pulumi:StackReference", "pulumi:providers:kubernetes",
    }  # fmt: skip


def test_layers_are_taken_from_earlier_images_that_carry_their_cache() -> None:
    earlier = "registry.example.org:5000/ml/train:test"
    build = image(record_changed(("images.training", {"build": {**BUILD, "cacheFrom": [earlier]}}))).inputs["build"]
    assert build["cacheFrom"] == {"images": [earlier]}
    assert build["args"] == {"BASE_IMAGE": "python:3.12.1", "BUILDKIT_INLINE_CACHE": "1"}


def test_without_a_cache_nothing_is_asked_of_the_builder() -> None:
    assert "cacheFrom" not in image(built()).inputs["build"]
