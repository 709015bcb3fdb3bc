"""What Prometheus needs and costs, and who says so."""

from infra.plan import Plan, make_plan
from infra.settings import parse
from ops.reporting.costs import costs
from ops.reporting.quotas import node_bars
from tests.unit.words import COUNTED, changed, found, only

PRICES = ("policy.prices", {"cpuCore": "0.5 USD", "memoryGib": "1 USD", "gpu": "2 USD"})
PROMETHEUS = COUNTED[0]


def watched(cpu: object = 2) -> tuple[tuple[str, object], ...]:
    return (PROMETHEUS, ("monitoring", {"resources": {"cpu": cpu, "memory": "3Gi"}}))


def nodes(count: int, cpu: int) -> tuple[str, object]:
    return ("cluster.nodePools", {"a": {"count": count, "cpu": cpu, "memory": "256Gi", "gpu": 8}})


def plan(*changes: tuple[str, object]) -> Plan:
    return make_plan(parse(changed(*changes, PRICES)).settings)


def test_it_costs_all_the_time_and_is_no_tenants() -> None:
    without, with_one = plan(), plan(*watched())
    assert (without.monitoring, with_one.tenants) == (None, without.tenants)
    assert with_one.monitoring is not None
    assert str(with_one.monitoring.price_per_hour) == "4 USD"  # 2 x 0.5 + 3 x 1
    assert with_one.price_per_hour.amount - without.price_per_hour.amount == 4
    assert with_one.price_per_hour_max.amount - without.price_per_hour_max.amount == 4
    assert with_one.price_per_month_max.amount - without.price_per_month_max.amount == 4 * 730


def test_doing_without_it_is_proposed_where_that_is_enough() -> None:
    dear = watched(cpu=90)
    month = plan(*dear).price_per_month_max.amount
    enough = only("budget", *dear, PRICES, ("policy.monthlyBudget", f"{month - 100} USD"))
    assert "a month at worst > " in enough.message
    assert "monitoring 35040 USD (1 pod x 730 h)" in enough.message  # 90 x 0.5 + 3 x 1
    assert enough.fix.endswith(", or do without monitoring")
    assert "do without" not in only("budget", *dear, PRICES, ("policy.monthlyBudget", "1 USD")).fix
    assert found(PRICES, ("policy.monthlyBudget", f"{month - 100} USD")) == ()


def test_nodes_hold_it_beside_the_tenants() -> None:
    tenants = 5  # 2 for training, 2.5 for serving, on one node
    assert found(nodes(1, tenants), PROMETHEUS) == ()
    finding = only("nodes", nodes(1, tenants), *watched(cpu=1))
    assert finding.severity == "warning"
    assert "they request 5500m cpu of 5" in finding.message
    assert found(nodes(1, tenants), *watched(cpu="500m")) == ()


def test_a_node_too_small_for_it_is_found_by_its_key() -> None:
    assert only("pod-fits-node", nodes(9, 8), *watched(cpu=9)).path == "tfk8s:monitoring.resources"


def test_its_limit_is_not_below_its_request() -> None:
    limits = ("monitoring.resources.limits", {"cpu": 1, "memory": "3Gi"})
    finding = only("limits", *watched(cpu=2), limits)
    assert (finding.path, finding.message) == ("tfk8s:monitoring.resources.limits.cpu", "limit 1 < request 2")


def test_the_report_shows_it_in_costs_and_nodes() -> None:
    settings = parse(changed(*watched(), PRICES, nodes(2, 8))).settings
    made = make_plan(settings)
    told = costs(settings, made)
    assert [(row.kind, row.least, row.most) for row in told.rows if row.name == "tfk8s-monitoring"] == [
        ("tenant", "4.00 USD", "4.00 USD")
    ]
    assert [part.amount for part in told.parts if part.label == "Prometheus, 730 h"] == ["2,920.00 USD"]
    cpu = next(bar for bar in node_bars(settings, made) if bar.name == "CPU requests")
    assert [(part.label, part.amount) for part in cpu.parts] == [
        ("train", "2"), ("serve", "2500m"), ("tfk8s-monitoring", "2")
    ]  # fmt: skip
