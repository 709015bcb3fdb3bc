import pytest
from pydantic import ValidationError

from infra.outputs import CONTRACT_VERSION, PlatformOutputs
from tests.unit.recorder import committed_platform, sound_platform
from tests.unit.words import DIGEST

STACKS = ("local", "dev", "prod")


@pytest.mark.parametrize("stack", STACKS)
def test_every_stack_exports_what_the_contract_says(stack: str) -> None:
    outputs = committed_platform(stack).outputs
    assert PlatformOutputs.model_validate(outputs).model_dump() == outputs


def test_the_keys_of_contract_version_1_are_these() -> None:
    outputs = sound_platform().outputs
    assert set(outputs) == {"contract_version", "tenants", "models", "training"}
    assert set(outputs["tenants"]["train"]) == {"namespace"}
    assert set(outputs["models"]["digits"]) == {
        "tenant", "namespace", "version", "image", "predict_url", "cluster_url",
    }  # fmt: skip
    assert set(outputs["training"]["digits"]) == {"tenant", "namespace", "version", "job", "image"}


def test_the_values_say_what_runs() -> None:
    outputs = sound_platform().outputs
    assert outputs["contract_version"] == CONTRACT_VERSION == 1
    assert outputs["tenants"] == {"train": {"namespace": "train"}, "serve": {"namespace": "serve"}}
    assert outputs["training"]["digits"] == {
        "tenant": "train",
        "namespace": "train",
        "version": 3,
        "job": "digits-v3",
        "image": f"registry.example.org/train:1@{DIGEST}",
    }
    assert outputs["models"]["digits"] == {
        "tenant": "serve",
        "namespace": "serve",
        "version": 3,
        "image": f"tensorflow/serving:2.20.0@{DIGEST}",
        "predict_url": "http://digits.serve.svc:8501/v1/models/digits:predict",
        "cluster_url": "http://digits.serve.svc:8501/v1/models/digits:predict",
    }


def test_a_reader_of_version_1_accepts_fields_that_were_added() -> None:
    outputs = {**sound_platform().outputs, "later": True}
    assert PlatformOutputs.model_validate(outputs).models["digits"].version == 3


def test_a_reader_of_version_1_refuses_another_version() -> None:
    with pytest.raises(ValidationError):
        PlatformOutputs.model_validate({**sound_platform().outputs, "contract_version": 2})
