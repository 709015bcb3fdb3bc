"""The autoscaler of a version that counts requests where they arrive."""

import functools

import pytest

from infra.components.autoscaler import quantity
from infra.plan import ModelPlan, make_plan
from infra.settings import parse
from tests.unit.recorder import Recorder, Tree, committed_platform, record_changed, sound_platform
from tests.unit.words import changed

CLUSTER = ("cluster.kubernetesVersion", "1.37")
AUTOSCALING = "models.digits.autoscaling"
LOAD = ("models.digits.load", {"requestsPerSecond": 50, "step": 100, "perReplica": 60})


@functools.cache
def counting(least: int = 2, target: float = 35) -> Recorder:
    targets = {"requestsPerSecond": target, "cpu": "80%"}
    bounds = {"minReplicas": least, "maxReplicas": 3, "targets": targets}
    return record_changed(CLUSTER, (AUTOSCALING, bounds), LOAD)


def spec(platform: Recorder, name: str = "digits-v3") -> Tree:
    return platform.one("autoscaling/v2:HorizontalPodAutoscaler", name).inputs["spec"]


def test_requests_of_this_very_version_are_shared_among_its_replicas() -> None:
    [requests, _] = spec(counting())["metrics"]
    selector = {"matchLabels": {"model": "digits", "version": "3"}}
    metric = {"name": "tfk8s_model_requests_per_second", "selector": selector}
    assert requests == {
        "type": "External",
        "external": {"metric": metric, "target": {"type": "AverageValue", "averageValue": "35"}},
    }


def test_cpu_stays_a_second_target_for_when_the_first_cannot_be_read() -> None:
    [_, cpu] = spec(counting())["metrics"]
    assert cpu["resource"] == {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}


def test_rollouts_leave_no_pods_behind_because_there_is_no_tolerance() -> None:
    behavior = spec(counting())["behavior"]
    assert (behavior["scaleUp"]["tolerance"], behavior["scaleDown"]["tolerance"]) == ("0", "0")


def test_an_autoscaler_by_cpu_keeps_its_tolerance() -> None:
    for platform, name in ((sound_platform(), "digits-v3"), (committed_platform("prod"), "digits-v1")):
        behavior = spec(platform, name)["behavior"]
        assert "tolerance" not in behavior["scaleUp"]
        assert "tolerance" not in behavior["scaleDown"]


def test_the_policy_adds_at_once_what_the_stated_step_takes() -> None:
    # 100 requests a second at 35 each: from 2 to the 3 that there may be; the 4 of the default are more.
    assert {"type": "Pods", "value": 4, "periodSeconds": 15} in spec(counting())["behavior"]["scaleUp"]["policies"]
    wide = {"minReplicas": 2, "maxReplicas": 30, "targets": {"requestsPerSecond": 10}}
    load = ("models.digits.load", {"requestsPerSecond": 50, "step": 250, "perReplica": 25})
    assert planned((AUTOSCALING, wide), load).scale_up_pods == 23


def test_a_fleet_that_may_go_to_zero_is_told_so_and_has_no_target_for_cpu() -> None:
    asleep = spec(counting(least=0))
    assert asleep["minReplicas"] == 0
    assert [metric["type"] for metric in asleep["metrics"]] == ["External"]


@pytest.mark.parametrize(("target", "sent"), [(35, "35"), (2.5, "2500m"), (0.0001, "1m")])
def test_targets_are_quantities_that_the_api_server_takes(target: float, sent: str) -> None:
    assert quantity(target) == sent


def planned(*changes: tuple[str, object]) -> ModelPlan:
    return make_plan(parse(changed(*changes)).settings).models["digits"]
