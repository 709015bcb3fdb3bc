"""The environment of the init step: both sides agree, and everything wrong is said at once."""

from dataclasses import replace

import pytest

from contract.fetch import FetchEnvironment
from contract.run import RunError

PLAIN = FetchEnvironment(model="digits", version=3, directory="/models")
FETCHED = FetchEnvironment(
    model="digits", version=3, directory="/models", url="https://example.org/m.tar.gz?x=1", sha256="0" * 64
)


@pytest.mark.parametrize("wanted", [PLAIN, FETCHED, replace(PLAIN, needs_warmup=False)])
def test_variables_read_back_as_the_same_request(wanted: FetchEnvironment) -> None:
    assert FetchEnvironment.from_env(wanted.to_env()) == wanted


def test_an_empty_environment_names_every_needed_variable_at_once() -> None:
    with pytest.raises(RunError) as caught:
        FetchEnvironment.from_env({})
    assert [problem.split()[0] for problem in caught.value.problems] == [
        "TFK8S_MODEL",
        "TFK8S_VERSION",
        "TFK8S_MODEL_DIR",
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TFK8S_MODEL", "a/b"),
        ("TFK8S_VERSION", "x"),
        ("TFK8S_VERSION", "0"),
        ("TFK8S_MODEL_DIR", "models"),
        ("TFK8S_FETCH_URL", "http://example.org/m.tar"),
        ("TFK8S_FETCH_URL", "file:///etc/passwd"),
        ("TFK8S_FETCH_URL", "https:///m.tar"),
        ("TFK8S_FETCH_URL", "https://user:secret@example.org/m.tar"),
        ("TFK8S_FETCH_URL", "https://example.org:port/m.tar"),
        ("TFK8S_FETCH_SHA256", "ABC"),
        ("TFK8S_WARMUP", "no"),
    ],
)
def test_a_wrong_variable_is_named(name: str, value: str) -> None:
    with pytest.raises(RunError) as caught:
        FetchEnvironment.from_env({**FETCHED.to_env(), name: value})
    (problem,) = caught.value.problems
    assert problem.startswith(name)
    assert "secret" not in problem


@pytest.mark.parametrize("missing", ["TFK8S_FETCH_URL", "TFK8S_FETCH_SHA256"])
def test_an_archive_needs_both_address_and_digest(missing: str) -> None:
    env = FETCHED.to_env()
    del env[missing]
    with pytest.raises(RunError, match=f"{missing} is missing"):
        FetchEnvironment.from_env(env)
