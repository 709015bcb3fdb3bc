from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from infra.checks import examine
from tests.unit.words import TODAY, changed, found, only

PRICES = ("policy.prices", {"cpuCore": "0 EUR", "memoryGib": "0 EUR", "gpu": "1 EUR"})
ROOMY = ("tenants.serve.quota", {
    "requests": {"cpu": 900, "memory": "900Gi", "gpu": 900}, "limits": {"cpu": 900, "memory": "900Gi"}
})  # fmt: skip


def budget(amount: object) -> tuple[str, object]:
    return ("policy.monthlyBudget", f"{amount} EUR")


def test_a_month_just_within_the_budget_passes() -> None:
    assert found(PRICES, budget(2202)) == ()  # 3 replicas x 730 h, and one run of 2 GPUs for 6 h


def test_a_month_beyond_the_budget_is_refused_with_the_largest_parts() -> None:
    finding = only("budget", PRICES, budget("2201.99"))
    assert finding.path == "tfk8s:policy.monthlyBudget"
    assert finding.message == (
        "2202 EUR a month at worst > 2201.99 EUR: models.digits 2190 EUR (3 replicas x 730 h); "
        "trainingJobs.digits 12 EUR (one run of 6h)"
    )
    assert finding.fix == "raise the budget to 2202 EUR, or lower models.digits.autoscaling.maxReplicas to 2"


def test_where_training_is_the_largest_part_its_deadline_is_to_be_lowered() -> None:
    finding = only("budget", PRICES, budget(2300), ("trainingJobs.digits.deadline", "60d"))
    assert "trainingJobs.digits 2880 EUR (one run of 60d)" in finding.message.replace("1440h", "60d")
    assert finding.fix == "raise the budget to 5070 EUR, or lower trainingJobs.digits.deadline to 55h"


def test_only_the_three_largest_are_named() -> None:
    job = {"tenant": "train", "version": 1, "gpus": 1, "resources": {"cpu": 1, "memory": "1Gi"}}
    quota = ("tenants.train.quota", ROOMY[1])
    jobs = [(f"trainingJobs.job{number}", {**job, "deadline": f"{number}h"}) for number in range(1, 4)]
    finding = only("budget", PRICES, budget(5), quota, *jobs)
    assert finding.message.endswith("; trainingJobs.job3 3 EUR (one run of 3h); and 2 more")


def test_three_parts_are_all_of_them() -> None:
    job = {"tenant": "train", "version": 1, "gpus": 1, "resources": {"cpu": 1, "memory": "1Gi"}, "deadline": "1h"}
    finding = only("budget", PRICES, budget(5), ("tenants.train.quota", ROOMY[1]), ("trainingJobs.other", job))
    assert finding.message.endswith("; trainingJobs.other 1 EUR (one run of 1h)")


def test_a_budget_that_nothing_in_the_largest_part_would_meet_asks_for_more_money_only() -> None:
    assert only("budget", PRICES, budget(5)).fix == "raise the budget to 2202 EUR"


def test_a_budget_in_another_currency_is_refused() -> None:
    finding = only("budget", PRICES, ("policy.monthlyBudget", "1 USD"))
    assert finding.message == "the budget is in USD, policy.prices are in EUR"


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 60), st.decimals(1, 60_000, places=2), st.integers(1, 500))
def test_what_is_proposed_meets_the_budget(most: int, amount: Decimal, hours: int) -> None:
    changes = [PRICES, ROOMY, ("models.digits.autoscaling.maxReplicas", most)]
    changes += [("trainingJobs.digits.deadline", f"{hours}h")]
    for finding in found(*changes, budget(amount)):
        for way in finding.fix.split(", or "):
            what, _, value = way.rpartition(" to ")
            path = "policy.monthlyBudget" if "budget" in what else what.removeprefix("lower ")
            better = int(value) if path.endswith("maxReplicas") else value
            assert examine(changed(*changes, budget(amount), (path, better)), TODAY).valid, way
