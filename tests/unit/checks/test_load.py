"""Does the fleet carry the stated load."""

import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.finding import Finding
from tests.unit.words import Words, found, only

ROOMY = ("tenants.serve.quota", {
    "requests": {"cpu": 9000, "memory": "9Ti", "gpu": 9000}, "limits": {"cpu": 9000, "memory": "9Ti"}
})  # fmt: skip
SAME_LIMIT = ("models.digits.resources", {"cpu": "500m", "memory": "1Gi", "gpu": 1})


def fleet(least: int, most: int, *, target: str = "70%", **load: float | str) -> tuple[tuple[str, object], ...]:
    bounds: Words = {"minReplicas": least, "maxReplicas": most, "targets": {"cpu": target}}
    return (ROOMY, SAME_LIMIT, ("models.digits.autoscaling", bounds), ("models.digits.load", load))


def errors(*changes: tuple[str, object]) -> list[Finding]:
    return [finding for finding in found(*changes) if finding.severity == "error"]


def test_a_load_that_the_maximum_carries_passes() -> None:
    assert found(*fleet(3, 20, requestsPerSecond=100, step=700, perReplica=50)) == ()


def test_a_step_beyond_the_maximum_is_refused_with_the_sum() -> None:
    finding = only("scale-ceiling", *fleet(3, 20, requestsPerSecond=100, step=701, perReplica=50))
    assert finding.path == "tfk8s:models.digits.autoscaling.maxReplicas"
    assert finding.message == "701 requests/s / (perReplica 50 x target 70% = 35) = 21 replicas > maxReplicas 20"
    assert finding.fix.startswith("raise maxReplicas to 21")


def test_the_usual_load_counts_where_no_step_or_a_smaller_one_is_stated() -> None:
    # As many at the minimum, so that nothing is said about a release.
    alone = fleet(20, 20, requestsPerSecond=701, perReplica=50)
    smaller = fleet(20, 20, requestsPerSecond=701, perReplica=50, step=1)
    for changes in (alone, smaller):
        assert only("scale-ceiling", *changes).message.startswith("701 requests/s")


def test_a_jump_that_takes_too_long_is_refused_with_its_rounds() -> None:
    slow = fleet(3, 20, requestsPerSecond=100, step=700, perReplica=50, within="5m")
    finding = only("scale-time", *slow)
    assert finding.path == "tfk8s:models.digits.load.within"
    assert "700 requests/s need 20 replicas: 3, then 5 at 1m46s, 8 at 3m31s, 12 at " in finding.message
    assert "5 rounds = 8m46s > within 5m" in finding.message
    assert "multiply the replicas by 1.43 at most" in finding.message
    assert finding.fix == "raise autoscaling.minReplicas to 9, or allow 8m46s"


def test_a_jump_just_in_time_passes() -> None:
    assert found(*fleet(3, 20, requestsPerSecond=100, step=700, perReplica=50, within="526s")) == ()
    assert found(*fleet(3, 20, requestsPerSecond=100, step=700, perReplica=50, within="525s")) != ()


@pytest.mark.parametrize("target", ["67%", "70%", "71%"])
def test_the_nearest_target_that_would_do_is_proposed(target: str) -> None:
    slow = fleet(3, 40, target=target, requestsPerSecond=100, step=700, perReplica=50, within="8m")
    assert only("scale-time", *slow).fix.startswith("lower autoscaling.targets.cpu to 66%, or ")


def test_one_round_is_said_in_the_singular() -> None:
    one = only("scale-time", *fleet(2, 3, requestsPerSecond=50, step=105, perReplica=50, within="1s"))
    assert "; 1 round = 1m46s > within 1s, since a round can" in one.message


def test_of_many_rounds_the_first_and_the_last_are_shown() -> None:
    message = only("scale-time", *fleet(3, 90, requestsPerSecond=100, step=3000, perReplica=50, within="5m")).message
    assert "3, then 5 at 1m46s, 8 at 3m31s, 12 at 5m16s, 18 at 7m1s, 26 at 8m47s, …, 79 at 14m4s" in message
    six = only("scale-time", *fleet(3, 90, requestsPerSecond=100, step=1300, perReplica=50, within="5m")).message
    assert "18 at 7m1s, 26 at 8m47s, 38 at " in six


@pytest.mark.parametrize(("seconds", "least"), [(316, 6), (315, 9), (106, 13), (105, 19)])
def test_the_smallest_minimum_that_is_in_time_is_proposed(seconds: int, least: int) -> None:
    slow = fleet(3, 20, requestsPerSecond=100, step=700, perReplica=50, within=f"{seconds}s")
    assert only("scale-time", *slow).fix == f"raise autoscaling.minReplicas to {least}, or allow 8m46s"


def test_the_minimum_proposed_may_be_the_maximum() -> None:
    finding = only("scale-time", *fleet(2, 3, requestsPerSecond=50, step=105, perReplica=50, within="1s"))
    assert finding.fix.startswith("raise autoscaling.minReplicas to 3,")


