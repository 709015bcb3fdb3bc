"""The environment of a training run: what is written is what is read, and everything wrong is said at once."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.run import GANG_VARIABLES, VARIABLES, RunDefinition, RunEnvironment, RunError, Scalar

SCALARS = st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.text()
DEFINITION = RunDefinition(args={"epochs": 12}, seed=7, gpus=2)
RUN = RunEnvironment(model="digits", version=3, definition=DEFINITION, gpu_mode="pretend", image="train@sha256:1")


@settings(max_examples=20)
@given(st.dictionaries(st.text(), SCALARS), st.integers(0, 9), st.none() | st.text())
def test_canonical_text_reads_back_as_the_same_definition(
    args: dict[str, Scalar], seed: int, data_version: str | None
) -> None:
    definition = RunDefinition(args=args, seed=seed, data_version=data_version)
    read = RunDefinition.parse(definition.canonical())
    assert read.canonical() == definition.canonical()
    assert not read.differences(definition)


def test_order_of_arguments_and_spelling_of_whole_numbers_make_no_difference() -> None:
    one = RunDefinition(args={"epochs": 20, "learningRate": 1.0})
    other = RunDefinition(args={"learningRate": 1, "epochs": 20.0})
    assert one.canonical() == other.canonical()


def test_true_is_not_one() -> None:
    assert RunDefinition(args={"a": True}).canonical() != RunDefinition(args={"a": 1}).canonical()


def test_canonical_text_is_fixed_for_good() -> None:
    expected = '{"args":{"epochs":12},"dataVersion":null,"gpus":2,"seed":7,"workers":1}'
    assert DEFINITION.canonical() == expected


def test_differences_name_each_word_with_both_values() -> None:
    other = RunDefinition(args={"epochs": 20, "batchSize": 32}, seed=7, gpus=4)
    assert DEFINITION.differences(other) == [
        "args.batchSize: not given and 32",
        "args.epochs: 12 and 20",
        "gpus: 2 and 4",
    ]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None, [1], {}])
def test_an_argument_that_is_no_scalar_is_refused(value: object) -> None:
    with pytest.raises(RunError, match=r"args\.a is"):
        RunDefinition.of({"args": {"a": value}, "dataVersion": None, "gpus": 0, "seed": 0, "workers": 1})


def test_all_wrong_words_of_a_definition_are_said_at_once() -> None:
    with pytest.raises(RunError) as caught:
        RunDefinition.of({"args": {}, "dataVersion": 3, "gpus": -1, "seed": True, "workers": 0})
    assert [problem.split()[0] for problem in caught.value.problems] == ["seed", "workers", "gpus", "dataVersion"]


def test_unknown_and_missing_words_of_a_definition_are_refused() -> None:
    with pytest.raises(RunError) as caught:
        RunDefinition.of({"args": [], "gpus": 0, "seed": 0, "wokers": 1})
    assert caught.value.problems == (
        "dataVersion is missing",
        "workers is missing",
        "wokers is unknown",
        "args is []: must be an object",
    )


@pytest.mark.parametrize(("text", "reason"), [("{", "not JSON"), ("[]", "must be an object"), ("null", "NoneType")])
def test_a_definition_that_is_no_json_object_is_refused(text: str, reason: str) -> None:
    with pytest.raises(RunError, match=reason):
        RunDefinition.parse(text)


def test_variables_read_back_as_the_same_run() -> None:
    assert RunEnvironment.from_env(RUN.to_env()) == RUN


def test_every_variable_of_the_table_is_written_and_no_other() -> None:
    assert RUN.to_env().keys() == VARIABLES.keys()


def test_an_image_not_known_yet_is_left_to_the_program() -> None:
    run = RunEnvironment(model="digits", version=3, definition=DEFINITION, gpu_mode="pretend")
    assert VARIABLES.keys() - run.to_env().keys() == {"TFK8S_IMAGE"}


def test_an_empty_environment_names_every_variable_at_once() -> None:
    with pytest.raises(RunError) as caught:
        RunEnvironment.from_env({})
    assert [problem.split()[0] for problem in caught.value.problems] == list(VARIABLES)
    assert str(caught.value).startswith("7 problems: ")


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("TFK8S_MODEL", "../x", "must be a name"),
        ("TFK8S_MODEL", "Digits", "must be a name"),
        ("TFK8S_MODEL", "", "must be a name"),
        ("TFK8S_VERSION", "one", "whole number"),
        ("TFK8S_VERSION", "0", "whole number"),
        ("TFK8S_VERSION", "-1", "whole number"),
        ("TFK8S_VERSION", str(2**63), "whole number"),
        ("TFK8S_STORE", "store", "absolute"),
        ("TFK8S_DEFINITION", "{}", "args is missing"),
        ("TFK8S_IMAGE", "", "is empty"),
        ("TFK8S_GPUS", "1", "the definition says 2"),
        ("TFK8S_GPU_MODE", "shared", "must be one of exclusive, timeSlicing"),
    ],
)
def test_a_wrong_variable_is_named_with_the_reason(name: str, value: str, reason: str) -> None:
    with pytest.raises(RunError) as caught:
        RunEnvironment.from_env({**RUN.to_env(), name: value})
    (problem,) = [problem for problem in caught.value.problems if reason in problem]
    assert problem.startswith(name)


def test_missing_and_wrong_variables_are_said_together() -> None:
    env = {**RUN.to_env(), "TFK8S_VERSION": "x", "TFK8S_GPU_MODE": "y"}
    del env["TFK8S_STORE"]
    with pytest.raises(RunError) as caught:
        RunEnvironment.from_env(env)
    assert {problem.split()[0] for problem in caught.value.problems} == {
        "TFK8S_STORE",
        "TFK8S_VERSION",
        "TFK8S_GPU_MODE",
    }


def test_the_program_cannot_write_a_run_that_the_image_would_refuse() -> None:
    with pytest.raises(RunError, match="TFK8S_GPU_MODE"):
        RunEnvironment(model="digits", version=1, definition=DEFINITION, gpu_mode="none")


def test_definition_travels_as_json() -> None:
    assert json.loads(RUN.to_env()["TFK8S_DEFINITION"])["args"] == {"epochs": 12}


GANG = RunEnvironment(
    model="digits",
    version=3,
    definition=RunDefinition(workers=2),
    gpu_mode="timeSlicing",
    gpu_memory_fraction=0.25,
    image="train@sha256:1",
    peers=("digits-v3-0.digits-v3.ml.svc:2222", "digits-v3-1.digits-v3.ml.svc:2222"),
    stall_timeout=600,
)


def test_a_worker_of_several_reads_its_peers_and_its_index_from_kubernetes() -> None:
    assert GANG_VARIABLES.keys() - GANG.to_env().keys() == {"JOB_COMPLETION_INDEX"}
    worker = RunEnvironment.from_env({**GANG.to_env(), "JOB_COMPLETION_INDEX": "1"})
    assert worker == replace(GANG, index=1)
    assert not worker.is_chief


def test_a_worker_alone_is_the_chief_whatever_its_index() -> None:
    assert RunEnvironment.from_env({**RUN.to_env(), "JOB_COMPLETION_INDEX": "5"}) == RUN


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"TFK8S_PEERS": ""}, "TFK8S_PEERS names 0 workers: the definition says 2"),
        ({"TFK8S_PEERS": "a:2222,b"}, "TFK8S_PEERS: 'b' must be host:port"),
        ({"JOB_COMPLETION_INDEX": "2"}, "JOB_COMPLETION_INDEX is 2: must be a whole number from 0 to 1"),
        ({"JOB_COMPLETION_INDEX": "one"}, "JOB_COMPLETION_INDEX is 'one': must be a whole number"),
        ({"TFK8S_GPU_MEMORY_FRACTION": "25%"}, "TFK8S_GPU_MEMORY_FRACTION is '25%': must be a number above 0"),
        ({"TFK8S_GPU_MEMORY_FRACTION": "0"}, "TFK8S_GPU_MEMORY_FRACTION is 0: must be above 0 and at most 1"),
        ({"TFK8S_STALL_TIMEOUT": "10m"}, "TFK8S_STALL_TIMEOUT is '10m': must be a whole number"),
    ],
)
def test_wrong_variables_of_several_workers_are_named(variables: dict[str, str], reason: str) -> None:
    with pytest.raises(RunError) as caught:
        RunEnvironment.from_env({**GANG.to_env(), "JOB_COMPLETION_INDEX": "0", **variables})
    assert reason in str(caught.value)


def test_a_worker_without_index_and_one_worker_with_peers_are_refused() -> None:
    with pytest.raises(RunError, match="JOB_COMPLETION_INDEX is missing"):
        RunEnvironment.from_env(GANG.to_env())
    with pytest.raises(RunError, match="TFK8S_PEERS names 2 workers: the definition says 1"):
        replace(GANG, definition=DEFINITION)
