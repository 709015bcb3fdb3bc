import copy
import importlib
import json
import sys
from typing import Any

import pulumi
import pytest

from infra.outputs import PlatformOutputs
from infra.reader import OutputsError, outputs_of, read_outputs
from tests.unit.recorder import committed_platform, record, sound_platform

Outputs = dict[str, Any]
DEV = "organization/tfk8s/dev"


@pytest.fixture
def outputs() -> Outputs:
    return copy.deepcopy(sound_platform().outputs)


def refusal(source: object) -> str:
    with pytest.raises(OutputsError) as refused:
        read_outputs(source if isinstance(source, str) else json.dumps(source))
    assert refused.value.__cause__ is None
    return str(refused.value)


def test_what_a_stack_prints_is_read_typed(outputs: Outputs) -> None:
    read = read_outputs(json.dumps(outputs))
    assert isinstance(read, PlatformOutputs)
    assert read.models["digits"].predict_url.endswith(":predict")
    assert read.training["digits"].version == 3


def test_outputs_that_are_read_already_are_taken_too(outputs: Outputs) -> None:
    assert read_outputs(outputs) == read_outputs(json.dumps(outputs))


@pytest.mark.parametrize("stack", ["local", "dev", "prod"])
def test_every_committed_stack_can_be_read(stack: str) -> None:
    assert read_outputs(committed_platform(stack).outputs).contract_version == 1


def test_reading_json_needs_no_pulumi(outputs: Outputs, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] in ("infra", "pulumi")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pulumi", None)
    anew = importlib.import_module("infra.reader")
    assert anew.read_outputs is not read_outputs
    assert anew.read_outputs(json.dumps(outputs)).models["digits"].version == 3


def test_what_is_no_json_is_refused_with_its_beginning() -> None:
    text = refusal("error: no stack selected")
    assert "no JSON" in text
    assert "error: no stack selected" in text
    assert "pulumi stack output --json" in text


def test_the_value_of_one_output_is_not_enough() -> None:
    assert 'got "http://192.0.2.7:8501"' in refusal('"http://192.0.2.7:8501"')


def test_outputs_of_another_project_are_refused_with_their_names() -> None:
    text = refusal({"vpcId": "vpc-1", "bucket": "b"})
    assert "no contract_version among the outputs (they hold bucket, vpcId)" in text


def test_a_stack_that_was_never_updated_is_refused() -> None:
    assert "there are none at all" in refusal({})


@pytest.mark.parametrize(
    ("version", "fix"), [(2, "with the tfk8s that wrote it"), (0, "pulumi up"), ("1", "pulumi up")]
)
def test_another_contract_is_refused_with_both_versions(outputs: Outputs, version: object, fix: str) -> None:
    text = refusal({**outputs, "contract_version": version})
    assert f"written by contract {json.dumps(version)}, this reader knows 1" in text
    assert fix in text


def test_true_is_no_version(outputs: Outputs) -> None:
    assert "written by contract true" in refusal({**outputs, "contract_version": True})


def test_a_missing_key_is_named_with_its_path(outputs: Outputs) -> None:
    del outputs["models"]["digits"]["predict_url"]
    assert "models.digits.predict_url: is missing" in refusal(outputs)


def test_a_wrong_type_is_named_with_its_path_and_value(outputs: Outputs) -> None:
    outputs["training"]["digits"]["version"] = "3"
    assert 'training.digits.version: should be a valid integer, but is "3"' in refusal(outputs)


def test_everything_wrong_is_said_at_once(outputs: Outputs) -> None:
    del outputs["images"]
    outputs["tenants"] = []
    outputs["models"]["digits"]["price_per_hour_max"] = 7
    text = refusal(outputs)
    assert all(path in text for path in ("images: ", "tenants: ", "models.digits.price_per_hour_max: "))
    assert len(text.splitlines()) == 5


def test_a_long_wrong_value_is_cut(outputs: Outputs) -> None:
    assert len(max(refusal({**outputs, "models": ["x" * 5000]}).splitlines(), key=len)) < 200


def test_a_masked_secret_is_no_value(outputs: Outputs) -> None:
    assert "models: is a secret" in refusal({**outputs, "models": "[secret]"})
    outputs["models"]["digits"]["predict_url"] = "[secret]"
    assert "models.digits.predict_url: is a secret" in refusal(outputs)


def test_secrets_of_outputs_outside_the_contract_do_not_matter(outputs: Outputs) -> None:
    assert read_outputs({**outputs, "mine": "[secret]"}).contract_version == 1


def test_numbers_of_a_stack_reference_are_floats_and_whole(outputs: Outputs) -> None:
    outputs["contract_version"] = 1.0
    outputs["models"]["digits"]["version"] = 3.0
    assert isinstance(read_outputs(outputs).models["digits"].version, int)
    outputs["models"]["digits"]["version"] = 3.5
    assert "models.digits.version: should be a valid integer" in refusal(outputs)


def reading_program() -> None:
    read: Any = outputs_of(pulumi.StackReference("platform", DEV))
    pulumi.export("url", read.models["digits"].predict_url)


def test_a_pulumi_program_reads_them_from_a_stack_reference(outputs: Outputs) -> None:
    platform = record(reading_program, stacks={DEV: outputs})
    assert platform.outputs == {"url": "http://digits.serve.svc:8501/v1/models/digits:predict"}


@pytest.mark.parametrize("preview", [True, False])
def test_a_pulumi_program_is_refused_without_a_traceback(outputs: Outputs, preview: bool) -> None:
    outputs["contract_version"] = 2
    with pytest.raises(pulumi.RunError, match=f"outputs of {DEV}: contract_version: written by contract 2"):
        record(reading_program, preview=preview, stacks={DEV: outputs})
