"""Targets for requests and fleets of nobody, against what the cluster's autoscaler can."""

import pytest

from infra.finding import Finding
from tests.unit.words import COUNTED, Words, found, only

AUTOSCALING = "models.digits.autoscaling"
PLENTY = ("tenants.serve.quota", {
    "requests": {"cpu": 900, "memory": "9Ti", "gpu": 900}, "limits": {"cpu": 900, "memory": "9Ti"}
})  # fmt: skip


def cluster(version: str | None, **gates: bool) -> tuple[tuple[str, object], ...]:
    stated: tuple[tuple[str, object], ...] = () if version is None else (("cluster.kubernetesVersion", version),)
    return (*COUNTED, *stated, ("cluster.featureGates", gates))


def requests(least: int = 1, most: int = 3, **targets: object) -> tuple[str, object]:
    return (AUTOSCALING, {"minReplicas": least, "maxReplicas": most, "targets": {"requestsPerSecond": 35, **targets}})


@pytest.mark.parametrize("version", ["1.35", "1.36", "1.99", "1.100"])
def test_a_target_for_requests_passes_where_tolerance_can_be_set(version: str) -> None:
    assert found(*cluster(version), requests()) == ()


@pytest.mark.parametrize("version", ["1.9", "1.33", "1.34"])
def test_a_target_for_requests_is_refused_where_the_tolerance_cannot_be_taken_away(version: str) -> None:
    finding = only("hpa-tolerance", *cluster(version), requests())
    assert (finding.severity, finding.path) == ("error", f"tfk8s:{AUTOSCALING}.targets.requestsPerSecond")
    assert f"HPAConfigurableTolerance is off by default in {version} < 1.35" in finding.message
    assert "each rollout at full load makes the fleet larger" in finding.message
    assert finding.fix.startswith("use Kubernetes 1.35, or turn the gate on")


def test_a_gate_that_is_said_to_be_on_or_off_counts_whatever_the_version() -> None:
    assert found(*cluster("1.34", HPAConfigurableTolerance=True), requests()) == ()
    assert found(*cluster(None, HPAConfigurableTolerance=True), requests()) == ()
    finding = only("hpa-tolerance", *cluster("1.36", HPAConfigurableTolerance=False), requests())
    assert "HPAConfigurableTolerance is off in cluster.featureGates" in finding.message
    assert finding.message == only("hpa-tolerance", *cluster(None, HPAConfigurableTolerance=False), requests()).message


def test_an_unknown_version_is_asked_for_only_where_it_counts() -> None:
    finding = only("hpa-tolerance", *COUNTED, requests())
    assert "cluster.kubernetesVersion is missing" in finding.message
    assert finding.fix.startswith("state it, such as '1.35'; below that turn the gate on")
    assert found() == ()


def test_zero_replicas_need_a_target_that_needs_no_pods() -> None:
    finding = only("scale-to-zero", *cluster("1.37"), (AUTOSCALING, {"minReplicas": 0, "maxReplicas": 3}))
    assert finding.path == f"tfk8s:{AUTOSCALING}.minReplicas"
    assert "no CPU is measured" in finding.message


@pytest.mark.parametrize(
    ("version", "gates", "fits"),
    [
        ("1.37", {}, True),
        ("1.36", {}, False),
        ("1.35", {"HPAScaleToZero": True}, True),
        ("1.37", {"HPAScaleToZero": False}, False),
    ],
)
def test_zero_replicas_pass_where_the_autoscaler_can_start_from_them(
    version: str, gates: dict[str, bool], *, fits: bool
) -> None:
    findings = found(*cluster(version, **gates), requests(0))
    assert [finding.check for finding in findings] == ([] if fits else ["scale-to-zero"])


def test_of_no_replicas_none_can_be_evicted() -> None:
    load = ("models.digits.load", {"requestsPerSecond": 20, "perReplica": 50})
    assert found(*cluster("1.37"), requests(0), load) == ()


def test_zero_replicas_on_an_unknown_cluster_are_refused_with_what_to_state() -> None:
    findings = found(*COUNTED, requests(0))
    assert [finding.check for finding in findings] == ["hpa-tolerance", "scale-to-zero"]
    assert "needs Kubernetes 1.37, or its feature gate HPAScaleToZero" in findings[1].message


def test_where_zero_are_allowed_nobody_asks_for_a_cpu_request_or_for_its_head_room() -> None:
    no_request: Words = {"cpu": 0, "memory": "1Gi", "gpu": 1, "limits": {"cpu": 1, "memory": "1Gi"}}
    assert found(*cluster("1.37"), requests(0, cpu="100%"), ("models.digits.resources", no_request)) == ()
    assert only("cpu-target", *cluster("1.37"), requests(1), ("models.digits.resources", no_request))


@pytest.mark.parametrize(("target", "fits"), [(50, True), (50.5, False)])
def test_a_target_beyond_what_a_replica_answers_is_refused(target: float, *, fits: bool) -> None:
    bounds = (AUTOSCALING, {"minReplicas": 3, "maxReplicas": 9, "targets": {"requestsPerSecond": target}})
    changes = (PLENTY, *cluster("1.35"), bounds, ("models.digits.load", {"requestsPerSecond": 90, "perReplica": 50}))
    if fits:
        assert found(*changes) == ()
    else:
        finding = only("requests-target", *changes)
        assert "50.5 requests/s for each replica > load.perReplica 50" in finding.message


def loaded(within: str, most: int = 20, **targets: object) -> tuple[tuple[str, object], ...]:
    load = {"requestsPerSecond": 100, "step": 700, "perReplica": 50, "within": within}
    return (PLENTY, *cluster("1.35"), requests(3, most, **targets), ("models.digits.load", load))


def errors(*changes: tuple[str, object]) -> list[Finding]:
    return [finding for finding in found(*changes) if finding.severity == "error"]


def test_one_round_that_takes_too_long_is_refused_with_its_parts() -> None:
    assert errors(*loaded("106s")) == []
    [finding] = errors(*loaded("105s"))
    assert finding.check == "scale-time"
    parts = "1 x (coldStart 1m + 30s until it shows + 15s between two looks) + 17 pods at 20 a second = 1m46s > within"
    assert parts in finding.message
    assert finding.fix == "raise autoscaling.minReplicas to 20, or allow 1m46s"


def test_a_step_beyond_the_maximum_names_the_target_that_counts() -> None:
    [by_requests] = errors(*loaded("10m", 19, requestsPerSecond=30))
    assert "700 requests/s / targets.requestsPerSecond 30 = 24 replicas > maxReplicas 19" in by_requests.message
    [by_cpu] = errors(*loaded("10m", 19, requestsPerSecond=45))
    assert "700 requests/s / (perReplica 50 x target 70% = 35) = 20 replicas > maxReplicas 19" in by_cpu.message


def test_without_a_tolerance_a_target_for_cpu_needs_less_head_room() -> None:
    busy = ("models.digits.resources", {"cpu": "500m", "memory": "1Gi", "gpu": 1})
    assert found(*cluster("1.35"), busy, requests(1, cpu="95%")) == ()
    assert only("head-room", busy, (AUTOSCALING, {"maxReplicas": 3, "targets": {"cpu": "95%"}}))
