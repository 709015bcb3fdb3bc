"""Batches: in time, in memory, and with room for what warms the server up."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.words import found, only

BATCHING = "models.digits.batching"
LOAD = (
    ("models.digits.autoscaling", {"minReplicas": 2, "maxReplicas": 3}),
    ("models.digits.load", {"requestsPerSecond": 50, "perReplica": 50}),
)


def test_a_wait_as_long_as_the_request_may_take_is_refused_with_both() -> None:
    finding = only("batching-time", (BATCHING, {"maxBatchSize": 32, "timeout": "5s"}))
    assert finding.path == "tfk8s:models.digits.batching.timeout"
    assert finding.message == "batches wait 5s to fill >= requestTimeout 5s"
    assert found((BATCHING, {"maxBatchSize": 32, "timeout": "4999ms"})) == ()


def test_a_queue_that_outlasts_the_request_is_refused_with_the_sum() -> None:
    finding = only("batching-time", *LOAD, (BATCHING, {"maxBatchSize": 50, "timeout": "1s", "maxEnqueuedBatches": 4}))
    assert finding.path == "tfk8s:models.digits.batching.maxEnqueuedBatches"
    assert finding.message == (
        "timeout 1s + (1 batches that run + 4 that wait) x maxBatchSize 50 = 250 rows / perReplica 50 a second = 6s > "
        "requestTimeout 5s"
    )
    assert finding.fix == "lower maxEnqueuedBatches to 3"


def test_a_queue_just_as_long_as_the_request_passes() -> None:
    assert found(*LOAD, (BATCHING, {"maxBatchSize": 50, "timeout": "1s", "maxEnqueuedBatches": 3})) == ()


def test_a_batch_that_alone_takes_too_long_is_to_be_smaller() -> None:
    finding = only("batching-time", *LOAD, (BATCHING, {"maxBatchSize": 200, "timeout": "0s"}))
    assert finding.fix == "lower maxBatchSize to 125 and maxEnqueuedBatches to 1, or raise requestTimeout to 8s"
    assert found(*LOAD, (BATCHING, {"maxBatchSize": 125, "timeout": "0s", "maxEnqueuedBatches": 1})) == ()


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 200), st.integers(1, 20), st.integers(1, 90), st.integers(0, 4999))
def test_what_is_proposed_for_a_slow_queue_is_in_time_and_warms_up(
    size: int, enqueued: int, each: int, wait: int
) -> None:
    batching = {"maxBatchSize": size, "maxEnqueuedBatches": enqueued, "timeout": f"{wait}ms"}
    load = ("models.digits.load", {"requestsPerSecond": 1, "perReplica": each})

    def fixes(timeout: str = "5s", **words: object) -> list[str]:
        changes = (LOAD[0], load, ("models.digits.requestTimeout", timeout), (BATCHING, {**batching, **words}))
        return [one.fix for one in found(*changes) if one.check.startswith("batching-")]

    if size * enqueued < 32:
        return
    for fix in fixes():
        for way in fix.split(", or "):
            *_, value = way.split(" ")
            if way.startswith("raise requestTimeout"):
                assert fixes(timeout=value) == [], way
            elif way.startswith("lower maxEnqueuedBatches"):
                assert fixes(maxEnqueuedBatches=int(value)) == [], way
            else:
                assert fixes(maxBatchSize=int(way.split(" ")[3]), maxEnqueuedBatches=1) == [], way


@pytest.mark.parametrize(
    ("size", "enqueued", "fix"),
    [
        (125, 2, "lower maxEnqueuedBatches to 1"),
        (16, 20, "lower maxEnqueuedBatches to 14"),
        (16, 1, None),
        (64, 9, "lower maxEnqueuedBatches to 2"),
    ],
)
def test_no_more_is_taken_away_than_needed(size: int, enqueued: int, fix: str | None) -> None:
    slow = (BATCHING, {"maxBatchSize": size, "timeout": "0s", "maxEnqueuedBatches": enqueued})
    assert [one.fix for one in found(*LOAD, slow) if one.check == "batching-time"] == ([] if fix is None else [fix])


@pytest.mark.parametrize(
    ("each", "fix"),
    [
        (12.8, "lower maxBatchSize to 32 and maxEnqueuedBatches to 1, or raise requestTimeout to 7s813ms"),
        (12.6, "raise requestTimeout to 7s937ms"),  # 63 rows in 5 s: two batches of 31, fewer than a warm-up request
    ],
)
def test_a_batch_is_not_proposed_smaller_than_a_warm_up_request(each: float, fix: str) -> None:
    load = ("models.digits.load", {"requestsPerSecond": 1, "perReplica": each})
    assert only("batching-time", LOAD[0], load, (BATCHING, {"maxBatchSize": 50, "timeout": "0s"})).fix == fix


@pytest.mark.parametrize(("row", "fits"), [("4Mi", True), ("5Mi", False)])
def test_rows_that_do_not_fit_the_memory_limit_are_refused_with_the_sum(row: str, fits: bool) -> None:
    change = (BATCHING, {"maxBatchSize": 128, "memoryPerRow": row})
    if fits:
        assert found(change) == ()
    else:
        finding = only("batching-memory", change)
        assert (
            "(1 batches that run + 1 that wait) x maxBatchSize 128 x memoryPerRow 5Mi = 1280Mi > memory limit 1Gi"
            in (finding.message)
        )


def test_a_queue_too_short_for_a_warm_up_request_is_refused() -> None:
    finding = only("batching-warm-up", (BATCHING, {"maxBatchSize": 16, "maxEnqueuedBatches": 1}))
    assert "maxEnqueuedBatches 1 x maxBatchSize 16 = 16 rows < 32 of a warm-up request" in finding.message
    assert finding.fix == "raise maxEnqueuedBatches to 2, or leave it out"
    assert found((BATCHING, {"maxBatchSize": 16, "maxEnqueuedBatches": 2})) == ()
    assert found((BATCHING, {"maxBatchSize": 2})) == (), "where nothing is said, there is room"
