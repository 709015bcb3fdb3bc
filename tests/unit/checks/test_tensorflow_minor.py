import pytest

from infra.checks.tensorflow import tensorflow_minor
from tests.unit.words import DIGEST, found, only


@pytest.mark.parametrize(
    ("reference", "minor"),
    [
        ("tensorflow/tensorflow:2.20.0-gpu", "2.20"),
        ("tensorflow/serving:2.20.0", "2.20"),
        (f"tensorflow/serving:2.9@{DIGEST}", "2.9"),
        ("127.0.0.1:15000/tfk8s/tensorflow:2.21.0", "2.21"),
        ("r.example.org/ml/train:7-tf2.19", "2.19"),
        ("r.example.org/ml/train:tensorflow-2.19.1", "2.19"),
        ("r.example.org/ml/train:2.1.0", None),
        ("python:3.12.1", None),
        ("tensorflow/serving:latest-gpu", None),
        (f"tensorflow/serving@{DIGEST}", None),
        ("tensorflow/tensorflow:nightly", None),
        ("nvcr.io/nvidia/tensorflow:25.02-tf2-py3", None),
    ],
)
def test_the_minor_is_read_where_the_tag_says_it(reference: str, minor: str | None) -> None:
    assert tensorflow_minor(reference) == minor


def base(reference: str) -> tuple[str, object]:
    build = {"repository": "registry.example.org/train", "base": f"{reference}@{DIGEST}"}
    return ("images.training", {"build": build})


def test_another_minor_in_training_is_refused_with_both() -> None:
    finding = only("tensorflow-minor", base("tensorflow/tensorflow:2.9.0-gpu"))
    assert finding.path == "tfk8s:images.serving.ref"
    assert "serves with TensorFlow 2.20" in finding.message
    assert "images.training.build.base, tensorflow/tensorflow:2.9.0-gpu, trains with 2.9" in finding.message
    assert finding.fix == "take the same minor for both, 2.20 for example"
    given = ("images.training.ref", f"r.example.org/train:tf2.19@{DIGEST}")
    assert "images.training.ref" in only("tensorflow-minor", given).message


@pytest.mark.parametrize(
    "change",
    [
        base("tensorflow/tensorflow:2.20.1-gpu"),
        base("python:3.12.1"),
        ("images.training", {"fromStack": "me/tfk8s/dev"}),
        ("images.training.ref", f"r.example.org/train:2.19.0@{DIGEST}"),
        ("images.serving.ref", f"tensorflow/serving@{DIGEST}"),
    ],
)
def test_the_same_minor_and_an_unknown_one_pass(change: tuple[str, object]) -> None:
    assert found(change) == ()
