import pulumi
import pytest

from infra.finding import StackFileError
from ops.problem import CommandError
from ops.recording import UNKNOWN, Answers, record, run_recorded
from tests.unit.recorder import sound_platform
from tests.unit.words import DIGEST, changed

DEV = "organization/tfk8s/dev"
FROM_DEV = ("images.training", {"fromStack": DEV})
JOB = "batch/v1:Job"


def outputs(reference: str) -> dict[str, object]:
    return {
        "contract_version": 1,
        "images": {"training": {"reference": reference}},
        "tenants": {},
        "models": {},
        "training": {},
    }


def test_a_stack_that_cannot_work_is_refused_before_the_program_runs() -> None:
    with pytest.raises(StackFileError, match="minReplicas"):
        record(changed(("models.digits.autoscaling.minReplicas", 30)))


def test_what_the_program_itself_refuses_is_an_error_for_the_user() -> None:
    answers = Answers(stacks={DEV: outputs("registry.example.org/train:1")})
    with pytest.raises(CommandError, match="has no digest"):
        record(changed(FROM_DEV), answers=answers)


def test_the_image_of_another_stack_is_read_from_its_outputs() -> None:
    answers = Answers(stacks={DEV: outputs(f"registry.example.org/train@{DIGEST}")})
    [job] = [one for one in record(changed(FROM_DEV), answers=answers).objects() if one.type == JOB]
    assert job.inputs["spec"]["template"]["spec"]["containers"][0]["image"] == f"registry.example.org/train@{DIGEST}"


def test_a_stack_that_nobody_asked_has_an_image_that_cannot_be_pulled() -> None:
    [job] = [one for one in record(changed(FROM_DEV)).objects() if one.type == JOB]
    image = job.inputs["spec"]["template"]["spec"]["containers"][0]["image"]
    assert image == f"unknown.invalid/{DEV}@sha256:{'0' * 64}"


def test_a_stack_reference_is_read_and_everything_else_is_made() -> None:
    read = [one for one in record(changed(FROM_DEV)).resources if one.read]
    assert [(one.type, one.inputs) for one in read] == [("pulumi:pulumi:StackReference", {"name": DEV})]


def test_outputs_of_a_stack_without_an_answer_are_unknown_in_a_preview() -> None:
    def build() -> None:
        pulumi.export("asked", pulumi.StackReference("other", "o/p/s").outputs)

    assert run_recorded(build, words={}, preview=True).outputs == {"asked": UNKNOWN}


def test_components_are_told_from_what_providers_make() -> None:
    for one in sound_platform().resources:
        assert one.custom is not one.type.startswith("tfk8s:index:"), one.urn


def test_what_an_input_waits_for_is_told_by_input() -> None:
    platform = sound_platform()
    quota, namespace = (
        platform.one("core/v1:ResourceQuota", "serve-quota"),
        platform.one("core/v1:Namespace", "serve"),
    )
    assert quota.property_dependencies == {"metadata": frozenset({namespace.urn})}


def test_one_recording_leaves_nothing_to_the_next() -> None:
    first, second = (sorted(one.urn for one in record(changed()).resources) for _ in range(2))
    assert first == second


def test_no_cluster_is_asked_who_it_is() -> None:
    uid = "3f0cb1a6-1e0d-4c5c-8c3f-0a4d5a2c9b11"
    assert record(changed(("cluster.kubeSystemUid", uid), ("cluster.kubeconfig", "/nowhere"))).objects()
