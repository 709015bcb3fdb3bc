"""Batches of the serving stand-in."""

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from local.images.serving.batching import Batched, BatchScheduler
from local.images.serving.config import BatchingParameters, ConfigError, read_batching_parameters
from local.images.serving.signature import Array
from local.images.serving.status import ServingError
from tests.unit.local.images.serving_fakes import FakeModel

NEVER = 60_000_000
"""Microseconds that no test lasts."""


SPLIT = " enable_large_batch_splitting { value: true }"


class Counted(FakeModel):
    """Notes how many rows it ran at a time; holds everything while `gate` is closed."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()

    def run(self, signature_name: str, inputs: Mapping[str, Array]) -> dict[str, Array]:
        self.entered.set()
        assert self.gate.wait(10)
        self.batches.append(len(inputs["x"]))
        if signature_name == "scalar":
            return {"y": np.zeros(())}
        return super().run(signature_name, inputs)


def batched(model: Counted, timeout_seconds: float = 0, **parameters: int) -> Batched:
    known = replace(BatchingParameters(num_batch_threads=1, enable_large_batch_splitting=True), **parameters)
    return Batched(model, BatchScheduler(known, timeout_seconds))


def rows(*values: float) -> dict[str, Array]:
    return {"x": np.array([[value, value] for value in values], np.float32)}


def test_requests_that_fill_a_batch_run_together_and_each_gets_its_own() -> None:
    model = Counted()
    server = batched(model, max_execution_batch_size=4, batch_timeout_micros=NEVER)
    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(server.run, "serving_default", rows(value)) for value in (1, 2, 3, 4)]
        assert [answer.result(10)["y"].tolist() for answer in answers] == [[[2, 2]], [[4, 4]], [[6, 6]], [[8, 8]]]
    assert model.batches == [4]


def test_a_batch_that_does_not_fill_runs_after_its_time() -> None:
    model = Counted()
    answer = batched(model, max_execution_batch_size=4, batch_timeout_micros=1).run("serving_default", rows(1))
    assert answer["y"].tolist() == [[2, 2]]
    assert model.batches == [1]


def test_a_request_larger_than_a_batch_is_split_and_joined_again() -> None:
    model = Counted()
    answer = batched(model, max_batch_size=5, max_execution_batch_size=2).run("serving_default", rows(1, 2, 3, 4, 5))
    assert answer["y"].tolist() == [[2, 2], [4, 4], [6, 6], [8, 8], [10, 10]]
    assert model.batches == [2, 2, 1]


def test_a_request_of_too_many_rows_is_the_clients_mistake() -> None:
    with pytest.raises(ServingError, match="Task size 3 is larger than maximum input batch size 2") as caught:
        batched(Counted(), max_batch_size=2, max_execution_batch_size=2).run("serving_default", rows(1, 2, 3))
    assert caught.value.code == "INVALID_ARGUMENT"


def test_a_full_queue_turns_requests_away_at_once() -> None:
    model = Counted()
    model.gate.clear()
    server = batched(model, max_batch_size=3, max_execution_batch_size=1, max_enqueued_batches=2)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(server.run, "serving_default", rows(1))
        assert model.entered.wait(10)
        with pytest.raises(ServingError, match=r"queue .* is full; it holds 2 rows, and 3 would wait") as caught:
            server.run("serving_default", rows(1, 2, 3))
        model.gate.set()
        assert running.result(10)["y"].tolist() == [[2, 2]]
    assert caught.value.http_status == 503


def test_what_waited_too_long_is_not_computed() -> None:
    model = Counted()
    with pytest.raises(ServingError, match="exceeded while waiting in batching queue") as caught:
        batched(model, timeout_seconds=1e-9).run("serving_default", rows(1))
    assert caught.value.code == "DEADLINE_EXCEEDED"
    assert model.batches == []


def test_rows_of_unlike_shape_and_other_signatures_do_not_meet() -> None:
    model = Counted()
    server = batched(model, max_execution_batch_size=2, batch_timeout_micros=20_000)
    wide = {"x": np.ones((1, 3), np.float32)}
    with ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(server.run, "serving_default", inputs) for inputs in (rows(1), wide)]
        assert [answer.result(10)["y"].shape for answer in answers] == [(1, 2), (1, 3)]
    assert model.batches == [1, 1]


@pytest.mark.parametrize("inputs", [{"x": np.float32(1)}, {"x": np.ones((2, 2)), "z": np.ones((1, 2))}, {}])
def test_inputs_without_a_common_number_of_rows_are_refused(inputs: dict[str, Array]) -> None:
    with pytest.raises(ServingError, match="equal 0th-dimension size"):
        batched(Counted()).run("serving_default", inputs)


def test_a_failure_of_the_batch_is_every_requests_answer() -> None:
    server = batched(Counted(), max_execution_batch_size=2, batch_timeout_micros=NEVER)
    with ThreadPoolExecutor(2) as pool:
        failures = [pool.submit(server.run, "slow", rows(1)) for _ in range(2)]
        codes = [getattr(failure.exception(10), "code", None) for failure in failures]
    assert codes == ["DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED"]


def test_an_output_without_rows_cannot_be_shared_out() -> None:
    with pytest.raises(ServingError, match="does not equal the sum"):
        batched(Counted()).run("scalar", rows(1))


@pytest.mark.parametrize(
    ("text", "largest", "together"),
    [
        ("", 1000, 1000),
        ("max_batch_size { value: 8 }", 8, 8),
        ("max_batch_size { value: 8 } max_execution_batch_size { value: 2 }", 8, 8),
        (
            "max_batch_size { value: 8 } max_execution_batch_size { value: 2 }" + SPLIT,
            8,
            2,
        ),
    ],
)
def test_parameters_mean_what_they_mean_there(tmp_path: Path, text: str, largest: int, together: int) -> None:
    (tmp_path / "b").write_text(text)
    read = read_batching_parameters(str(tmp_path / "b"))
    assert (read.max_batch_size, read.max_execution_batch_size, read.max_enqueued_batches) == (largest, together, 10)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("allowed_batch_sizes: 4", "no field named"),
        ("num_batch_threads { value: 0 }", "must be positive"),
        (
            "max_batch_size { value: 2 } max_execution_batch_size { value: 4 }" + SPLIT,
            "must be at least",
        ),
    ],
)
def test_parameters_that_make_no_sense_or_are_not_known_are_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "b").write_text(text)
    with pytest.raises(ConfigError, match=said):
        read_batching_parameters(str(tmp_path / "b"))
