"""Bars and curves: their places agree with the plan."""

from decimal import Decimal

from infra.checks import examine
from infra.plan import Plan
from infra.settings import Duration, Money, Settings
from ops.reporting.amounts import difference, money, number, share, span
from ops.reporting.costs import costs
from ops.reporting.curves import ScalePicture, rollout_picture, scale_picture
from ops.reporting.quotas import Bar, node_bars, quota_bars
from tests.unit.canary import exposed, tracks
from tests.unit.words import SWEEP, TODAY, changed


def planned(*changes: tuple[str, object]) -> tuple[Settings, Plan]:
    examined = examine(changed(*changes), TODAY)
    return examined.settings, examined.plan


def bars(tenant: str, *changes: tuple[str, object]) -> dict[str, Bar]:
    return {bar.name: bar for bar in quota_bars(*planned(*changes), tenant)}


def scale(*changes: tuple[str, object]) -> ScalePicture:
    settings, plan = planned(*changes)
    model, figures = settings.models["digits"], plan.models["digits"]
    assert model.load is not None
    assert figures.scale_up is not None
    return scale_picture(model, model.load, figures.scale_up)


def load(step: int, within: str | None = None) -> tuple[str, object]:
    return "models.digits.load", {"requestsPerSecond": 14, "step": step, "perReplica": 20, "within": within}


def test_a_bar_has_every_pod_of_the_worst_moment() -> None:
    settings, plan = planned()
    pods = bars("serve")["Pods"]
    assert sum(int(part.amount) for part in pods.parts) == plan.models["digits"].peak_pods
    assert pods.parts[0].label == "digits: 3 replicas at most"
    assert settings.tenants["serve"].quota.pods == int(pods.there)


def test_a_bar_of_two_versions_has_the_pods_of_both() -> None:
    pods = bars("serve", exposed(), *tracks(3, canary=2))["GPUs"]
    assert pods.taken == "10"
    assert [(part.label, part.amount) for part in pods.parts] == [
        ("digits: 6 replicas at most", "6"),
        ("digits: 2 surging in a rollout", "2"),
        ("digits: 2 draining", "2"),
    ]


def test_a_full_quota_fills_its_bar_and_is_not_over() -> None:
    cpu = bars("train")["CPU requests"]
    assert (cpu.taken, cpu.there, cpu.percent, cpu.end, cpu.over) == ("2", "2", 100.0, 100.0, False)


def test_what_is_beyond_the_quota_lies_beyond_its_end() -> None:
    gpus = bars("train", ("trainingJobs.digits.gpus", 8))["GPUs"]
    assert (gpus.taken, gpus.there, gpus.percent, gpus.end, gpus.over) == ("8", "2", 400.0, 25.0, True)


def test_widths_of_parts_add_up_to_what_is_taken() -> None:
    for bar in bars("serve", ("models.digits.autoscaling.maxReplicas", 2)).values():
        assert abs(sum(part.width for part in bar.parts) - min(bar.percent, 100)) < 0.5


def test_a_quota_of_nothing_that_nobody_wants_has_no_bar() -> None:
    without = ("tenants.train.quota.requests", {"cpu": 2, "memory": "4Gi"}), ("trainingJobs.digits.gpus", 0)
    assert "GPUs" not in bars("train", *without)


def test_the_nodes_are_shown_where_they_are_named() -> None:
    assert node_bars(*planned()) == ()
    pools = ("cluster.nodePools", {"a": {"count": 2, "cpu": 8, "memory": "32Gi", "gpu": 8}})
    gpus = next(bar for bar in node_bars(*planned(pools)) if bar.name == "GPUs")
    assert gpus.there == "16"
    assert [part.label for part in gpus.parts] == ["train", "serve"]


