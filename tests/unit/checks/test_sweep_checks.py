import pytest

from infra.checks import examine
from infra.checks.names import named_objects
from infra.plan import make_plan
from infra.settings import parse
from tests.unit.words import GONE, SWEEP, TODAY, changed, found, only

ROOMY = ("tenants.train.quota", {
    "requests": {"cpu": 90, "memory": "90Gi", "gpu": 90}, "limits": {"cpu": 90, "memory": "90Gi"}
})  # fmt: skip
SOUND = (ROOMY, ("sweeps.rates", SWEEP))
GRID = ("sweeps.rates.sampler", "grid")
TWO = {"batchSize": {"type": "categorical", "choices": [32, 64]}, "units": {"type": "int", "low": 1, "high": 2}}


def test_a_sound_sweep_passes() -> None:
    assert found(*SOUND) == ()


@pytest.mark.parametrize(
    ("argument", "words", "said"),
    [
        ("rate", {"type": "float", "low": 1, "high": 0.1}, "rate.low is 1.0: must be at most high, 0.1"),
        ("rate", {"type": "float", "low": 0, "high": 1, "log": True}, "rate.low is 0.0: must be above 0 with log"),
        ("units", {"type": "int", "low": 1, "high": 8, "step": 2}, "units.step is 2: must divide high - low"),
        ("units", {"type": "int", "low": 0.5, "high": 8}, "units.low is 0.5: must be a whole number"),
        ("data", {"type": "categorical"}, "data.choices is None"),
        ("data", {"type": "categorical", "choices": [1, 2], "low": 1}, "data.low is unknown for type categorical"),
    ],
)
def test_a_range_that_cannot_be_sampled_is_refused(argument: str, words: object, said: str) -> None:
    finding = only("sweep", *SOUND, (f"sweeps.rates.space.{argument}", words))
    assert finding.path == f"tfk8s:sweeps.rates.space.{argument}"
    assert finding.message.startswith(said)


def test_every_wrong_range_is_named_at_once() -> None:
    wrong = {"low": 2, "high": 1}
    space = {"a": {"type": "int", **wrong}, "b": {"type": "float", **wrong}}
    findings = found(*SOUND, ("sweeps.rates.space", space), ("sweeps.rates.parallelism", 7))
    assert [finding.path.removeprefix("tfk8s:sweeps.rates.") for finding in findings] == [
        "space.a", "space.b", "parallelism",
    ]  # fmt: skip


def test_nothing_varied_is_refused() -> None:
    finding = only("sweep", *SOUND, ("sweeps.rates.space", {}))
    assert (finding.path, finding.message) == (
        "tfk8s:sweeps.rates.space",
        "space is empty: must vary at least one argument",
    )


def test_a_grid_has_points_for_its_trials() -> None:
    grid = (*SOUND, GRID, ("sweeps.rates.space", TWO))
    finding = only("sweep", *grid)
    assert finding.path == "tfk8s:sweeps.rates.trials"
    assert finding.message == "trials is 6: the grid makes at most 5, its 4 points and the declared arguments"
    assert found(*grid, ("sweeps.rates.trials", 5)) == ()


def test_a_grid_needs_steps() -> None:
    finding = only("sweep", *SOUND, GRID)
    assert (finding.path, finding.message) == (
        "tfk8s:sweeps.rates.space",
        "learningRate has no step, which a grid needs",
    )


def test_no_pod_is_without_a_trial() -> None:
    finding = only("sweep", *SOUND, ("sweeps.rates.parallelism", 7))
    assert (finding.path, finding.fix) == ("tfk8s:sweeps.rates.parallelism", "lower parallelism to 6")
    assert found(*SOUND, ("sweeps.rates.parallelism", 6)) == ()


def test_arguments_are_declared_by_the_models_training_job_or_by_the_sweep() -> None:
    other = (*SOUND, ("sweeps.rates.model", "letters"))
    finding = only("sweep-model", *other)
    assert finding.path == "tfk8s:sweeps.rates.model"
    assert "'letters' (tfk8s:trainingJobs declares digits)" in finding.message
    assert found(*other, ("sweeps.rates.args", {})) == ()


def test_its_job_is_among_the_names_that_may_collide() -> None:
    words = parse(changed(*SOUND)).settings
    assert ("Job", "train", "rates-sweep") in {one[:3] for one in named_objects(words, make_plan(words))}


def test_a_sweep_takes_its_part_of_the_quota() -> None:
    finding = only("quota", *SOUND, ("tenants.train.quota.requests.cpu", "3500m"))
    assert "sweeps.rates (2 trials at a time) x 1 = 2" in finding.message


