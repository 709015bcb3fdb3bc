import functools
import re

import pytest
from pydantic import ValidationError

from infra.outputs import CONTRACT_VERSION, PlatformOutputs
from tests.unit.recorder import DIGEST as PUSHED
from tests.unit.recorder import UNKNOWN, Recorder, committed_platform, record_changed, sound_platform
from tests.unit.words import DIGEST

STACKS = ("local", "dev", "prod")


@functools.cache
def with_credentials() -> Recorder:
    return record_changed(
        ("images.registries", {"ghcr.io": {"username": "robot-name", "password": "s3cret"}}),
        ("images.training", {"build": {"repository": "ghcr.io/ml/train", "base": "python:3.12.1"}}),
    )


@pytest.mark.parametrize("stack", STACKS)
def test_every_stack_exports_what_the_contract_says(stack: str) -> None:
    outputs = committed_platform(stack).outputs
    assert PlatformOutputs.model_validate(outputs).model_dump(exclude_none=True) == outputs


def test_the_keys_of_contract_version_1_are_these() -> None:
    outputs = sound_platform().outputs
    assert set(outputs) == {"contract_version", "images", "tenants", "models", "training", "sweeps"}
    assert set(outputs["images"]) == {"training"}
    assert set(outputs["tenants"]["train"]) == {
        "namespace", "price_per_hour_min", "price_per_hour_max", "price_runs_max",
    }  # fmt: skip
    assert set(outputs["models"]["digits"]) == {
        "tenant", "namespace", "version", "tracks", "image", "predict_url", "cluster_url",
        "price_per_hour_min", "price_per_hour_max",
    }  # fmt: skip
    assert set(outputs["training"]["digits"]) == {
        "tenant", "namespace", "version", "job", "image", "price_per_hour", "price_max",
    }  # fmt: skip


def test_the_values_say_what_runs() -> None:
    outputs = sound_platform().outputs
    assert outputs["contract_version"] == CONTRACT_VERSION == 1
    assert {name: tenant["namespace"] for name, tenant in outputs["tenants"].items()} == {
        "train": "train",
        "serve": "serve",
    }
    assert (
        outputs["training"]["digits"].items()
        >= {
            "tenant": "train",
            "namespace": "train",
            "version": 3,
            "job": "digits-v3",
            "image": f"registry.example.org/train:1@{DIGEST}",
        }.items()
    )
    assert (
        outputs["models"]["digits"].items()
        >= {
            "tenant": "serve",
            "namespace": "serve",
            "version": 3,
            "image": f"tensorflow/serving:2.20.0@{DIGEST}",
            "predict_url": "http://digits.serve.svc:8501/v1/models/digits:predict",
            "cluster_url": "http://digits.serve.svc:8501/v1/models/digits:predict",
        }.items()
    )


def test_prices_are_those_of_the_card_at_minimum_and_maximum() -> None:
    card = {"cpuCore": "2 USD", "memoryGib": "0.5 USD", "gpu": "3 USD"}
    outputs = record_changed(("policy.prices", card), ("trainingJobs.digits.deadline", "2h")).outputs
    # A replica: half a core, 1 GiB, one GPU. The run: two cores, 4 GiB, two GPUs.
    assert outputs["models"]["digits"]["price_per_hour_min"] == "4.5 USD"
    assert outputs["models"]["digits"]["price_per_hour_max"] == "13.5 USD"
    assert outputs["training"]["digits"]["price_per_hour"] == "12 USD"
    assert outputs["training"]["digits"]["price_max"] == "24 USD"
    serve, train = outputs["tenants"]["serve"], outputs["tenants"]["train"]
    assert (serve["price_per_hour_min"], serve["price_per_hour_max"], serve["price_runs_max"]) == (
        "4.5 USD", "13.5 USD", "0 USD",
    )  # fmt: skip
    assert (train["price_per_hour_min"], train["price_per_hour_max"], train["price_runs_max"]) == (
        "0 USD", "0 USD", "24 USD",
    )  # fmt: skip


@pytest.mark.parametrize("price", ["0.95", "USD 0.95", "0.95 usd", "-1 USD", ".5 USD", "1e3 USD"])
def test_a_price_is_an_amount_and_a_currency(price: str) -> None:
    outputs = sound_platform().outputs
    digits = {**outputs["models"]["digits"], "price_per_hour_min": price}
    with pytest.raises(ValidationError, match="price_per_hour_min"):
        PlatformOutputs.model_validate({**outputs, "models": {"digits": digits}})


def test_a_built_image_is_told_by_its_digest_with_its_base_and_the_stack_that_built_it() -> None:
    assert with_credentials().outputs["images"]["training"] == {
        "reference": f"ghcr.io/ml/train@{PUSHED}",
        "base": "python:3.12.1",
        "built_by": "organization/tfk8s/test",
    }


def test_of_a_given_image_nobody_claims_to_know_the_origin() -> None:
    assert sound_platform().outputs["images"]["training"] == {"reference": f"registry.example.org/train:1@{DIGEST}"}


def test_the_preview_of_a_first_build_exports_the_rest() -> None:
    build = ("images.training", {"build": {"repository": "ghcr.io/ml/train", "base": "python:3.12.1"}})
    outputs = record_changed(build, preview=True).outputs
    assert outputs["images"] == UNKNOWN
    assert outputs["models"]["digits"]["version"] == 3


def test_no_output_is_secret_or_holds_a_credential() -> None:
    platform = with_credentials()
    assert "s3cret" in str([one.inputs for one in platform.resources])
    for each in (platform, *map(committed_platform, STACKS)):
        assert each.secret_outputs == frozenset()
        assert re.search(r"s3cret|robot-name|password|token|kubeconfig|BEGIN ", str(each.outputs)) is None


def test_a_reader_of_version_1_accepts_fields_that_were_added() -> None:
    outputs = {**sound_platform().outputs, "later": True}
    assert PlatformOutputs.model_validate(outputs).models["digits"].version == 3


def test_a_reader_of_version_1_refuses_another_version() -> None:
    with pytest.raises(ValidationError):
        PlatformOutputs.model_validate({**sound_platform().outputs, "contract_version": 2})
