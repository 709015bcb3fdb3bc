"""Scaling, drain, exposure, GPUs."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.words import GONE, found, only

ROOMY = (
    "tenants.serve.quota",
    {"requests": {"cpu": 900, "memory": "900Gi", "gpu": 900}, "limits": {"cpu": 900, "memory": "900Gi"}},
)

OLD_FIRST = {"maxSurge": 0, "maxUnavailable": 1}
ROOMY_TRAINING = ("tenants.train.quota", ROOMY[1])


def test_a_minimum_above_the_maximum_is_refused_with_both() -> None:
    finding = only("autoscaling-bounds", ROOMY, ("models.digits.autoscaling.minReplicas", 4))
    assert finding.path == "tfk8s:models.digits.autoscaling.minReplicas"
    assert finding.message == "minReplicas 4 > maxReplicas 3"
    assert finding.fix == "lower minReplicas to 3, or raise maxReplicas to 4"


def test_a_minimum_equal_to_the_maximum_passes() -> None:
    assert found(ROOMY, ("models.digits.autoscaling.minReplicas", 3)) == ()


def test_a_cpu_target_without_a_cpu_request_is_refused() -> None:
    finding = only("cpu-target", ("models.digits.resources.cpu", 0))
    assert finding.path == "tfk8s:models.digits.resources.cpu"
    assert found(("models.digits.resources.cpu", "1m")) == ()


def test_a_grace_period_shorter_than_the_drain_is_refused_with_the_sum() -> None:
    finding = only("drain", ("models.digits.drain", {"propagation": "10s", "gracePeriod": "19s"}))
    assert finding.path == "tfk8s:models.digits.drain.gracePeriod"
    assert "propagation 10s + requestTimeout 5s + 5s margin = 20s > gracePeriod 19s" in finding.message
    assert finding.fix == "raise gracePeriod to 20s, or leave it out"


def test_a_grace_period_of_just_the_drain_passes() -> None:
    assert found(("models.digits.drain", {"propagation": "10s", "gracePeriod": "20s"})) == ()


def test_a_drain_longer_than_nodes_grant_is_refused_with_the_sum() -> None:
    finding = only("drain", ROOMY, ("models.digits.requestTimeout", "591s"))
    assert finding.path == "tfk8s:models.digits.requestTimeout"
    assert "propagation 5s + requestTimeout 9m51s + 5s margin = 10m1s > cluster.maxGracePeriod 10m" in finding.message


def test_the_longest_grpc_connection_is_part_of_the_drain() -> None:
    grpc = ("models.digits.grpc", {"fromNamespaces": ["apps"], "maxConnectionAge": "10m"})
    finding = only("drain", ROOMY, grpc)
    assert finding.message.startswith(
        "propagation 5s + grpc.maxConnectionAge and a tenth 11m + requestTimeout 5s + 5s margin = 11m15s > "
    )
    assert finding.fix.startswith("lower requestTimeout, grpc.maxConnectionAge or drain.propagation")
    assert found(ROOMY, grpc, ("cluster.maxGracePeriod", "675s")) == ()


def test_a_drain_just_as_long_as_nodes_grant_passes() -> None:
    assert found(ROOMY, ("models.digits.requestTimeout", "590s")) == ()
    assert found(ROOMY, ("models.digits.requestTimeout", "591s"), ("cluster.maxGracePeriod", "601s")) == ()


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("10.0.0.1/8", "write 10.0.0.0/8"),
        ("10.0.0.1", "write 10.0.0.1/32"),
        ("10.0.0.0/33", "give a network"),
        ("x", "give"),
    ],
)
def test_a_source_range_that_is_no_network_is_refused(text: str, fix: str) -> None:
    finding = only("source-ranges", ("models.digits.expose", {"loadBalancer": {"sourceRanges": ["10.0.0.0/8", text]}}))
    assert finding.path == "tfk8s:models.digits.expose.loadBalancer.sourceRanges.1"
    assert finding.severity == "error"
    assert finding.fix.startswith(fix)


@pytest.mark.parametrize("text", ["0.0.0.0/0", "::/0"])
def test_the_whole_world_is_a_warning(text: str) -> None:
    finding = only("source-ranges", ("models.digits.expose", {"loadBalancer": {"sourceRanges": [text]}}))
    assert finding.severity == "warning"
    assert f"{text} lets everybody call digits" in finding.message


def test_half_the_world_and_one_address_pass() -> None:
    ranges = ["0.0.0.0/1", "203.0.113.7/32", "2001:db8::/32"]
    assert found(("models.digits.expose", {"loadBalancer": {"sourceRanges": ranges}})) == ()


def test_gpus_without_a_mode_are_refused_for_each_pod_that_asks() -> None:
    findings = found(("gpu", GONE))
    assert {finding.path for finding in findings} == {
        "tfk8s:trainingJobs.digits.gpus",
        "tfk8s:models.digits.resources.gpu",
    }
    assert {finding.check for finding in findings} == {"gpu-mode"}


def test_no_mode_is_needed_where_nobody_asks_for_gpus() -> None:
    assert found(("gpu", GONE), ("trainingJobs.digits.gpus", 0), ("models.digits.resources.gpu", 0)) == ()


@pytest.mark.parametrize("mode", ["timeSlicing", "mps"])
def test_a_sharing_mode_needs_the_number_of_pods(mode: str) -> None:
    finding = only("gpu-sharing", ("gpu", {"mode": mode}), ("trainingJobs.digits.gpus", 1))
    assert finding.path == "tfk8s:gpu.podsPerGpu"
    assert found(("gpu", {"mode": mode, "podsPerGpu": 2}), ("trainingJobs.digits.gpus", 1)) == ()


@pytest.mark.parametrize("mode", ["exclusive", "mig", "pretend"])
def test_a_mode_that_does_not_share_takes_no_number_of_pods(mode: str) -> None:
    finding = only("gpu-sharing", ("gpu", {"mode": mode, "podsPerGpu": 2}), ("trainingJobs.digits.gpus", 1))
    assert finding.path == "tfk8s:gpu.podsPerGpu"


def test_a_pod_takes_one_share_of_a_shared_gpu() -> None:
    finding = only("gpu-sharing", ("gpu", {"mode": "mps", "podsPerGpu": 4}))
    assert finding.path == "tfk8s:trainingJobs.digits.gpus"
    assert "asks for 2 shares" in finding.message


def test_a_pod_takes_one_slice_of_a_gpu() -> None:
    finding = only("gpu-sharing", ("gpu.mode", "mig"))
    assert finding.path == "tfk8s:trainingJobs.digits.gpus"
    assert "asks for 2 slices in mode mig" in finding.message
    assert found(("gpu.mode", "mig"), ("trainingJobs.digits.gpus", 1)) == ()


@pytest.mark.parametrize(("pods", "fraction", "fits"), [(3, "33%", True), (3, "34%", False), (64, "1%", True)])
def test_pods_that_share_a_device_take_no_more_than_its_memory(pods: int, fraction: str, fits: bool) -> None:
    gpu = ("gpu", {"mode": "timeSlicing", "podsPerGpu": pods, "memoryFraction": fraction})
    if fits:
        assert found(gpu, ("trainingJobs.digits.gpus", 1)) == ()
    else:
        finding = only("gpu-memory", gpu, ("trainingJobs.digits.gpus", 1))
        assert finding.path == "tfk8s:gpu.memoryFraction"
        assert "podsPerGpu 3 x memoryFraction 34% = 102% > 100%" in finding.message
        assert finding.fix.startswith("lower memoryFraction to 33%")


@pytest.mark.parametrize("mode", ["exclusive", "mig", "pretend"])
def test_a_mode_that_does_not_share_takes_no_memory_fraction(mode: str) -> None:
    finding = only("gpu-memory", ("gpu", {"mode": mode, "memoryFraction": "50%"}), ("trainingJobs.digits.gpus", 1))
    assert finding.path == "tfk8s:gpu.memoryFraction"


def test_real_gpus_need_the_device_plugin() -> None:
    finding = only("device-plugin", ("images.devicePlugin", GONE))
    assert finding.path == "tfk8s:images.devicePlugin"
    assert found(("images.devicePlugin", GONE), ("gpu.mode", "pretend")) == ()


@pytest.mark.parametrize(
    ("gpu", "takes"),
    [({"mode": "timeSlicing", "podsPerGpu": 2}, "shares"), ({"mode": "mps", "podsPerGpu": 2}, "shares"),
     ({"mode": "mig"}, "slices")],
)  # fmt: skip
def test_workers_that_may_get_parts_of_one_device_are_refused(gpu: object, takes: str) -> None:
    one_each = (("gpu", gpu), ("trainingJobs.digits.gpus", 1), ROOMY_TRAINING)
    finding = only("gpu-sharing", *one_each, ("trainingJobs.digits.workers", 2))
    assert finding.path == "tfk8s:trainingJobs.digits.workers"
    assert f"2 workers may get {takes} of the same device" in finding.message
    assert found(*one_each) == ()
    assert found(*one_each, ("trainingJobs.digits.workers", 2), ("trainingJobs.digits.gpus", 0)) == ()


def test_a_batch_that_does_not_divide_by_the_gpus_is_refused_with_those_that_do() -> None:
    finding = only("batch-size", ("trainingJobs.digits.args", {"batchSize": 65}))
    assert finding.path == "tfk8s:trainingJobs.digits.args.batchSize"
    assert finding.message.startswith("batchSize 65 / 2 GPUs leaves 1")
    assert finding.fix == "use 64 or 66"


def test_the_batch_of_a_job_that_names_none_is_known_too() -> None:
    gang = (ROOMY_TRAINING, ("trainingJobs.digits.workers", 3), ("trainingJobs.digits.gpus", 1))
    finding = only("batch-size", *gang)
    assert finding.path == "tfk8s:trainingJobs.digits.args.batchSize"
    assert finding.message.startswith("batchSize 64 (where args name none) / 3 workers leaves 1")


def test_a_batch_smaller_than_the_gpus_is_refused_with_their_number() -> None:
    assert only("batch-size", ("trainingJobs.digits.args", {"batchSize": 1})).fix == "use 2"


@pytest.mark.parametrize(("gpus", "batch"), [(2, 64), (1, 65), (0, 65)])
def test_a_batch_that_divides_passes(gpus: int, batch: int) -> None:
    assert found(("trainingJobs.digits.args", {"batchSize": batch}), ("trainingJobs.digits.gpus", gpus)) == ()


@pytest.mark.parametrize(
    ("gpus", "shown", "each", "near"),
    [(0, "3 workers leaves 2", "worker", "63 or 66"), (2, "(3 workers x 2 GPUs) leaves 5", "GPU", "60 or 66")],
)
def test_a_batch_is_divided_among_all_devices_of_all_workers(gpus: int, shown: str, each: str, near: str) -> None:
    gang = (ROOMY_TRAINING, ("trainingJobs.digits.workers", 3), ("trainingJobs.digits.gpus", gpus))
    finding = only("batch-size", *gang, ("trainingJobs.digits.args", {"batchSize": 65}))
    assert finding.message.startswith(f"batchSize 65 / {shown}: each {each} takes")
    assert finding.fix == f"use {near}"
    assert found(*gang, ("trainingJobs.digits.args", {"batchSize": 66})) == ()


def test_retries_of_several_workers_wait_for_the_kubelet() -> None:
    gang = (ROOMY_TRAINING, ("trainingJobs.digits.workers", 2))
    finding = only("retries", *gang, ("trainingJobs.digits.deadline", "70s"))
    assert "the waits before 4 retries, 0 + 10 + 20 + 40 s, are 1m10s >= deadline 1m10s" in finding.message
    assert finding.fix.startswith("lower backoffLimit to 3, ")
    assert found(*gang, ("trainingJobs.digits.deadline", "71s")) == ()


def test_retries_that_outlast_the_deadline_are_refused_with_the_sum() -> None:
    finding = only("retries", ("trainingJobs.digits.deadline", "150s"))
    assert finding.path == "tfk8s:trainingJobs.digits.backoffLimit"
    assert "the waits before 4 retries, 10 + 20 + 40 + 80 s, are 2m30s >= deadline 2m30s" in finding.message
    assert finding.fix.startswith("lower backoffLimit to 3, ")
    assert found(("trainingJobs.digits.deadline", "151s")) == ()


def test_later_retries_wait_six_minutes_each() -> None:
    finding = only("retries", ("trainingJobs.digits.backoffLimit", 65))
    assert "10 + 20 + 40 + 80 + 160 + 320 + 59 x 360 s, are 6h4m30s >= deadline 6h" in finding.message
    assert finding.fix.startswith("lower backoffLimit to 64, ")
    assert found(("trainingJobs.digits.backoffLimit", 64)) == ()


def test_a_sixth_retry_waits_for_twice_the_fifth() -> None:
    changes = (("trainingJobs.digits.backoffLimit", 6), ("trainingJobs.digits.deadline", "630s"))
    assert "6 retries, 10 + 20 + 40 + 80 + 160 + 320 s, are 10m30s >= deadline" in only("retries", *changes).message


def test_a_run_without_retries_may_be_as_short_as_it_likes() -> None:
    assert found(("trainingJobs.digits.deadline", "1s"), ("trainingJobs.digits.backoffLimit", 0)) == ()


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 200), st.integers(1, 80_000))
def test_the_proposed_number_of_retries_fits_and_is_the_largest(limit: int, deadline: int) -> None:
    given_deadline = ("trainingJobs.digits.deadline", f"{deadline}s")
    refused = found(given_deadline, ("trainingJobs.digits.backoffLimit", limit))
    if refused:
        possible = int(refused[0].fix.removeprefix("lower backoffLimit to ").partition(",")[0])
        assert found(given_deadline, ("trainingJobs.digits.backoffLimit", possible)) == ()
        assert found(given_deadline, ("trainingJobs.digits.backoffLimit", possible + 1)) != ()


def test_a_stall_timeout_that_the_deadline_outruns_is_refused_with_both() -> None:
    finding = only("stall-timeout", ("trainingJobs.digits.stallTimeout", "6h"))
    assert (finding.severity, finding.path) == ("error", "tfk8s:trainingJobs.digits.stallTimeout")
    assert "stallTimeout 6h >= deadline 6h" in finding.message
    assert found(("trainingJobs.digits.stallTimeout", "5h59m")) == ()


def test_a_stall_timeout_that_a_start_may_outlast_is_a_warning() -> None:
    finding = only("stall-timeout", ("trainingJobs.digits.stallTimeout", "29s"))
    assert finding.severity == "warning"
    assert found(("trainingJobs.digits.stallTimeout", "30s")) == ()


def test_a_usual_start_longer_than_the_longest_is_refused() -> None:
    finding = only("start-up", ("models.digits.startup", "90s"), ("models.digits.coldStart", "91s"))
    assert finding.path == "tfk8s:models.digits.startup"
    assert "coldStart 1m31s > startup 1m30s" in finding.message
    assert found(("models.digits.startup", "90s"), ("models.digits.coldStart", "90s")) == ()


def test_a_short_start_up_alone_is_no_mistake() -> None:
    assert found(("models.digits.startup", "45s")) == ()


def test_a_rollout_longer_than_ci_waits_is_a_warning_with_the_time() -> None:
    fleet = (ROOMY, ("models.digits.autoscaling", {"minReplicas": 3, "maxReplicas": 800}))
    finding = only("rollout-time", *fleet)
    assert (finding.severity, finding.path) == ("warning", "tfk8s:models.digits.rollout.maxSurge")
    assert "800 replicas, 1 at a time: 800 waves x (coldStart 1m + 10s minReadySeconds) = 15h33m20s > 6h" in (
        finding.message
    )
    assert finding.fix == "raise maxSurge to 3"
    assert found(*fleet, ("models.digits.rollout", {"maxSurge": 3})) == ()
    assert found(*fleet, ("models.digits.rollout", {"maxSurge": 2})) != ()


def test_the_advised_surge_leaves_time_to_delete_and_create_the_pods() -> None:
    fleet = (
        ROOMY,
        ("models.digits.autoscaling", {"minReplicas": 3, "maxReplicas": 100}),
        ("models.digits.startup", "2h"),
        ("models.digits.coldStart", "1h"),
    )
    assert only("rollout-time", *fleet).fix == "raise maxSurge to 20"
    assert found(*fleet, ("models.digits.rollout", {"maxSurge": 20})) == ()
    seventeen = only("rollout-time", *fleet, ("models.digits.rollout", {"maxSurge": 17}))
    assert "6 waves x (coldStart 1h + 0s minReadySeconds) + 1s to delete and create 17 pods = 6h1s > 6h" in (
        seventeen.message
    )


def test_a_rollout_just_as_long_as_ci_waits_passes() -> None:
    assert found(ROOMY, ("models.digits.autoscaling.maxReplicas", 360)) == ()  # a minute each
    assert found(ROOMY, ("models.digits.autoscaling.maxReplicas", 361)) != ()


@pytest.mark.parametrize(
    ("rollout", "said"),
    [
        ({"maxSurge": 0}, "maxSurge 0 and maxUnavailable 0: no pod could be replaced"),
        ({"maxSurge": 0, "maxUnavailable": 0}, "maxSurge 0 and maxUnavailable 0: no pod could be replaced"),
        ({"maxUnavailable": 1}, "maxSurge 1 and maxUnavailable 1: where a surge has room"),
        ({"maxSurge": "25%", "maxUnavailable": 2}, "maxSurge 25% and maxUnavailable 2: where a surge has room"),
    ],
)
def test_a_rollout_that_goes_both_ways_or_none_is_refused(rollout: object, said: str) -> None:
    findings = found(ROOMY, ("models.digits.rollout", rollout))
    assert [finding.check for finding in findings] == ["rollout-step"]
    assert findings[0].severity == "error"
    assert findings[0].message.startswith(said)


def test_a_rollout_that_takes_old_pods_first_is_a_warning_with_what_is_left() -> None:
    finding = only("capacity-dip", ("models.digits.rollout", OLD_FIRST))
    assert (finding.severity, finding.path) == ("warning", "tfk8s:models.digits.rollout.maxUnavailable")
    assert finding.message == (
        "for 3m45s, 3 x (grace 15s + coldStart 1m + 0s minReadySeconds), ready replicas fall from 3 to 2 at "
        "maxReplicas, ready replicas fall from 1 to 0 at minReplicas"
    )


@pytest.mark.parametrize(
    ("missing", "usual", "said"),
    [
        (1, 130, "from 4 to 3: 3 x perReplica 50 = 150 requests/s >= 130 that load states"),
        (2, 130, "from 4 to 2: 2 x perReplica 50 = 100 requests/s < 130 that load states"),
        (2, 100, "from 4 to 2: 2 x perReplica 50 = 100 requests/s >= 100 that load states"),
        (5, 130, "from 4 to 0: 0 x perReplica 50 = 0 requests/s < 130 that load states"),
    ],
)
def test_a_dip_is_compared_with_the_stated_load(missing: int, usual: int, said: str) -> None:
    finding = only(
        "capacity-dip",
        ROOMY,
        ("models.digits.autoscaling", {"minReplicas": 4, "maxReplicas": 9}),
        ("models.digits.load", {"requestsPerSecond": usual, "perReplica": 50}),
        ("models.digits.rollout", {"maxSurge": 0, "maxUnavailable": missing}),
    )
    assert finding.message.endswith(said)


@pytest.mark.parametrize(("target", "fits"), [("90%", True), ("91%", False)])
def test_a_target_that_a_busy_pod_cannot_exceed_enough_is_refused(target: str, fits: bool) -> None:
    changes = (
        ("models.digits.resources", {"cpu": "500m", "memory": "1Gi", "gpu": 1}),
        ("models.digits.autoscaling.targets", {"cpu": target}),
    )
    if fits:
        assert found(*changes) == ()
    else:
        finding = only("head-room", *changes)
        assert finding.path == "tfk8s:models.digits.autoscaling.targets.cpu"
        assert "uses 100% of its request 500m, 1.10 times the target 91%" in finding.message
        assert finding.fix == "lower the target to 90%, or raise resources.limits.cpu"


def test_a_busy_pod_just_at_the_autoscalers_tolerance_moves_nothing() -> None:
    limit = ("models.digits.resources.limits.cpu", "550m")
    only("head-room", limit, ("models.digits.autoscaling.targets", {"cpu": "100%"}))
    assert found(limit, ("models.digits.autoscaling.targets", {"cpu": "99%"})) == ()


def test_a_limit_above_the_request_is_head_room_too_and_a_fixed_number_needs_none() -> None:
    high = ("models.digits.autoscaling.targets", {"cpu": "100%"})
    assert found(high) == ()  # the sound stack's limit is twice its request
    fixed = ("models.digits.autoscaling", {"minReplicas": 3, "maxReplicas": 3, "targets": {"cpu": "100%"}})
    assert found(ROOMY, fixed, ("models.digits.resources", {"cpu": "500m", "memory": "1Gi", "gpu": 1})) == ()
