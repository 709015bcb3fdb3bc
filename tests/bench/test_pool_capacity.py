"""What pooling gives by simulation, and that the simulation is one of the thing it says."""

import random

import pytest

from tests.bench import erlang
from tests.bench.capacity import FRAGMENTED_HEADER, HEADER, Carried, Fragmented, table
from tests.bench.jobs import TENANTS, Job
from tests.bench.simulation import simulate

GOAL = 1.6
"""Times the load at the same wait."""


@pytest.fixture(scope="module")
def rows() -> list[Carried]:
    found = list(table())
    print("", HEADER, *(one.row() for one in found), sep="\n")
    return found


def test_small_pools_carry_the_goal_at_every_wait_and_whoever_wants_how_much(rows: list[Carried]) -> None:
    for one in rows:
        if one.gpus < 64:
            assert one.gain >= GOAL, one.row()


def test_the_large_pool_carries_it_where_tenants_differ(rows: list[Carried]) -> None:
    for one in rows:
        if one.gpus == 64 and one.pattern != "even":
            assert one.gain >= GOAL, one.row()


def test_a_pool_gains_at_least_what_erlang_says_and_less_where_pods_are_spread(rows: list[Carried]) -> None:
    for one in rows:
        assert one.gain >= one.bound, one.row()
        assert one.spread < one.packed, one.row()


@pytest.mark.parametrize("gpus", [32, 64])
def test_spread_pods_leave_more_gpus_that_no_large_job_can_have(gpus: int) -> None:
    packed, spread = Fragmented.of(gpus, 50, "packed"), Fragmented.of(gpus, 50, "spread")
    print("", FRAGMENTED_HEADER, packed.row(), spread.row(), sep="\n")
    assert 1.5 * packed.large < spread.large
    assert 2 * packed.stuck < spread.stuck


@pytest.mark.parametrize(("gpus", "load"), [(16, 0.6), (32, 0.7), (64, 0.8)])
def test_jobs_of_one_gpu_in_static_quotas_wait_as_erlang_says(gpus: int, load: float) -> None:
    draw, now, trace = random.Random(1), 0.0, list[Job]()
    for number in range(60_000):
        now += draw.expovariate(load * gpus)
        trace.append(
            Job(number=number, tenant=draw.choice(TENANTS), gpus=1, arrival=now, duration=draw.expovariate(1.0))
        )
    outcome = simulate(trace, gpus=gpus, pooled=False, placement="packed", keeps=lambda done: done)
    waits = sorted(outcome.waits())
    assert sum(wait > 1e-6 for wait in waits) / len(waits) == pytest.approx(erlang.busy(gpus // 4, load), rel=0.05)
    assert waits[int(len(waits) * 0.95)] == pytest.approx(erlang.wait(gpus // 4, load, 0.95), rel=0.1)


def test_owners_stop_the_newest_borrower_which_keeps_what_its_checkpoint_has() -> None:
    def job(number: int, tenant: str, gpus: int, arrival: float) -> Job:
        return Job(number=number, tenant=tenant, gpus=gpus, arrival=arrival, duration=10.0)

    # Tenant a fills its own share and all others' of 16 GPUs; then b wants one of its four.
    trace = [*(job(number, "a", 4, number / 10) for number in range(4)), job(4, "b", 1, 5.0)]
    runs = simulate(trace, gpus=16, pooled=True, placement="packed", keeps=lambda done: done - done % 2).runs
    assert [run.stops for run in runs] == [0, 0, 0, 1, 0]
    assert runs[4].wait == 0
    # It ran from 0.3 to 5.0 and keeps 4 of that; the first of the others ends at 10.
    assert runs[3].ended == pytest.approx(16.0)
    assert simulate(trace, gpus=16, pooled=False, placement="packed", keeps=lambda done: done).runs[3].ended == 40.0
