"""The environment of a trial: what is written is what is read, and everything wrong is said at once."""

import json
from dataclasses import replace

import pytest

from contract.run import RunDefinition, RunError
from contract.sweep import VARIABLES, SweepDefinition, SweepEnvironment
from contract.sweep_space import Parameter, space_of

SPACE = space_of(
    {
        "learningRate": {"type": "float", "low": 0.0001, "high": 0.1, "log": True},
        "batchSize": {"type": "int", "low": 16, "high": 128, "step": 16},
        "optimizer": {"type": "categorical", "choices": ["adam", "sgd"]},
    }
)
DEFINITION = SweepDefinition(base=RunDefinition(args={"epochs": 4}, seed=7, gpus=1), space=SPACE, trials=24)
SWEEP = SweepEnvironment(name="lr", model="digits", definition=DEFINITION, gpu_mode="pretend", image="train@sha256:1")
ENV = {**SWEEP.to_env(), "JOB_COMPLETION_INDEX": "0"}


def problems(changes: dict[str, str]) -> list[str]:
    with pytest.raises(RunError) as caught:
        SweepEnvironment.from_env({**ENV, **changes})
    return list(caught.value.problems)


def space_problem(words: dict[str, object]) -> str:
    with pytest.raises(RunError) as caught:
        space_of({"a": words})
    return str(caught.value)


def test_variables_read_back_as_the_same_sweep() -> None:
    assert SweepEnvironment.from_env(ENV) == SWEEP


def test_the_slot_is_what_kubernetes_says() -> None:
    assert SweepEnvironment.from_env({**ENV, "JOB_COMPLETION_INDEX": "23"}).slot == 23


def test_every_variable_of_the_table_is_written_but_the_one_of_kubernetes() -> None:
    assert ENV.keys() == VARIABLES.keys()
    assert "JOB_COMPLETION_INDEX" not in SWEEP.to_env()


def test_an_image_not_known_yet_is_left_to_the_program() -> None:
    assert ENV.keys() - replace(SWEEP, image="").to_env().keys() == {"TFK8S_IMAGE", "JOB_COMPLETION_INDEX"}


def test_an_empty_environment_names_every_variable_at_once() -> None:
    with pytest.raises(RunError) as caught:
        SweepEnvironment.from_env({})
    assert [problem.split()[0] for problem in caught.value.problems] == list(VARIABLES)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("TFK8S_SWEEP", "../x", "must be a name"),
        ("TFK8S_MODEL", "Digits", "must be a name"),
        ("TFK8S_STORE", "store", "absolute"),
        ("TFK8S_DEFINITION", "[]", "must be an object"),
        ("TFK8S_DEFINITION", DEFINITION.base.canonical().replace('"workers":1', '"workers":2'), "a trial is one pod"),
        ("TFK8S_SWEEP_SPACE", "{", "not JSON"),
        ("TFK8S_SWEEP_SPACE", "{}", "at least one"),
        ("TFK8S_SWEEP_SPACE", '{"a b":{"type":"int","low":1,"high":2}}', "must be an argument's name"),
        ("TFK8S_TRIALS", "1", "from 2 to 10000"),
        ("TFK8S_TRIALS", "10001", "from 2 to 10000"),
        ("TFK8S_TRIALS", "-2", "whole number"),
        ("TFK8S_SAMPLER", "cma", "must be one of grid, random, tpe"),
        ("TFK8S_SAMPLER", "grid", "learningRate has no step, which a grid needs"),
        ("TFK8S_PRUNER", "hyperband", "must be one of none, median"),
        ("TFK8S_METRIC", "testAccuracy", "must be one of validationAccuracy, validationLoss"),
        ("TFK8S_IMAGE", "", "is empty"),
        ("TFK8S_GPUS", "2", "the definition says 1"),
        ("TFK8S_GPU_MODE", "shared", "must be one of exclusive"),
        ("JOB_COMPLETION_INDEX", "24", "from 0 to 23"),
        ("JOB_COMPLETION_INDEX", "first", "whole number"),
    ],
)
def test_a_wrong_variable_is_named_with_the_reason(name: str, value: str, reason: str) -> None:
    (problem,) = problems({name: value})
    assert reason in problem
    assert problem.startswith(name) or name == "TFK8S_SAMPLER"


def test_everything_wrong_is_said_together() -> None:
    wrong = {"TFK8S_TRIALS": "x", "TFK8S_PRUNER": "y", "TFK8S_SWEEP": "Z", "TFK8S_SWEEP_SPACE": '{"a":{},"b":1}'}
    assert [problem.split()[0].rstrip(":") for problem in problems(wrong)] == [
        "TFK8S_TRIALS",
        "TFK8S_SWEEP_SPACE",
        "TFK8S_SWEEP_SPACE",
        "TFK8S_PRUNER",
        "TFK8S_SWEEP",
    ]


