from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.plan import Plan, largest_replicas, make_plan, peak_pods, shown
from infra.settings import parse
from tests.unit.canary import GATEWAY, exposed, tracks
from tests.unit.words import Words, changed, part, sound, stack

ROOMY = {"requests": {"cpu": 90, "memory": "90Gi", "gpu": 90}, "limits": {"cpu": 90, "memory": "90Gi"}}
GANG = (("tenants.train.quota", ROOMY), ("trainingJobs.digits.workers", 3))


def plan(*changes: tuple[str, object]) -> Plan:
    parsed = parse(changed(*changes))
    assert parsed.findings == ()
    return make_plan(parsed.settings)


def test_the_worst_case_of_a_model_is_its_maximum_with_surge_and_draining_pods() -> None:
    requests, limits = plan().worst("serve")
    assert (requests.cpu, requests.memory, requests.gpu, requests.pods) == (Decimal("2.5"), 5 * 2**30, 5, 5)
    assert (limits.cpu, limits.memory) == (Decimal(5), 5 * 2**30)


def test_the_worst_case_of_a_job_is_its_one_worker() -> None:
    requests, limits = plan().worst("train")
    assert (requests.cpu, requests.gpu, requests.pods) == (Decimal(2), 2, 1)
    assert limits.memory == 8 * 2**30


def test_the_worst_case_of_several_workers_is_all_of_them() -> None:
    (demand,) = plan(*GANG).demands["train"]
    assert demand.reason == "3 workers"
    assert (demand.requests.cpu, demand.requests.gpu, demand.requests.pods) == (Decimal(6), 6, 3)
    assert demand.limits.memory == 24 * 2**30


def test_several_workers_cost_what_so_many_runs_do_and_take_no_longer() -> None:
    one, three = plan().jobs["digits"], plan(*GANG).jobs["digits"]
    assert float(three.price_per_hour.amount) == pytest.approx(3 * float(one.price_per_hour.amount), rel=1e-4)
    assert float(three.price_max.amount) == pytest.approx(3 * float(one.price_max.amount), rel=1e-4)
    assert three.timeout == one.timeout


def test_a_tenant_that_trains_and_serves_needs_both_at_once() -> None:
    assert plan(("trainingJobs.digits.tenant", "serve")).worst("serve")[0].gpu == 7
    assert plan(("trainingJobs.digits.tenant", "serve")).worst("train")[0].gpu == 0


def test_limits_not_given_are_the_requests() -> None:
    requests, limits = plan(("models.digits.resources", {"cpu": 1, "memory": "1Gi"})).worst("serve")
    assert requests == limits


def test_the_reason_of_a_demand_says_how_many_pods_and_why() -> None:
    (demand,) = plan(("models.digits.rollout", {"maxSurge": "50%"})).demands["serve"]
    assert demand.path == "models.digits"
    assert demand.reason == "3 replicas at most + 2 while rolling out + 2 draining = 7 pods"


def test_the_drain_is_propagation_and_longest_request_and_margin() -> None:
    model = plan(("models.digits.requestTimeout", "7s"), ("models.digits.drain", {"propagation": "20s"})).models[
        "digits"
    ]
    assert (str(model.pre_stop), str(model.needed_grace), str(model.grace)) == ("27s", "32s", "32s")


def test_a_grace_period_that_is_given_is_taken() -> None:
    model = plan(("models.digits.drain", {"gracePeriod": "1m"})).models["digits"]
    assert (str(model.needed_grace), str(model.grace)) == ("15s", "1m")


def test_a_rollout_takes_one_start_and_drain_for_each_wave_of_surge_pods() -> None:
    model = plan(("models.digits.startup", "45s"), ("models.digits.rollout", {"maxSurge": 2})).models["digits"]
    assert str(model.progress_deadline) == "1m"
    assert str(model.rollout_timeout) == "2m"  # 3 replicas, 2 at a time


