"""A sweep's result: read back as it was written, and honest about what it beats."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from contract.run import RunDefinition
from contract.sweep_result import RESULT, ResultError, SweepResult, TrialResult, write_result

DECLARED = TrialResult(trial=0, slot=0, value=0.98, parameters={"learningRate": 0.002})
BEST = TrialResult(trial=5, slot=3, value=0.99, parameters={"learningRate": 0.004})
RESULT_OF_FOUR = SweepResult(
    sweep="lr",
    model="digits",
    metric="validationAccuracy",
    definition=RunDefinition(args={"epochs": 2}, seed=7),
    complete=2,
    pruned=1,
    failed={2: "the loss is nan after epoch 1"},
    lost=1,
    declared=DECLARED,
    best=BEST,
)


def test_a_result_reads_back_as_it_was_written() -> None:
    assert SweepResult.parse(RESULT_OF_FOUR.text()) == RESULT_OF_FOUR


def test_what_pods_tell_reads_back_in_one_short_line_without_the_reasons() -> None:
    message = RESULT_OF_FOUR.message()
    assert "\n" not in message
    assert len(message) < 500
    assert SweepResult.parse(message) == replace(RESULT_OF_FOUR, failed={2: ""})


def test_a_result_without_values_reads_back_too() -> None:
    none = replace(RESULT_OF_FOUR, complete=0, declared=None, best=None)
    assert SweepResult.parse(none.text()) == none


@pytest.mark.parametrize(
    ("metric", "value", "beats"),
    [
        ("validationAccuracy", 0.981, True),
        ("validationAccuracy", 0.98, False),
        ("validationAccuracy", 0.97, False),
        ("validationLoss", 0.97, True),
        ("validationLoss", 0.99, False),
    ],
)
def test_only_a_better_value_beats_the_declared_arguments(metric: str, value: float, beats: bool) -> None:
    result = replace(RESULT_OF_FOUR, metric=metric, best=replace(BEST, value=value))
    assert result.beats_declared is beats
    assert json.loads(result.text())["beatsDeclared"] is beats


def test_nothing_beats_declared_arguments_that_failed() -> None:
    assert not replace(RESULT_OF_FOUR, declared=None).beats_declared


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("schemaVersion", 2, "this program reads 1"),
        ("sweep", 1, "sweep is 1: must be a string"),
        ("metric", "testAccuracy", "must be one of validationAccuracy"),
        ("complete", -1, "must be a whole number"),
        ("failed", {"x": 1}, "must be an object of reasons"),
        ("definition", None, "definition: must be an object"),
        ("best", 1, "best is 1: must be an object or null"),
        ("best", {"trial": 1, "slot": 1, "value": "x", "parameters": {}}, "best.value is 'x'"),
        ("best", {"trial": 1, "slot": 1, "value": 1, "parameters": []}, "best.parameters is []"),
        ("best", {"trial": None, "slot": 1, "value": 1, "parameters": {}}, "best.trial is None"),
    ],
)
def test_a_wrong_result_is_named_by_its_key(key: str, value: object, reason: str) -> None:
    with pytest.raises(ResultError) as caught:
        SweepResult.parse(json.dumps({**json.loads(RESULT_OF_FOUR.text()), key: value}))
    assert reason in str(caught.value)


@pytest.mark.parametrize("text", [b"{", b"[]", b"\xff"])
def test_what_is_no_json_object_is_no_result(text: bytes) -> None:
    with pytest.raises(ResultError):
        SweepResult.parse(text)


def test_a_result_is_written_once_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    assert write_result(tmp_path, RESULT_OF_FOUR)
    assert not write_result(tmp_path, replace(RESULT_OF_FOUR, complete=3))
    assert [path.name for path in tmp_path.iterdir()] == [RESULT]
    assert SweepResult.parse((tmp_path / RESULT).read_bytes()) == RESULT_OF_FOUR
