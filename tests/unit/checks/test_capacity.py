import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.checks import require_valid
from tests.unit.words import TODAY, changed, found, only

_ROOM = (
    ("tenants.serve.quota.pods", 100),
    ("tenants.serve.quota.requests", {"cpu": 100, "memory": "100Gi", "gpu": 5}),
    ("tenants.serve.quota.limits", {"cpu": 100, "memory": "100Gi"}),
)
"""Of everything but GPUs."""


def test_a_worst_case_exactly_at_the_quota_passes() -> None:
    assert found() == ()  # the sound stack's quotas are exactly its worst case


@pytest.mark.parametrize(
    ("path", "below", "needed"),
    [
        ("requests.cpu", "2499m", "2500m"),
        ("requests.memory", "5119Mi", "5Gi"),
        ("requests.gpu", 4, "5"),
        ("limits.cpu", "4999m", "5"),
        ("limits.memory", "5119Mi", "5Gi"),
        ("pods", 4, "5"),
    ],
)
def test_a_quota_a_little_too_small_is_refused_with_the_one_that_would_do(
    path: str, below: object, needed: str
) -> None:
    finding = only("quota", (f"tenants.serve.quota.{path}", below))
    assert finding.path == f"tfk8s:tenants.serve.quota.{path}"
    assert f"worst case {needed} > quota {below}: " in finding.message
    assert finding.fix.startswith(f"raise the quota to {needed}")
    assert finding.severity == "error"


def test_the_message_shows_the_whole_sum() -> None:
    finding = only("quota", ("trainingJobs.digits.tenant", "serve"), ("tenants.serve.quota", {
        "requests": {"cpu": 5, "memory": "9Gi", "gpu": 6}, "limits": {"cpu": 9, "memory": "16Gi"}
    }))  # fmt: skip
    assert finding.message == (
        "worst case 2 + 5 = 7 > quota 6: trainingJobs.digits (1 worker) x 2 = 2; "
        "models.digits (3 replicas at most + 1 while rolling out + 1 draining = 5 pods) x 1 = 5"
    )
    assert finding.fix == (
        "raise the quota to 7, or lower models.digits.autoscaling.maxReplicas to 2, "
        "or set models.digits.rollout to {maxSurge: 0, maxUnavailable: 1}, which takes old pods first"
    )


def test_a_full_pool_is_no_reason_to_lose_pods_where_that_would_not_help() -> None:
    finding = only("quota", *_ROOM, ("tenants.serve.quota.requests.gpu", 3))  # the next version needs a fourth
    assert finding.fix == "raise the quota to 5, or lower models.digits.autoscaling.maxReplicas to 1"


def test_a_quota_full_of_pods_passes_once_old_ones_go_first() -> None:
    full = ("tenants.serve.quota.requests.gpu", 4)
    assert "or set models.digits.rollout to" in only("quota", *_ROOM, full).fix
    only("capacity-dip", *_ROOM, full, ("models.digits.rollout", {"maxSurge": 0, "maxUnavailable": 1}))


def test_a_run_has_no_old_pods_that_could_go_first() -> None:
    other = ("trainingJobs.other", {"tenant": "train", "version": 1, "gpus": 1, "resources": {"cpu": 1, "memory": 1}})
    quota = {"requests": {"cpu": 9, "memory": "9Gi", "gpu": 2}, "limits": {"cpu": 9, "memory": "9Gi"}}
    assert only("quota", other, ("tenants.train.quota", quota)).fix == "raise the quota to 3"


def test_the_next_version_counts_beside_the_present_one() -> None:
    finding = only("quota", ("models.digits.autoscaling.minReplicas", 3), *_ROOM)
    assert "(3 replicas at most + 3 of the next version beside them = 6 pods) x 1 = 6" in finding.message


def test_no_maximum_below_the_minimum_is_proposed() -> None:
    finding = only("quota", ("models.digits.autoscaling.minReplicas", 3), *_ROOM)
    assert finding.fix == "raise the quota to 6"


def test_pods_are_not_counted_where_the_quota_does_not() -> None:
    quota = {"requests": {"cpu": "2500m", "memory": "5Gi", "gpu": 5}, "limits": {"cpu": 5, "memory": "5Gi"}}
    assert found(("tenants.serve.quota", quota)) == ()


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 60), st.integers(1, 9) | st.integers(1, 100).map("{}%".format), st.integers(0, 60))
def test_what_the_fix_proposes_does_work(most: int, max_surge: int | str, quota: int) -> None:
    shape = {"resources": {"cpu": "1m", "memory": 1, "gpu": 1}, "rollout": {"maxSurge": max_surge}}
    changes = [(f"models.digits.{key}", value) for key, value in shape.items()]
    changes += [("tenants.serve.quota.pods", 1000), ("tenants.serve.quota.requests.gpu", quota)]
    refused = found(*changes, ("models.digits.autoscaling.maxReplicas", most))
    if not refused:
        return
    (finding,) = refused
    for word in finding.fix.split(", or "):
        if word.startswith("set "):
            full = ("models.digits.autoscaling.maxReplicas", most)
            require_valid(
                changed(*changes, full, ("models.digits.rollout", {"maxSurge": 0, "maxUnavailable": 1})), TODAY
            )
            continue
        value = int(word.rpartition(" ")[2])
        raised = [("tenants.serve.quota.requests.gpu", value)] if "quota" in word else []
        lowered = most if raised else value
        require_valid(changed(*changes, ("models.digits.autoscaling.maxReplicas", lowered), *raised), TODAY)


@pytest.mark.parametrize(
    ("section", "limits"),
    [
        ("models.digits.resources", {"cpu": "499m", "memory": "1Gi"}),
        ("models.digits.resources", {"cpu": 1, "memory": "1023Mi"}),
        ("trainingJobs.digits.resources", {"cpu": "1999m", "memory": "8Gi"}),
        ("tenants.serve.containerDefaults", {"cpu": "99m", "memory": "512Mi"}),
    ],
)
def test_a_limit_a_little_below_its_request_is_refused(section: str, limits: dict[str, object]) -> None:
    finding = only("limits", (f"{section}.limits", limits))
    assert finding.path.startswith(f"tfk8s:{section}.limits.")
    assert " < request " in finding.message


def test_a_limit_equal_to_its_request_passes() -> None:
    assert found(("models.digits.resources.limits", {"cpu": "500m", "memory": "1Gi"})) == ()
