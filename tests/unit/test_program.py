import re

import pulumi
import pytest

from infra.program import deploy
from tests.unit.recorder import Recorder, committed_platform, record, record_changed, record_program, sound_platform
from tests.unit.words import changed

STACKS = ("local", "dev", "prod")
each_stack = pytest.mark.parametrize("stack", STACKS)


def provider(platform: Recorder) -> dict[str, object]:
    return platform.one("pulumi:providers:kubernetes", "cluster").inputs


@each_stack
def test_every_stack_is_built_and_planned_alike(stack: str) -> None:
    assert record_program(stack, preview=True).urns() == committed_platform(stack).urns()


@each_stack
def test_every_stack_says_what_is_not_pinned_yet_and_nothing_else(stack: str) -> None:
    unpinned = re.compile(r"\[(image-digest|cluster-identity)\]")
    assert all(unpinned.search(warning) for warning in committed_platform(stack).warnings)
    assert all(not warning.startswith("warning") for warning in committed_platform(stack).warnings)


def test_warnings_of_the_checks_are_said() -> None:
    assert any("tensorflow/serving:2.20.0-gpu" in warning for warning in committed_platform("prod").warnings)
    assert sound_platform().warnings == []


def test_the_one_provider_is_bound_to_the_context_and_replaced_with_it_only() -> None:
    inputs = provider(sound_platform())
    assert inputs["context"] == inputs["clusterIdentifier"] == "test"
    assert inputs["enableServerSideApply"] == "true"
    assert "kubeconfig" not in inputs
    assert len(sound_platform().all("pulumi:providers:kubernetes")) == 1


def test_the_provider_reads_the_given_kubeconfig(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    assert provider(record_changed(("cluster.kubeconfig", "~/k")))["kubeconfig"] == "/home/somebody/k"
    assert provider(record_changed(("cluster.kubeconfig", "/etc/k")))["kubeconfig"] == "/etc/k"


def test_every_object_is_a_child_of_a_component() -> None:
    for one in sound_platform().objects():
        assert "tfk8s:index:" in one.parent, one.urn


def test_names_of_children_start_with_the_components_name() -> None:
    for platform in map(committed_platform, STACKS):
        for one in platform.resources:
            component = one.parent.rpartition("::")[2]
            if "tfk8s:index:" in one.parent:
                assert one.name.startswith(component), one.urn


def test_what_cannot_work_is_refused_on_one_screen_before_anything_is_registered() -> None:
    with pytest.raises(pulumi.RunError) as refused:
        record_changed(("models.digits.autoscaling.minReplicas", 30), ("tenants.train.quota", "much"))
    text = str(refused.value)
    assert "tfk8s:models.digits.autoscaling.minReplicas" in text
    assert "tfk8s:tenants.train.quota" in text
    assert refused.value.__cause__ is None
    assert len(text.splitlines()) < 40


def test_a_mistyped_key_is_refused_with_the_right_one() -> None:
    with pytest.raises(pulumi.RunError, match="did you mean models"):
        record(deploy, words={**changed(), "modles": {}})


def test_a_refused_program_registers_nothing() -> None:
    registered: list[str] = []

    def refused() -> None:
        try:
            deploy()
        except pulumi.RunError:
            registered.append("refused")

    platform = record(refused, words={**changed(), "modles": {}})
    assert registered == ["refused"]
    assert platform.resources == []


def test_prod_serves_three_to_twenty_with_a_gpu_two_cores_and_4gi_each() -> None:
    platform = committed_platform("prod")
    scaler = platform.one("autoscaling/v2:HorizontalPodAutoscaler", "digits-v1").inputs["spec"]
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (3, 20)
    [server] = platform.one("apps/v1:Deployment", "digits-v1").inputs["spec"]["template"]["spec"]["containers"]
    assert {"cpu": "2", "memory": "4Gi", "nvidia.com/gpu": "1"}.items() <= server["resources"]["requests"].items()


def test_dev_and_prod_have_a_tenant_for_training_and_one_for_serving() -> None:
    for stack in ("dev", "prod"):
        names = {one.object_name for one in committed_platform(stack).all("core/v1:Namespace")}
        assert names == {"ml-training", "ml-serving", "nvidia-device-plugin"}


def test_nothing_runs_by_a_tag_that_moves() -> None:
    for stack in STACKS:
        for _, spec in committed_platform(stack).pods():
            for container in [*spec["containers"], *spec.get("initContainers", [])]:
                assert "@sha256:" in container["image"] or ":" in container["image"].rpartition("/")[2]
                assert not container["image"].endswith(":latest")


def test_what_is_built_runs_by_digest_in_every_pod() -> None:
    for stack in STACKS:
        for one, spec in committed_platform(stack).pods():
            for container in [*spec["containers"], *spec.get("initContainers", [])]:
                if container["name"] in ("train", "verify"):
                    assert "@sha256:" in container["image"], one.name


def test_a_version_bump_leaves_tenants_stores_and_front_as_they_are() -> None:
    before = {one.urn: one.inputs for one in sound_platform().resources}
    after = record_changed(("trainingJobs.digits.version", 4), ("models.digits.tracks.stable.version", 4))
    same = [one for one in after.resources if one.urn in before]
    assert [one.name for one in same if one.inputs != before[one.urn]] == ["digits"]


def test_settings_of_a_declared_run_may_change_without_touching_it() -> None:
    after = record_changed(("trainingJobs.digits.deadline", "1h"), ("images.training.ref", "r.example.org/t:2"))
    run = after.one("batch/v1:Job", "digits-v3")
    before = sound_platform().one("batch/v1:Job", "digits-v3")
    touched = {key for key in run.inputs if run.inputs[key] != before.inputs[key]}
    assert touched == {"spec"}
    assert run.ignore_changes == before.ignore_changes
    assert run.replacement_trigger == before.replacement_trigger


def test_secrets_stay_secret_and_out_of_the_outputs() -> None:
    registries = {"ghcr.io": {"username": "robot", "password": "s3cret"}}
    build = {"build": {"repository": "ghcr.io/ml/train", "base": "python:3.12.1"}}
    platform = record_changed(("images.registries", registries), ("images.training", build))
    holders = [one.name for one in platform.resources if "s3cret" in str(one.inputs)]
    assert holders == ["training-image"]
    assert platform.one("docker:index/image:Image", "training-image").secrets
    assert "s3cret" not in str(platform.outputs)
    assert "s3cret" not in str(platform.warnings)