def test_the_waves_of_a_rollout_follow_each_other() -> None:
    settings, plan = planned()
    picture = rollout_picture(settings.models["digits"], plan.models["digits"])
    assert [wave.label for wave in picture.waves] == ["1", "2", "3"]
    for before, after in zip(picture.waves, picture.waves[1:], strict=False):
        assert abs(before.start + before.starting - after.start) < 0.2
    last = picture.waves[-1]
    assert abs(last.start + last.starting + last.draining - 100) < 0.2
    assert (picture.expected, picture.longest) == ("3 min", "30 min 45 s")


def test_many_waves_are_drawn_together() -> None:
    settings, plan = planned(("models.digits.autoscaling.maxReplicas", 90))
    picture = rollout_picture(settings.models["digits"], plan.models["digits"])
    assert len(picture.waves) <= 20
    labels = [wave.label for wave in picture.waves]
    assert (labels[0], labels[-1]) == ("1-5", "86-90")


def test_a_fleet_that_comes_in_time_carries_its_load() -> None:
    picture = scale(load(40, "10m"))
    assert picture.carries
    assert picture.levels[0].replicas == 1
    assert picture.levels[-1].replicas == 3
    assert picture.within is not None


def test_a_fleet_that_comes_too_late_does_not() -> None:
    assert not scale(load(40, "1m")).carries


def test_a_load_beyond_the_maximum_says_how_many_replicas_it_needs() -> None:
    picture = scale(load(140))
    assert not picture.carries
    assert "need 10 replicas" in picture.verdict
    assert "stops at 3" in picture.verdict


def test_a_load_that_is_carried_already_takes_no_time() -> None:
    assert "carry 14 requests per second already" in scale(load(14)).verdict


def test_every_point_of_a_curve_lies_in_the_picture() -> None:
    for step in (1, 14, 40, 1400):
        picture = scale(load(step))
        for line in (picture.load, picture.at_target, picture.at_full):
            places = [float(part) for point in line.split() for part in point.split(",")]
            assert all(0 <= place <= 100 for place in places)


def test_the_dearest_row_fills_the_width() -> None:
    settings, plan = planned()
    assert max(row.end for row in costs(settings, plan).rows) == 100


def test_a_sweep_is_in_the_rows_and_in_the_month_as_a_run_is() -> None:
    without, found = costs(*planned()), costs(*planned(("sweeps.rates", SWEEP)))
    [added] = [row for row in found.rows if row.name not in {row.name for row in without.rows}]
    assert (added.kind, added.name, added.said) == ("run", "rates-sweep", "once, until its deadline of 6 h")
    (before,), (after,) = ([part for part in one.parts if "every run" in part.label] for one in (without, found))
    assert after.label == "every run and sweep once, until its deadline"
    assert float(after.amount.split()[0]) > float(before.amount.split()[0])


def test_a_month_beyond_the_budget_is_over() -> None:
    found = costs(*planned(("policy", {"monthlyBudget": "1000 USD"})))
    assert found.over
    assert found.percent is not None
    assert found.percent > 100
    assert found.end < 100


def test_a_budget_in_another_currency_is_not_compared() -> None:
    found = costs(*planned(("policy", {"monthlyBudget": "1 EUR"})))
    assert (found.over, found.percent, found.budget) == (False, None, "1.00 EUR")


def test_figures_are_written_as_people_read_them() -> None:
    usd = [Money.parse(f"{amount} USD") for amount in ("0.0084", "15065.61", "0", "12")]
    assert [money(each) for each in usd] == ["0.0084 USD", "15,065.61 USD", "0.00 USD", "12.00 USD"]
    assert [difference(usd[2], usd[3]), difference(usd[3], usd[2]), difference(usd[3], usd[3])] == [
        "+12.00 USD", "-12.00 USD", "±0",
    ]  # fmt: skip
    assert difference(usd[0], Money.parse("1 EUR")) == "another currency"
    assert [span(Duration.parse(each)) for each in ("45s", "10m", "1400s", "12500s", "2d")] == [
        "45 s", "10 min", "23 min 20 s", "3 h 28 min", "48 h",
    ]  # fmt: skip
    assert (number(1200), number(0.5)) == ("1,200", "0.5")
    assert share(Decimal(1), Decimal(0)) == 0