def test_a_jump_that_cannot_be_reached_is_not_said_to_be_slow_as_well() -> None:
    only("scale-ceiling", *fleet(3, 10, requestsPerSecond=100, step=700, perReplica=50, within="1m"))


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 8), st.integers(9, 60), st.integers(20, 90), st.integers(1, 80), st.integers(1, 20))
def test_what_is_proposed_against_slowness_does_work(
    least: int, most: int, target: int, step: int, minutes: int
) -> None:
    def judged(least: int, target: str, within: str) -> list[str]:
        changes = fleet(least, most, target=target, requestsPerSecond=1, step=step, perReplica=2, within=within)
        return [finding.fix for finding in errors(*changes) if finding.check == "scale-time"]

    for fix in judged(least, f"{target}%", f"{minutes}m"):
        for way in fix.split(", or "):
            value = way.rpartition(" ")[2]
            least_then = int(value) if "minReplicas" in way else least
            target_then = value if "targets" in way else f"{target}%"
            within_then = value if "allow" in way else f"{minutes}m"
            assert judged(least_then, target_then, within_then) == [], way
            if "minReplicas" in way and least_then > least + 1:
                assert judged(least_then - 1, target_then, within_then), "one fewer would do"
            nearer = int(target_then.removesuffix("%")) + 1
            if "targets" in way and nearer < target:
                assert judged(least, f"{nearer}%", within_then), "a target nearer to the present one would do"


def test_one_replica_of_a_loaded_model_is_a_warning() -> None:
    finding = only("eviction", ("models.digits.load", {"requestsPerSecond": 1, "perReplica": 50}))
    assert (finding.severity, finding.path) == ("warning", "tfk8s:models.digits.autoscaling.minReplicas")
    assert finding.message == "with 1 replica an evicted pod leaves none, until another is ready 1m later"
    assert finding.fix == "raise minReplicas to 2"


def test_one_replica_in_quiet_hours_is_one_too_few_however_many_the_usual_load_has() -> None:
    findings = found(*fleet(1, 20, requestsPerSecond=100, perReplica=50))
    assert findings[0].check == "eviction"
    assert findings[0].message.startswith("with 1 replica ")


def test_without_a_stated_load_one_replica_is_nobodys_business() -> None:
    assert found() == ()  # the sound stack's minimum is 1


def test_replicas_that_an_eviction_overloads_are_a_warning_with_the_sum() -> None:
    finding = only("eviction", *fleet(2, 3, requestsPerSecond=51, perReplica=50))
    assert "of 2 replicas an eviction leaves 1 x 50 = 50 requests/s < 51" in finding.message
    assert finding.fix == "raise minReplicas to 3"
    assert found(*fleet(3, 3, requestsPerSecond=51, perReplica=50)) == ()
    assert found(*fleet(2, 3, requestsPerSecond=50, perReplica=50)) == ()


def test_a_fleet_too_small_for_evictions_is_told_both_bounds() -> None:
    finding = only("eviction", *fleet(2, 2, requestsPerSecond=70, perReplica=50))
    assert finding.fix == "raise minReplicas to 3 and maxReplicas to 3"


def test_a_release_that_its_minimum_cannot_carry_is_a_warning_with_the_replicas_needed() -> None:
    finding = only("track-load", *fleet(2, 10, requestsPerSecond=106, perReplica=50))
    assert (finding.severity, finding.path) == ("warning", "tfk8s:models.digits.tracks.stable")
    assert "weight 100% of 106 requests/s = 106 at once onto minReplicas 2 x 50 = 100" in finding.message
    assert finding.fix == "raise autoscaling.minReplicas to 3"
    assert found(*fleet(2, 10, requestsPerSecond=100, perReplica=50)) == ()


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 30), st.integers(1, 900), st.sampled_from([0.5, 1, 7.5, 50]))
def test_the_replicas_proposed_for_a_release_are_just_enough(least: int, usual: int, each: float) -> None:
    changes = fleet(least, 5000, requestsPerSecond=usual, perReplica=each)
    for finding in found(*changes):
        if finding.check == "track-load":
            needed = int(finding.fix.rpartition(" ")[2])
            assert needed == math.ceil(Fraction(usual) / Fraction(each))
            after = found(*fleet(needed, 5000, requestsPerSecond=usual, perReplica=each))
            assert "track-load" not in [one.check for one in after]


@pytest.mark.parametrize("change", [("models.digits.autoscaling.minReplicas", 30), ("models.digits.resources.cpu", 0)])
def test_load_is_not_judged_where_the_autoscaler_cannot_work(change: tuple[str, object]) -> None:
    expected = "autoscaling-bounds" if change[1] == 30 else "cpu-target"
    only(expected, *fleet(2, 3, requestsPerSecond=900, perReplica=50, within="1s"), change)
