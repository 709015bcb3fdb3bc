"""The arguments of a training: one place of defaults, and everything wrong said at once."""

import pytest

from contract.exits import Exit, Failure
from contract.run import RunDefinition, Scalar
from training.arguments import Arguments, parse


def refusal(definition: RunDefinition) -> str:
    with pytest.raises(Failure) as caught:
        parse(definition)
    assert caught.value.code == Exit.BAD_INPUT
    return str(caught.value)


def test_what_is_not_given_has_its_default() -> None:
    assert parse(RunDefinition()) == Arguments()


def test_what_is_given_is_taken() -> None:
    definition = RunDefinition(args={"epochs": 3.0, "batchSize": 32, "learningRate": 1})
    assert parse(definition) == Arguments(epochs=3, batch_size=32, learning_rate=1.0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0),
        ("epochs", 1001),
        ("epochs", 2.5),
        ("epochs", "12"),
        ("epochs", True),
        ("batchSize", 0),
        ("batchSize", -64),
        ("learningRate", 0),
        ("learningRate", 1.1),
        ("learningRate", "fast"),
        ("learningRate", False),
    ],
)
def test_a_wrong_argument_is_named_with_value_and_range(name: str, value: Scalar) -> None:
    assert f"args.{name} is {value!r}: must be" in refusal(RunDefinition(args={name: value}))


def test_an_unknown_argument_is_refused_with_the_known_ones() -> None:
    assert "args.epoch is unknown: known are batchSize, checkpointSteps" in refusal(RunDefinition(args={"epoch": 3}))


@pytest.mark.parametrize("gpus", [3, 5, 128])
def test_a_batch_that_does_not_split_evenly_is_refused(gpus: int) -> None:
    assert f"args.batchSize is 64: must be divisible by {gpus}" in refusal(RunDefinition(gpus=gpus))


@pytest.mark.parametrize("gpus", [0, 1, 2, 8, 64])
def test_a_batch_that_splits_evenly_is_taken(gpus: int) -> None:
    assert parse(RunDefinition(gpus=gpus)).batch_size == 64


@pytest.mark.parametrize(
    ("definition", "reason"),
    [
        (RunDefinition(workers=3), "args.batchSize is 64: must be divisible by 3, the number of workers"),
        (RunDefinition(workers=3, gpus=2), "args.batchSize is 64: must be divisible by 6, the number of GPUs of all"),
        (RunDefinition(seed=2**32), "seed is 4294967296: must be at most 4294967295"),
        (RunDefinition(args={"data": ""}), "args.data is '': must be digits or a directory of records"),
        (RunDefinition(args={"deterministic": 1}), "args.deterministic is 1: must be true or false"),
    ],
)
def test_what_this_training_code_cannot_do_is_refused(definition: RunDefinition, reason: str) -> None:
    assert reason in refusal(definition)


def test_all_problems_are_said_at_once() -> None:
    text = refusal(RunDefinition(args={"epochs": 0, "batchSize": "x", "momentum": 1}, workers=3))
    assert text.count(";") == 3