def test_a_sweep_takes_its_part_of_the_budget() -> None:
    finding = only("budget", *SOUND, ("policy.monthlyBudget", "1 USD"))
    assert "sweeps.rates" in finding.message
    long = (*SOUND, ("sweeps.rates.deadline", "90d"), ("sweeps.rates.gpus", 4))
    price = examine(changed(*long), TODAY).plan.price_per_month_max
    cheaper = price.amount - 1000
    assert "lower sweeps.rates.deadline to" in only("budget", *long, ("policy.monthlyBudget", f"{cheaper} USD")).fix


def test_limits_and_gpus_of_trials_are_judged_as_those_of_jobs() -> None:
    limits = {"cpu": 1, "memory": "2Gi", "limits": {"cpu": "500m", "memory": "2Gi"}}
    assert only("limits", *SOUND, ("sweeps.rates.resources", limits)).path == "tfk8s:sweeps.rates.resources.limits.cpu"
    gpus = (("sweeps.rates.gpus", 1), ("gpu", GONE), ("trainingJobs.digits.gpus", 0))
    findings = found(*SOUND, *gpus, ("models.digits.resources.gpu", 0))
    assert "tfk8s:sweeps.rates.gpus" in [finding.path for finding in findings]


def test_a_sweep_that_its_queue_can_never_admit_is_refused() -> None:
    pool = (("tenants.train.queue", "gpus"), ("gpuPool.tenants", {"train": {"gpu": 3}}))
    finding = only("pool-admission", *SOUND, *pool, ("sweeps.rates.gpus", 2))
    assert finding.path == "tfk8s:sweeps.rates.gpus"
    assert "= 4 GPUs > 3 that train can have" in finding.message


@pytest.mark.parametrize(
    "change",
    [
        ("model", GONE), ("trials", "6"), ("trials", GONE), ("space", GONE), ("space", []), ("sampler", "bayes"),
        ("parallelism", "all"), ("deadline", 5), ("resources", {"cpu": 1}), ("space.learningRate.low", "x"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("sampler", ["grid", "tpe"])
def test_what_cannot_be_read_causes_no_finding_of_a_check(change: tuple[str, object], sampler: str) -> None:
    points = {"units": {"type": "int", "low": 1, "high": 9}, "learningRate": {**_rate(), "step": 0.0099}}
    grid = (*SOUND, ("sweeps.rates.sampler", sampler), ("sweeps.rates.space", points), ("sweeps.rates.parallelism", 3))
    assert found(*grid) == ()
    findings = found(*grid, (f"sweeps.rates.{change[0]}", change[1]))
    assert {finding.check for finding in findings} == {"settings"}, [finding.text() for finding in findings]


def _rate() -> dict[str, object]:
    return {"type": "float", "low": 0.0001, "high": 0.01}


TWO_GPUS = (*SOUND, ("sweeps.rates.gpus", 2))
BATCH = "sweeps.rates.space.batchSize"


@pytest.mark.parametrize("own", [True, False])
def test_the_declared_batch_of_a_sweep_divides_by_its_gpus(own: bool) -> None:
    # The training job itself has one GPU here, which takes any batch.
    args = ("sweeps.rates.args" if own else "trainingJobs.digits.args", {"batchSize": 65})
    finding = only("batch-size", *TWO_GPUS, ("trainingJobs.digits.gpus", 1), args)
    assert finding.path == "tfk8s:sweeps.rates.args.batchSize"
    whose = "" if own else " (of trainingJobs.digits)"
    assert finding.message.startswith(f"batchSize 65{whose} / 2 GPUs leaves 1")


def test_every_choice_of_a_sweeps_batch_divides_by_its_gpus() -> None:
    wrong = {"type": "categorical", "choices": [32, 33, 1]}
    findings = found(*TWO_GPUS, (BATCH, wrong))
    assert {finding.path for finding in findings} == {f"tfk8s:{BATCH}.choices"}
    assert [finding.fix for finding in findings] == ["use 32 or 34", "use 2"]
    assert found(*SOUND, ("sweeps.rates.gpus", 1), (BATCH, wrong)) == ()


@pytest.mark.parametrize(
    ("low", "high", "step", "fine"),
    [(16, 64, 16, True), (17, 65, 16, False), (16, 61, 15, False), (16, 64, None, False), (16, 16, None, True)],
)
def test_every_step_of_a_sweeps_batch_divides_by_its_gpus(low: int, high: int, step: int | None, fine: bool) -> None:
    words = {"type": "int", "low": low, "high": high, **({"step": step} if step else {})}
    findings = found(*TWO_GPUS, (BATCH, words))
    assert [finding.path for finding in findings] == ([] if fine else [f"tfk8s:{BATCH}"])
