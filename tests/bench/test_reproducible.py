"""How far two trainings of one definition lie apart: how many weights, by how much, and what the metrics do."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest

from contract import store
from contract.comparison import Comparison, Verdict
from contract.run import Scalar
from tests.e2e.gang import Gang

PASSES = 12
BATCH = {1: 64, 2: 64, 3: 63}
"""By the number of workers, which must divide it."""


class Trainings:
    """Trainings of the digits by processes of this machine."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._numbers = count()

    def one(self, workers: int, *, deterministic: bool) -> Path:
        """The store of a new one."""
        args: dict[str, Scalar] = {
            "epochs": PASSES,
            "batchSize": BATCH[workers],
            "deterministic": deterministic,
        }
        with Gang(self._root / str(next(self._numbers)), workers, args) as gang:
            gang.wait_for_end(300)
        return gang.store


@pytest.fixture
def trainings(tmp_path: Path) -> Trainings:
    return Trainings(tmp_path)


def compared(published: Path, again: Path) -> Comparison:
    from training.weights import compare  # noqa: PLC0415 - imports TensorFlow

    first, second = (store.version_dir(root, "digits", 1) for root in (published, again))
    return Comparison(
        published=store.verify(first, model="digits", version=1),
        again=store.verify(second, model="digits", version=1),
        weights=compare(first, second),
    )


@contextmanager
def on_one_core() -> Generator[None]:
    """TensorFlow makes as many threads as a process may use cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def show(what: str, comparison: Comparison) -> None:
    apart = {
        name: abs(before - now)
        for name, (before, now) in comparison.metrics.items()
        if name.endswith(("Accuracy", "Loss")) and before is not None and now is not None
    }
    furthest = max(apart, key=lambda name: apart[name])
    weights = comparison.weights
    print(
        f"{what}: {weights.differing:,} of {weights.count:,} weights differ, by {weights.largest:.3g} at most; "
        f"the metric furthest off is {furthest}, by {apart[furthest]:.4f}"
    )


@pytest.mark.parametrize("deterministic", [False, True], ids=["as it is", "deterministic"])
@pytest.mark.parametrize("workers", BATCH)
def test_the_same_trained_twice(trainings: Trainings, workers: int, deterministic: bool) -> None:
    first, second = (trainings.one(workers, deterministic=deterministic) for _ in range(2))
    comparison = compared(first, second)
    show(f"{workers} workers, twice, {'deterministic' if deterministic else 'as it is'}", comparison)
    assert comparison.verdict is Verdict.IDENTICAL or not deterministic


@pytest.mark.parametrize("deterministic", [False, True], ids=["as it is", "deterministic"])
def test_the_same_on_fewer_cores_and_with_more_workers(trainings: Trainings, deterministic: bool) -> None:
    word = "deterministic" if deterministic else "as it is"
    first = trainings.one(1, deterministic=deterministic)
    with on_one_core():
        second = trainings.one(1, deterministic=deterministic)
    show(f"{len(os.sched_getaffinity(0))} cores and 1, {word}", compared(first, second))
    show(f"1 worker and 2, {word}", compared(first, trainings.one(2, deterministic=deterministic)))
