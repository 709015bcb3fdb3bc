import pytest

from infra.checks import CHECKS, check_all, examine, require_valid
from infra.finding import StackFileError
from tests.unit.words import GONE, TODAY, changed, stack


@pytest.mark.parametrize("name", ["local", "dev", "prod"])
def test_every_committed_stack_file_is_valid_and_warns_of_missing_digests_only(name: str) -> None:
    _, _, warnings = require_valid(stack(name), TODAY)
    assert {warning.check for warning in warnings} == (set() if name == "local" else {"image-digest"})


def test_words_and_checks_are_refused_together() -> None:
    with pytest.raises(StackFileError) as refused:
        require_valid(
            changed(("models.digits.autoscaling.targts", {}), ("models.digits.autoscaling.minReplicas", 9)), TODAY
        )
    assert [finding.path for finding in refused.value.findings] == [
        "tfk8s:models.digits.autoscaling.targts",
        "tfk8s:models.digits.autoscaling.minReplicas",
    ]
    assert str(refused.value).startswith("the stack file has 2 errors; nothing was changed\n")


def test_warnings_are_shown_behind_the_errors_that_stop_the_stack() -> None:
    with pytest.raises(StackFileError) as refused:
        require_valid(changed(("images.serving.ref", "a/b:1"), ("models.digits.autoscaling.minReplicas", 9)), TODAY)
    assert [finding.severity for finding in refused.value.findings] == ["error", "warning"]
    assert str(refused.value).startswith("the stack file has 1 error;")


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


def test_a_stack_is_judged_by_every_check() -> None:
    sound = examine(changed(("models.digits.autoscaling.minReplicas", 9)), TODAY)
    assert check_all(sound.settings, sound.plan, TODAY) == sound.findings
    assert len(set(CHECKS)) == len(CHECKS)
