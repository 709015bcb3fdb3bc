"""What a TensorBoard needs and costs, and who says so."""

from decimal import Decimal

from infra.plan import Plan, make_plan
from infra.settings import parse
from ops.reporting.costs import costs
from ops.reporting.quotas import quota_bars
from tests.unit.words import changed, found, only

PLENTY = {"cpu": 99, "memory": "99Gi"}
ROOM = (("tenants.train.quota", {"requests": {**PLENTY, "gpu": 9}, "limits": PLENTY}),)
BOARD = ("tenants.train.tensorboard", {"resources": {"cpu": 2, "memory": "1Gi"}})
PRICES = ("policy.prices", {"cpuCore": "0.5 USD", "memoryGib": "1 USD", "gpu": "2 USD"})
POOL = {"count": 9, "cpu": 64, "memory": "256Gi", "gpu": 8}


def plan(*changes: tuple[str, object]) -> Plan:
    return make_plan(parse(changed(*changes, PRICES, *ROOM)).settings)


def test_it_takes_one_pod_of_its_tenant() -> None:
    board, job = plan(BOARD).demands["train"]
    assert (board.path, board.reason, board.pods) == ("tenants.train.tensorboard", "1 TensorBoard", 1)
    assert (board.requests.cpu, board.requests.memory, board.requests.gpu) == (2, 2**30, 0)
    assert job.path == "trainingJobs.digits"


def test_it_costs_all_the_time() -> None:
    without, with_one = plan(), plan(BOARD)
    assert str(with_one.tensorboards["train"]) == "2 USD"  # 2 x 0.5 + 1 x 1
    assert with_one.price_per_hour.amount - without.price_per_hour.amount == 2
    assert with_one.price_per_hour_max.amount - without.price_per_hour_max.amount == 2
    assert with_one.price_per_month_max.amount - without.price_per_month_max.amount == 2 * 730
    assert str(with_one.tenants["train"].price_per_hour_min) == "2 USD"
    assert with_one.tenants["train"].price_runs_max == without.tenants["train"].price_runs_max
    assert without.tensorboards == {}


def test_a_node_too_small_for_it_is_found_by_its_key() -> None:
    large = ("tenants.train.tensorboard.resources", {"cpu": 65, "memory": "1Gi"})
    assert only("pod-fits-node", large, *ROOM, ("cluster.nodePools", {"a": POOL})).path == (
        "tfk8s:tenants.train.tensorboard.resources"
    )


def test_doing_without_it_is_proposed_where_that_is_enough() -> None:
    dear = ("tenants.train.tensorboard.resources", {"cpu": 90, "memory": "1Gi"})
    month = plan(dear).price_per_month_max.amount
    enough = only("budget", dear, *ROOM, PRICES, ("policy.monthlyBudget", f"{month - 100} USD"))
    assert "tenants.train.tensorboard" in enough.message
    assert enough.fix.endswith(", or do without tenants.train.tensorboard")
    too_little = only("budget", dear, *ROOM, PRICES, ("policy.monthlyBudget", "1 USD"))
    assert "do without" not in too_little.fix
    spared = Decimal(month - 100)
    assert found(*ROOM, PRICES, ("policy.monthlyBudget", f"{spared} USD")) == ()


def test_the_report_shows_it_in_quota_and_costs() -> None:
    settings = parse(changed(BOARD, PRICES, *ROOM)).settings
    made = make_plan(settings)
    cpu = next(bar for bar in quota_bars(settings, made, "train") if any(p.label == "TensorBoard" for p in bar.parts))
    assert next((part.label, part.amount) for part in cpu.parts) == ("TensorBoard", "2")
    told = costs(settings, made)
    assert [row.name for row in told.rows if row.name == "TensorBoard"] == ["TensorBoard"]
    assert any(part.label == "TensorBoard of train, 730 h" for part in told.parts)
