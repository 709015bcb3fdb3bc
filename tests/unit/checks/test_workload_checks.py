"""Scaling, drain, exposure, GPUs."""

import pytest

from tests.unit.words import GONE, found, only

ROOMY = {"requests": {"cpu": 90, "memory": "90Gi", "gpu": 90}, "limits": {"cpu": 90, "memory": "90Gi"}}


def test_a_minimum_above_the_maximum_is_refused_with_both() -> None:
    finding = only("autoscaling-bounds", ("models.digits.autoscaling.minReplicas", 4))
    assert finding.path == "tfk8s:models.digits.autoscaling.minReplicas"
    assert finding.message == "minReplicas 4 > maxReplicas 3"
    assert finding.fix == "lower minReplicas to 3, or raise maxReplicas to 4"


def test_a_minimum_equal_to_the_maximum_passes() -> None:
    assert found(("models.digits.autoscaling.minReplicas", 3)) == ()


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
    finding = only("drain", ("models.digits.requestTimeout", "591s"))
    assert finding.path == "tfk8s:models.digits.requestTimeout"
    assert "propagation 5s + requestTimeout 9m51s + 5s margin = 10m1s > cluster.maxGracePeriod 10m" in finding.message


def test_a_drain_just_as_long_as_nodes_grant_passes() -> None:
    assert found(("models.digits.requestTimeout", "590s")) == ()
    assert found(("models.digits.requestTimeout", "591s"), ("cluster.maxGracePeriod", "601s")) == ()


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
    finding = only("gpu-sharing", ("gpu", {"mode": mode, "podsPerGpu": 2}))
    assert finding.path == "tfk8s:gpu.podsPerGpu"


def test_a_pod_takes_one_share_of_a_shared_gpu() -> None:
    finding = only("gpu-sharing", ("gpu", {"mode": "mps", "podsPerGpu": 4}))
    assert finding.path == "tfk8s:trainingJobs.digits.gpus"
    assert "asks for 2 shares" in finding.message


def test_real_gpus_need_the_device_plugin() -> None:
    finding = only("device-plugin", ("images.devicePlugin", GONE))
    assert finding.path == "tfk8s:images.devicePlugin"
    assert found(("images.devicePlugin", GONE), ("gpu.mode", "pretend")) == ()


def test_a_batch_that_does_not_divide_by_the_gpus_is_refused_with_those_that_do() -> None:
    finding = only("batch-size", ("trainingJobs.digits.args", {"batchSize": 65}))
    assert finding.path == "tfk8s:trainingJobs.digits.args.batchSize"
    assert finding.message.startswith("batchSize 65 / 2 GPUs leaves 1")
    assert finding.fix == "use 64 or 66"


def test_a_batch_smaller_than_the_gpus_is_refused_with_their_number() -> None:
    assert only("batch-size", ("trainingJobs.digits.args", {"batchSize": 1})).fix == "use 2"


@pytest.mark.parametrize(("gpus", "batch"), [(2, 64), (1, 65), (0, 65)])
def test_a_batch_that_divides_passes(gpus: int, batch: int) -> None:
    assert found(("trainingJobs.digits.args", {"batchSize": batch}), ("trainingJobs.digits.gpus", gpus)) == ()