@pytest.mark.parametrize(
    ("cold_start", "leaving"),
    [("60s", 2), ("30s", 2), ("29s", 4), ("10s", 6)],  # each pod drains for 15 s, two of them a wave, at twice the pace
)
def test_pods_of_every_wave_that_still_drains_are_counted(cold_start: str, leaving: int) -> None:
    model = plan(("models.digits.coldStart", cold_start), ("models.digits.rollout", {"maxSurge": 2})).models["digits"]
    assert model.leaving == leaving
    assert model.peak_pods == 3 + 2 + leaving


def test_the_next_version_starts_at_its_minimum_beside_the_present_one() -> None:
    model = plan(("models.digits.autoscaling", {"minReplicas": 4, "maxReplicas": 9})).models["digits"]
    assert (model.incoming, model.peak_pods) == (4, 13)


@pytest.mark.parametrize(
    ("replicas", "surge", "seconds"),
    [
        (3, 1, 210),
        (20, 1, 1400),
        (20, "25%", 280),
        (800, 1, 56000),
        (800, "25%", 300),  # 20 s to delete and create 200 pods
        (800, "100%", 110),  # 40 s to create them
    ],
)
def test_a_rollout_takes_its_waves_of_cold_start_and_readiness(replicas: int, surge: object, seconds: int) -> None:
    model = plan(
        ("models.digits.autoscaling", {"minReplicas": 3, "maxReplicas": replicas}),
        ("models.digits.rollout", {"maxSurge": surge}),
    ).models["digits"]
    assert model.rollout.time.seconds == seconds


@pytest.mark.parametrize(
    ("replicas", "cold_start", "min_ready"),
    [(1, None, 0), (2, None, 10), (2, "10s", 10), (2, "4s", 13), (2, "21s", 5), (2, "30s", 0), (2, "10m", 0)],
)
def test_a_new_version_is_not_ready_before_the_autoscaler_has_asked_for_its_replicas(
    replicas: int, cold_start: str | None, min_ready: int
) -> None:
    bounds = ("models.digits.autoscaling", {"minReplicas": replicas, "maxReplicas": 9})
    stated = [("models.digits.coldStart", cold_start)] if cold_start else []
    assert plan(bounds, *stated).models["digits"].min_ready.seconds == min_ready


def test_without_a_surge_a_wave_begins_with_the_drain_and_needs_no_more_room_than_the_next_version() -> None:
    model = plan(("models.digits.rollout", {"maxSurge": 0, "maxUnavailable": 2})).models["digits"]
    assert (model.rollout.waves, str(model.rollout.wave)) == (2, "1m15s")  # 15 s of drain, 60 s of start
    assert (model.unavailable, model.surge, model.leaving, model.peak_pods) == (2, 0, 0, 4)


def test_no_more_pods_can_be_missing_than_there_are() -> None:
    assert plan(("models.digits.rollout", {"maxSurge": 0, "maxUnavailable": 9})).models["digits"].unavailable == 3


def test_a_run_costs_at_most_what_its_deadline_allows() -> None:
    found = plan(("trainingJobs.digits.deadline", "90m"))
    assert found.jobs["digits"].price_max.amount == found.jobs["digits"].price_per_hour.amount * Decimal("1.5")


def test_a_month_costs_730_hours_at_the_maximum_and_every_run_once() -> None:
    prices = {"cpuCore": "1 EUR", "memoryGib": "0 EUR", "gpu": "0 EUR"}
    found = plan(("policy.prices", prices), ("trainingJobs.digits.deadline", "3h"))
    assert str(found.price_per_month_max) == "1101 EUR"  # 3 x 0.5 x 730 + 2 x 3


def test_a_shared_device_is_paid_by_those_who_share_it() -> None:
    prices = {"cpuCore": "0 EUR", "memoryGib": "0 EUR", "gpu": "2 EUR"}
    shared = plan(("policy.prices", prices), ("gpu", {"mode": "mps", "podsPerGpu": 4}), ("trainingJobs", {}))
    assert str(shared.price_per_hour) == "0.5 EUR"


