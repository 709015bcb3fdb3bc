import pytest

from infra.checks import CHECKS, check_all, examine, require_valid
from infra.finding import Finding, StackFileError
from tests.unit.words import GONE, TODAY, changed

ROOMY = ("tenants.serve.quota", {
    "requests": {"cpu": 900, "memory": "900Gi", "gpu": 900}, "limits": {"cpu": 900, "memory": "900Gi"}
})  # fmt: skip
TOO_MANY = (ROOMY, ("models.digits.autoscaling.minReplicas", 9))
TEN_MISTAKES: dict[str, tuple[str, object]] = {
    "tfk8s:models.digits.autoscaling.targts": ("settings", {}),
    "tfk8s:trainingJobs.digits.seed": ("settings", "x"),
    "tfk8s:trainingJobs.digits.backoffLimit": ("retries", 99),
    "tfk8s:trainingJobs.digits.args.batchSize": ("batch-size", 63),
    "tfk8s:models.digits.autoscaling.minReplicas": ("autoscaling-bounds", 4),
    "tfk8s:models.digits.drain.gracePeriod": ("drain", "14s"),
    "tfk8s:models.digits.tracks.stable.weight": ("track-weights", 90),
    "tfk8s:images.serving.ref": ("image-tag", "tensorflow/serving"),
    "tfk8s:policy.prices.gpu": ("price-currency", "1 EUR"),
    "tfk8s:tenants.train.quota.requests.gpu": ("quota", 1),
}


def refused(*changes: tuple[str, object]) -> tuple[Finding, ...]:
    with pytest.raises(StackFileError) as error:
        require_valid(changed(*changes), TODAY)
    return error.value.findings


def test_words_and_checks_are_refused_together() -> None:
    findings = refused(*TOO_MANY, ("models.digits.autoscaling.targts", {}))
    assert [finding.path for finding in findings] == [
        "tfk8s:models.digits.autoscaling.targts",
        "tfk8s:models.digits.autoscaling.minReplicas",
    ]
    assert StackFileError(findings).text().startswith("the stack file has 2 errors; nothing was changed\n")


def test_warnings_are_shown_behind_the_errors_that_stop_the_stack() -> None:
    findings = refused(*TOO_MANY, ("images.serving.ref", "a/b:1"))
    assert [finding.severity for finding in findings] == ["error", "warning"]
    assert StackFileError(findings).text().startswith("the stack file has 1 error;")


def test_ten_mistakes_are_ten_findings_in_one_run() -> None:
    changes = [(path.removeprefix("tfk8s:"), value) for path, (_, value) in TEN_MISTAKES.items()]
    findings = refused(ROOMY, *changes)
    assert sorted(finding.check for finding in findings) == sorted(check for check, _ in TEN_MISTAKES.values())
    assert len({(finding.path, finding.message) for finding in findings}) == len(TEN_MISTAKES) == 10
    for finding in findings:
        assert any(path.startswith(finding.path) for path in TEN_MISTAKES), finding.path


@pytest.mark.parametrize(
    "change",
    [
        ("tenants.serve.quota.requests.gpu", "4"),
        ("tenants.serve.quota.requests.gpus", 4),
        ("gpu.mode", "shared"),
        ("gpu", GONE),
        ("images.devicePlugin.ref", 5),
        ("images.serving", GONE),
        ("store", []),
        ("cluster.maxGracePeriod", 5),
        ("models.digits.requestTimeout", 5),
        ("models.digits.drain", {"propagation": 1, "gracePeriod": "6s"}),
        ("models.digits.autoscaling.maxReplicas", "3"),
        ("models.digits.resources", {"cpu": "x"}),
        ("trainingJobs.digits.version", "3"),
        ("trainingJobs.digits.tenant", "nobody"),
    ],
)
def test_what_cannot_be_read_causes_no_finding_of_a_check(change: tuple[str, object]) -> None:
    nobody_asks = (("models.digits.resources.gpu", 0), ("trainingJobs.digits.gpus", 0)) if change[1] is GONE else ()
    findings = examine(changed(*nobody_asks, change), TODAY).findings
    assert [finding for finding in findings if finding.check != "settings"] == []


@pytest.mark.parametrize(
    "change",
    [
        ("models.digits.autoscaling.maxReplicas", "30"),
        ("models.digits.autoscaling.targets", {"cpu": 90}),
        ("models.digits.resources", {"cpu": "x"}),
        ("models.digits.resources.limits.cpu", "4 cores"),
        ("models.digits.coldStart", 5),
        ("models.digits.startup", "soon"),
        ("models.digits.load.within", 5),
        ("models.digits.load.perReplica", "many"),
        ("trainingJobs.digits.deadline", "a month"),
        ("policy.prices", {"gpu": 5}),
        ("policy.monthlyBudget", 5),
    ],
)
def test_what_cannot_be_read_is_not_what_others_are_judged_by(change: tuple[str, object]) -> None:
    """A stack that only these very words make sound."""
    path, value = change
    judged = [
        ROOMY,
        ("models.digits.autoscaling", {"minReplicas": 2, "maxReplicas": 30, "targets": {"cpu": "95%"}}),
        ("models.digits.resources", {"cpu": 1, "memory": "1Gi", "gpu": 1, "limits": {"cpu": 4, "memory": "1Gi"}}),
        ("models.digits.coldStart", "700s"),
        ("models.digits.startup", "800s"),
        ("models.digits.load", {"requestsPerSecond": 50, "step": 500, "perReplica": 30, "within": "26m"}),
        ("trainingJobs.digits.deadline", "30d"),
        ("trainingJobs.digits.backoffLimit", 99),
        ("policy.prices", {"cpuCore": "0.01 USD", "memoryGib": "0 USD", "gpu": "0 USD"}),
        ("policy.monthlyBudget", "300 USD"),
    ]
    assert [
        finding.text() for finding in examine(changed(*judged), TODAY).findings if finding.severity == "error"
    ] == []
    findings = examine(changed(*judged, (path, value)), TODAY).findings
    assert {finding.check for finding in findings} == {"settings"}, [finding.text() for finding in findings]


def test_a_stack_is_judged_by_every_check() -> None:
    examined = examine(changed(*TOO_MANY), TODAY)
    assert check_all(examined.settings, examined.plan, TODAY) == examined.findings
    assert len({check.find for check in CHECKS}) == len(CHECKS)
