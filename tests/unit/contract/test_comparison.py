import json
from dataclasses import replace

import pytest

from contract.comparison import Comparison, ComparisonError, Verdict, Weights
from contract.manifest import FileEntry, Manifest
from contract.run import RunDefinition

PUBLISHED = Manifest(
    model="digits",
    version=7,
    definition=RunDefinition(args={"epochs": 3}),
    metrics={"testAccuracy": 0.98, "testLoss": 0.06, "epochs": 3, "seconds": 12.5},
    image="train@sha256:1",
    data_digest="a" * 64,
    tensorflow_version="2.20.0",
    created="2026-01-31T12:00:00Z",
    files=(
        FileEntry(path="saved_model.pb", size=2, sha256="1" * 64),
        FileEntry(path="variables/variables.index", size=2, sha256="2" * 64),
    ),
)
SAME = Weights(count=100, differing=0, largest=0.0)
OTHER = Weights(count=100, differing=3, largest=0.0025, where="variables/4")


def compared(weights: Weights = SAME, **changes: object) -> Comparison:
    again = replace(PUBLISHED, created="2026-02-01T12:00:00Z", **changes)  # pyright: ignore[reportArgumentType] - of a test's own
    return Comparison(published=PUBLISHED, again=again, weights=weights)


def measured(**changes: float) -> dict[str, float]:
    return {**PUBLISHED.metrics, **changes}


def test_equal_bits_and_equal_metrics_are_identical_whatever_else_is_another() -> None:
    other = compared(
        metrics=measured(seconds=99.0),
        image="train@sha256:2",
        tensorflow_version="2.21.0",
        files=(replace(PUBLISHED.files[0], sha256="9" * 64), PUBLISHED.files[1]),
    )
    assert other.verdict is Verdict.IDENTICAL
    assert other.sentence == "identical: all 100 weights have the same bits, and every metric is the same"


@pytest.mark.parametrize("again", [0.97, 0.99, 0.98])
def test_other_weights_are_within_tolerance_while_no_metric_is_further_off(again: float) -> None:
    other = compared(OTHER, metrics=measured(testAccuracy=again))
    assert other.verdict is Verdict.WITHIN_TOLERANCE
    assert "no metric is more than 0.01 off" in other.sentence
    assert "3 of 100 weights differ, by 0.0025 at most (variables/4)" in other.sentence


def test_equal_weights_with_other_metrics_are_not_identical() -> None:
    assert compared(metrics=measured(testLoss=0.061)).verdict is Verdict.WITHIN_TOLERANCE


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (compared(metrics=measured(testAccuracy=0.9699)), "testAccuracy was 0.98 and is 0.9699: more than 0.01 apart"),
        (compared(metrics={"testAccuracy": 0.98}), "testLoss is a metric of the published training only"),
        (compared(metrics=measured(f1=0.9)), "f1 is a metric of the second training only"),
        (compared(data_digest="b" * 64), "the data is another: aaaaaaaaaaaa… and bbbbbbbbbbbb…"),
        (compared(replace(SAME, mismatch="the models have other variables")), "the models have other variables"),
    ],
)
def test_anything_else_is_different_and_says_why(other: Comparison, said: str) -> None:
    assert other.verdict is Verdict.DIFFERENT
    assert said in other.sentence


def test_the_tolerance_is_the_one_that_was_asked_for() -> None:
    other = compared(OTHER, metrics=measured(testAccuracy=0.5))
    assert replace(other, tolerance=0.48).verdict is Verdict.WITHIN_TOLERANCE


def test_only_files_that_hold_weights_are_compared() -> None:
    gone = compared(files=PUBLISHED.files[:1])
    assert gone.variables == {"variables/variables.index": ("2" * 64, None)}


def test_a_line_reads_back_as_it_was_and_names_the_verdict() -> None:
    comparison = compared(OTHER)
    line = comparison.line()
    assert "\n" not in line
    assert json.loads(line)["verdict"] == "within tolerance"
    assert Comparison.parse(line) == comparison


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("schemaVersion", 2, "schemaVersion is 2"),
        ("again", {}, "one of its manifests is not valid"),
        ("weights", [], "weights is"),
        ("weights", {"count": 1, "differing": None, "largest": 0, "where": "", "mismatch": ""}, "differing is None"),
        ("tolerance", "a", "tolerance is 'a'"),
    ],
)
def test_a_line_that_is_no_comparison_is_refused_by_its_key(key: str, value: object, said: str) -> None:
    document = {**json.loads(compared().line()), key: value}
    with pytest.raises(ComparisonError, match=said):
        Comparison.parse(json.dumps(document))


@pytest.mark.parametrize("text", ["published digits", "[]"])
def test_a_line_that_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(ComparisonError):
        Comparison.parse(text)