def test_a_grid_takes_as_many_trials_as_it_has_points_and_the_declared_arguments() -> None:
    space = space_of({"batchSize": {"type": "int", "low": 16, "high": 64, "step": 16}})
    assert SweepDefinition(base=RunDefinition(), space=space, trials=5, sampler="grid").trials == 5
    with pytest.raises(RunError, match="at most 5, its 4 points and the declared arguments"):
        SweepDefinition(base=RunDefinition(), space=space, trials=6, sampler="grid")


def test_the_canonical_text_tells_sweeps_apart_and_not_spellings() -> None:
    respelled = dict(reversed(SPACE.items()))
    assert replace(DEFINITION, space=respelled).canonical() == DEFINITION.canonical()
    assert replace(DEFINITION, trials=25).canonical() != DEFINITION.canonical()
    assert json.loads(DEFINITION.canonical())["base"]["seed"] == 7


def test_the_direction_follows_from_the_metric() -> None:
    assert DEFINITION.direction == "maximize"
    assert replace(DEFINITION, metric="validationLoss").direction == "minimize"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ({}, "a.type is None: must be one of float, int, categorical"),
        ({"type": "int", "low": 1}, "a.high is None: must be a whole number"),
        ({"type": "int", "low": 1.5, "high": 2}, "a.low is 1.5: must be a whole number"),
        ({"type": "float", "low": True, "high": 2}, "a.low is True: must be a finite number"),
        ({"type": "float", "low": 3, "high": 2}, "a.low is 3.0: must be at most high, 2.0"),
        ({"type": "float", "low": 0, "high": 2, "log": True}, "a.low is 0.0: must be above 0 with log"),
        ({"type": "float", "low": 1, "high": 2, "log": 1}, "a.log is 1: must be true or false"),
        ({"type": "float", "low": 1, "high": 2, "log": True, "step": 1}, "a.step is 1.0: not together with log"),
        ({"type": "float", "low": 1, "high": 2, "step": 0}, "a.step is 0.0: must be above 0"),
        ({"type": "float", "low": 0, "high": 1, "step": 0.3}, "a.step is 0.3: must divide high - low"),
        ({"type": "int", "low": 0, "high": 1, "choices": [1]}, "a.choices is unknown for type int"),
        ({"type": "categorical", "choices": []}, "a.choices is []: must be a list"),
        ({"type": "categorical", "choices": [[1]]}, "a.choices is [[1]]: must be a list"),
        ({"type": "categorical", "choices": [1, True]}, "a.choices has true twice"),
    ],
)
def test_a_wrong_parameter_is_named_with_key_value_and_reason(words: dict[str, object], reason: str) -> None:
    assert reason in space_problem(words)


def test_steps_are_decimal_as_they_were_written() -> None:
    tenths = space_of({"a": {"type": "float", "low": 0, "high": 0.3, "step": 0.1}})["a"]
    assert [tenths.value(index) for index in range(tenths.count() or 0)] == [0.0, 0.1, 0.2, 0.3]


@pytest.mark.parametrize(
    ("values", "held", "missed"),
    [
        (Parameter(type="float", low=0.1, high=1), [0.1, 1, 0.5], [0.09, 1.1, True, "x"]),
        (Parameter(type="float", low=0, high=0.4, step=0.1), [0.3, 0], [0.25]),
        (Parameter(type="int", low=16, high=64, step=16), [32, 32.0], [33, 80]),
        (Parameter(type="int", low=1, high=3), [2], [2.5]),
        (Parameter(type="categorical", choices=("a", 1)), ["a", 1, 1.0], ["b", True]),
    ],
)
def test_a_parameter_knows_its_values(values: Parameter, held: list[float], missed: list[float]) -> None:
    assert [values.holds(value) for value in held + missed] == [True] * len(held) + [False] * len(missed)


def test_a_share_of_a_devices_memory_is_told_and_read_back_as_of_a_run() -> None:
    assert "TFK8S_GPU_MEMORY_FRACTION" not in SWEEP.to_env()
    shared = replace(SWEEP, gpu_memory_fraction=0.33)
    env = {**shared.to_env(), "JOB_COMPLETION_INDEX": "0"}
    assert env["TFK8S_GPU_MEMORY_FRACTION"] == "0.33"
    assert SweepEnvironment.from_env(env) == shared
    with pytest.raises(RunError, match=r"TFK8S_GPU_MEMORY_FRACTION is 1\.5: must be above 0 and at most 1"):
        SweepEnvironment.from_env({**env, "TFK8S_GPU_MEMORY_FRACTION": "1.5"})