def test_prices_of_tenants_add_up_to_the_stacks() -> None:
    found = plan()
    assert found.tenants["serve"].price_per_hour_min == found.price_per_hour
    assert found.tenants["serve"].price_per_hour_max == found.price_per_hour_max
    assert found.tenants["train"].price_runs_max == found.jobs["digits"].price_max
    assert found.tenants["train"].price_per_hour_max.amount == 0


@pytest.mark.parametrize(("cpu", "threads"), [("500m", 1), (1, 1), ("2500m", 2), (4, 4)])
def test_threads_are_the_whole_cores_of_the_limit(cpu: object, threads: int) -> None:
    limits = {"cpu": cpu, "memory": "1Gi"}
    assert plan(("models.digits.resources.limits", limits)).models["digits"].threads == threads


def test_a_run_is_named_by_job_and_version_and_outlasts_its_deadline() -> None:
    job = plan(("trainingJobs.digits.deadline", "1h")).jobs["digits"]
    assert (job.run, str(job.timeout)) == ("digits-v3", "1h2m")


def test_prices_follow_requests_and_replicas() -> None:
    prices = {"cpuCore": "1 EUR", "memoryGib": "0.5 EUR", "gpu": "2 EUR"}
    found = plan(("policy.prices", prices))
    assert str(found.models["digits"].price_per_hour_min) == "3 EUR"  # 0.5 x 1 + 1 x 0.5 + 1 x 2
    assert str(found.models["digits"].price_per_hour_max) == "9 EUR"
    assert str(found.jobs["digits"].price_per_hour) == "8 EUR"
    assert str(found.price_per_hour) == "3 EUR"


def test_the_default_price_card_is_opencosts() -> None:
    assert str(plan().models["digits"].price_per_hour_min) == "0.97 USD"


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 500), st.integers(1, 20) | st.integers(1, 100).map("{}%".format), st.integers(1, 9))
def test_the_most_replicas_that_fit_do_fit_and_one_more_does_not(pods: int, max_surge: int | str, least: int) -> None:
    changes = ("models.digits.rollout", {"maxSurge": max_surge}), ("models.digits.autoscaling.minReplicas", least)
    model = parse(changed(*changes)).settings.models["digits"]
    replicas = largest_replicas(model, pods)
    assert replicas == 0 or peak_pods(model, replicas) <= pods
    assert peak_pods(model, replicas + 1) > pods


@pytest.mark.parametrize(
    ("amount", "resource", "text"), [("0.5", "cpu", "500m"), (2**31, "memory", "2Gi"), (3, "gpu", "3")]
)
def test_sums_are_shown_as_kubernetes_writes_them(amount: str, resource: str, text: str) -> None:
    assert str(shown(Decimal(amount), resource)) == text


def test_prod_serves_with_23_gpus_at_worst() -> None:
    assert make_plan(parse(stack("prod")).settings).worst("ml-serving")[0].gpu == 23


def test_a_stack_without_workloads_needs_nothing() -> None:
    words: Words = {**sound(), "models": {}, "trainingJobs": {}}
    found = make_plan(parse(words).settings)
    assert (found.worst("serve")[0].pods, str(found.price_per_hour)) == (0, "0 USD")


def test_each_of_two_versions_has_its_own_worst_case_and_price() -> None:
    prices = ("policy.prices", {"cpuCore": "0 USD", "memoryGib": "0 USD", "gpu": "1 USD"})
    one = plan(prices).models["digits"]
    two = plan(prices, exposed(), *tracks(3, canary=2)).models["digits"]
    assert (one.versions, one.peak_pods) == (1, 5)
    assert (two.versions, two.peak_pods) == (2, 10)
    assert (two.price_per_hour_min.amount, two.price_per_hour_max.amount) == (2, 6)


def test_models_of_a_tenant_share_a_gateway_with_all_their_ports() -> None:
    other = {**part("models", "digits"), "expose": {"gateway": {**GATEWAY, "port": 8080}}}
    assert plan(exposed(), ("models.other", other)).gateways == {("serve", "traefik"): (80, 8080)}
