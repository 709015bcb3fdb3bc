from typing import get_args

import pytest

from contract.sweep import METRICS, PRUNERS, SAMPLERS
from contract.sweep_space import TYPES
from infra.finding import Finding
from infra.settings import SweepSettings, parse
from infra.settings.sweeps import SpaceParameter
from tests.unit.words import GONE, SWEEP, Words, changed


def sweep(**words: object) -> SweepSettings:
    parsed = parse(changed(("sweeps.rates", {**SWEEP, **words})))
    assert parsed.findings == ()
    return parsed.settings.sweeps["rates"]


def problems(*changes: tuple[str, object]) -> list[Finding]:
    return list(parse(changed(("sweeps.rates", SWEEP), *changes)).findings)


def test_few_words_are_a_sweep() -> None:
    words = {key: value for key, value in SWEEP.items() if key != "parallelism"}
    parsed = parse(changed(("sweeps.rates", words))).settings.sweeps["rates"]
    assert (parsed.parallelism, parsed.sampler, parsed.pruner, parsed.metric, str(parsed.deadline)) == (
        1, "tpe", "none", "validationAccuracy", "6h",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("model", "key", "known"),
    [
        (SweepSettings, "sampler", SAMPLERS),
        (SweepSettings, "pruner", PRUNERS),
        (SweepSettings, "metric", tuple(METRICS)),
        (SpaceParameter, "type", TYPES),
    ],
)
def test_words_are_those_that_the_image_knows(
    model: type[SweepSettings | SpaceParameter], key: str, known: tuple[str, ...]
) -> None:
    assert get_args(model.model_fields[key].annotation) == known


def test_a_parameter_says_what_is_given_and_nothing_else() -> None:
    space: Words = {
        "learningRate": {"type": "float", "low": 0.1, "high": 1},
        "units": {"type": "int", "low": 8, "high": 64, "step": 8},
        "optimizer": {"type": "categorical", "choices": ["adam", "sgd", True, 0.5]},
    }
    assert {name: parameter.words() for name, parameter in sweep(space=space).space.items()} == space


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("trials", 1),
        ("trials", 10_001),
        ("parallelism", 0),
        ("sampler", "bayes"),
        ("pruner", "hyperband"),
        ("metric", "testAccuracy"),
        ("deadline", "0s"),
        ("backoffLimit", -1),
        ("args.epochs", []),
        ("space.learningRate.type", "double"),
        ("space.learningRate.low", "0.1"),
        ("space.learningRate.high", True),
        ("space.learningRate.sigma", 1),
        ("space.batchSize.choices", [[1]]),
    ],
)
def test_what_cannot_be_right_is_refused_where_it_stands(key: str, value: object) -> None:
    found = problems((f"sweeps.rates.{key}", value))
    assert found
    assert {finding.check for finding in found} == {"settings"}
    assert all(finding.path.startswith(f"tfk8s:sweeps.rates.{key}") for finding in found)


@pytest.mark.parametrize("key", ["tenant", "model", "trials", "space", "resources"])
def test_what_is_missing_is_named(key: str) -> None:
    [finding] = problems((f"sweeps.rates.{key}", GONE))
    assert (finding.path, finding.message) == (f"tfk8s:sweeps.rates.{key}", "missing")


def test_a_tenant_that_is_not_declared_is_named() -> None:
    [finding] = problems(("sweeps.rates.tenant", "trian"))
    assert (finding.path, finding.fix) == ("tfk8s:sweeps.rates.tenant", "did you mean train?")
