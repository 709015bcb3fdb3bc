import pytest

from infra.settings import Duration, parse
from infra.settings.pool import GpuPoolSettings
from tests.unit.words import changed


def test_nothing_said_and_what_the_engine_makes_of_it_are_the_same() -> None:
    for words in (changed(), changed(("gpuPool", {}))):
        parsed = parse(words)
        assert parsed.findings == ()
        assert parsed.settings.gpu_pool == GpuPoolSettings()
        assert dict(parsed.settings.gpu_pool.tenants) == {}


def test_owners_take_back_what_they_lent_unless_said_otherwise() -> None:
    preemption = GpuPoolSettings().preemption
    assert (preemption.reclaim_within_cohort, preemption.borrow_within_cohort) == ("Any", "Never")
    assert GpuPoolSettings().patience == Duration.parse("1h")


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("tenants.train.gpu", -1, "greater than or equal to 0"),
        ("tenants.train.borowingLimit", 1, "unknown key 'borowingLimit'"),
        ("preemption.reclaimWithinCohort", "Always", "'Always'"),
        ("preemption", {"reclaimWithinCohort": "Never", "borrowWithinCohort": "LowerPriority"}, "Kueue refuses"),
        ("flavor.name", "A100", "lower-case"),
        ("patience", "0s", "more than 0s"),
    ],
)
def test_what_kueue_would_refuse_is_refused_here(path: str, value: object, said: str) -> None:
    [finding] = parse(changed(("gpuPool.tenants", {"train": {"gpu": 1}}), (f"gpuPool.{path}", value))).findings
    assert finding.path == f"tfk8s:gpuPool.{path}"
    assert said in finding.message
