import pytest

from contract.run import RunError
from contract.sweep import SweepDefinition
from infra.plan import Plan, make_plan, sweep_definition
from infra.settings import Money, Settings, parse
from ops.reporting.amounts import money
from ops.reporting.costs import costs
from tests.unit.words import GONE, SWEEP, changed


def settings(*changes: tuple[str, object]) -> Settings:
    parsed = parse(changed(("sweeps.rates", SWEEP), *changes))
    assert parsed.findings == ()
    return parsed.settings


def plan(*changes: tuple[str, object]) -> Plan:
    return make_plan(settings(*changes))


def definition(*changes: tuple[str, object]) -> SweepDefinition:
    return sweep_definition(settings(*changes), "rates")


def test_it_asks_for_as_many_pods_as_run_at_a_time() -> None:
    [of_job, of_sweep] = plan().demands["train"]
    assert (of_job.path, of_sweep.path, of_sweep.pods) == ("trainingJobs.digits", "sweeps.rates", 2)
    assert (of_sweep.requests.cpu, of_sweep.requests.memory, of_sweep.requests.gpu) == (2, 4 * 2**30, 0)
    assert of_sweep.reason == "2 trials at a time"
    assert plan(("sweeps.rates.parallelism", 1)).demands["train"][1].reason == "1 trial at a time"


def test_it_costs_all_pods_until_the_deadline() -> None:
    one, two = plan(("sweeps.rates.parallelism", 1)).sweeps["rates"], plan().sweeps["rates"]
    assert two.price_per_hour.amount == 2 * one.price_per_hour.amount
    assert two.price_max.amount == 6 * two.price_per_hour.amount
    with_it, without = plan(), plan(("sweeps", {}))
    for more, less in (
        (with_it.tenants["train"].price_runs_max, without.tenants["train"].price_runs_max),
        (with_it.price_per_month_max, without.price_per_month_max),
    ):
        assert abs(more.amount - less.amount - two.price_max.amount) < two.price_max.amount / 50
    assert with_it.tenants["serve"] == without.tenants["serve"]


def test_the_report_shows_it_among_the_costs() -> None:
    words = settings()
    shown = costs(words, make_plan(words))
    assert [row.name for row in shown.rows if row.kind == "run"] == ["digits-v3", "rates-sweep"]
    figures = make_plan(words)
    runs = figures.jobs["digits"].price_max.amount + figures.sweeps["rates"].price_max.amount
    assert money(Money(runs, "USD")) in [part.amount for part in shown.parts]


def test_three_losses_for_each_pod_at_a_time_unless_said() -> None:
    assert plan().sweeps["rates"].backoff_limit == 6
    assert plan(("sweeps.rates.backoffLimit", 0)).sweeps["rates"].backoff_limit == 0


def test_the_engine_waits_longer_than_the_deadline() -> None:
    assert str(plan(("sweeps.rates.deadline", "90m")).sweeps["rates"].timeout) == "1h32m"


def test_in_a_queue_the_engine_waits_for_it_too() -> None:
    queued = settings(("tenants.train.queue", "gpus"), ("gpuPool.patience", "1h"))
    assert str(make_plan(queued).sweeps["rates"].timeout) == "7h2m"


def test_it_says_where_its_result_will_lie() -> None:
    assert plan().sweeps["rates"].best == "digits/.sweeps/rates/best.json"


def test_what_it_does_not_say_is_as_the_training_job_has_it() -> None:
    job = (("trainingJobs.digits.seed", 7), ("trainingJobs.digits.dataVersion", "2"))
    assert definition(*job).base.words() == {
        "args": {"epochs": 3}, "dataVersion": "2", "gpus": 0, "seed": 7, "workers": 1,
    }  # fmt: skip
    own: tuple[tuple[str, object], ...] = (
        ("sweeps.rates.seed", 0),
        ("sweeps.rates.dataVersion", "3"),
        ("sweeps.rates.args", {}),
    )
    assert definition(*job, *own, ("sweeps.rates.gpus", 1)).base.words() == {
        "args": {}, "dataVersion": "3", "gpus": 1, "seed": 0, "workers": 1,
    }  # fmt: skip


def test_without_a_training_job_it_begins_with_its_own_words() -> None:
    alone: tuple[tuple[str, object], ...] = (("trainingJobs", {}), ("models", {}), ("sweeps.rates.args", {"epochs": 2}))
    assert definition(*alone).base.args == {"epochs": 2}


def test_a_sweep_that_cannot_be_run_has_no_definition() -> None:
    with pytest.raises(RunError, match="TFK8S_SWEEP_SPACE is empty"):
        definition(("sweeps.rates.space", {}))


def test_a_stack_without_sweeps_has_none() -> None:
    assert plan(("sweeps", GONE)).sweeps == {}
