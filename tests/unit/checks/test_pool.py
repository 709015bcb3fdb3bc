import pytest

from infra.finding import Finding
from tests.unit.words import found, only

QUEUES = (("tenants.train.queue", "gpus"), ("tenants.serve.queue", "gpus"))
NODES = ("cluster.nodePools", {"a": {"count": 8, "cpu": 8, "memory": "32Gi", "gpu": 2}})


def shares(train: object, serve: object) -> tuple[tuple[str, object], ...]:
    return (*QUEUES, ("gpuPool.tenants", {"train": train, "serve": serve}))


def test_a_sound_pool_passes() -> None:
    assert found(*shares({"gpu": 2}, {"gpu": 1}), NODES) == ()


def test_a_queue_that_nobody_here_makes_is_a_warning() -> None:
    finding = only("queue-owner", ("tenants.train.queue", "gpus"))
    assert (finding.path, finding.severity) == ("tfk8s:tenants.train.queue", "warning")
    assert "gpuPool gives train no share: LocalQueue gpus" in finding.message


def test_a_share_without_a_queue_is_refused() -> None:
    finding = only("pool-queue", ("gpuPool.tenants", {"train": {"gpu": 2}}))
    assert (finding.path, finding.severity) == ("tfk8s:tenants.train.queue", "error")


def test_a_share_of_a_tenant_nobody_declared_is_refused_with_the_one_that_was_meant() -> None:
    finding = only("settings", ("gpuPool.tenants", {"trian": {"gpu": 2}}))
    assert finding.path == "tfk8s:gpuPool.tenants.trian"
    assert finding.fix == "did you mean train?"


def test_shares_of_more_devices_than_there_are_are_refused_with_the_sum() -> None:
    finding = only("pool-devices", *shares({"gpu": 14}, {"gpu": 5}), ("tenants.train.quota.requests.gpu", 14), NODES)
    assert finding.severity == "error"
    assert finding.message.startswith("shares of train 14 + serve 5 = 19 GPUs > 16 of cluster.nodePools")


def test_devices_that_pods_outside_the_pool_take_are_counted_in_a_warning() -> None:
    """5 of models, which wait in no queue."""
    finding = only("pool-devices", *shares({"gpu": 12}, {"gpu": 0}), ("tenants.train.quota.requests.gpu", 12), NODES)
    assert finding.severity == "warning"
    assert finding.message.endswith("pods outside the pool take up to 5: 17 > 16 of cluster.nodePools")
    assert finding.fix.startswith("lower the shares to 11 together")


def test_jobs_of_the_pool_are_not_counted_twice() -> None:
    assert found(*shares({"gpu": 11}, {"gpu": 0}), ("tenants.train.quota.requests.gpu", 11), NODES) == ()


@pytest.mark.parametrize(
    ("train", "severity", "path", "said"),
    [
        ({"gpu": 2, "borrowingLimit": 1}, "error", "", "2 own + 1 borrowed > 2 GPUs of tenants.train.quota"),
        ({"gpu": 3}, "error", "", "3 own + 0 borrowed > 2 GPUs"),
        ({"gpu": 2, "lendingLimit": 3}, "error", ".lendingLimit", "lends 3 of 2 GPUs"),
    ],
)
def test_a_share_beyond_what_there_is_for_it_is_refused(train: object, severity: str, path: str, said: str) -> None:
    finding = only("pool-borrowing", *shares(train, {"gpu": 5}))
    assert (finding.severity, finding.path) == (severity, f"tfk8s:gpuPool.tenants.train{path}")
    assert said in finding.message


def test_borrowing_more_than_others_lend_is_a_warning() -> None:
    finding = only(
        "pool-borrowing",
        *shares({"gpu": 2, "borrowingLimit": 4}, {"gpu": 5, "lendingLimit": 3}),
        ("tenants.train.quota.requests.gpu", 6),
    )
    assert finding.severity == "warning"
    assert finding.message == "may borrow 4 GPUs, and all others lend 3"


def admission(train: object, serve: object) -> Finding:
    return only("pool-admission", *shares(train, serve))


@pytest.mark.parametrize(("serve", "lent"), [({"gpu": 0}, 0), ({"gpu": 5, "lendingLimit": 0}, 0)])
def test_a_run_that_its_queue_can_never_admit_is_refused(serve: object, lent: int) -> None:
    finding = admission({"gpu": 1}, serve)
    assert finding.path == "tfk8s:trainingJobs.digits.gpus"
    assert finding.message == (
        f"1 x 2 = 2 GPUs > 1 that train can have: 1 own + {lent} borrowed (limit 1, others lend {lent})"
    )


def test_a_run_may_live_on_borrowed_devices() -> None:
    assert found(*shares({"gpu": 0}, {"gpu": 5})) == ()


def test_devices_of_all_workers_are_counted() -> None:
    finding = only(
        "pool-admission",
        *shares({"gpu": 2}, {"gpu": 1}),
        ("trainingJobs.digits.workers", 2),
        ("tenants.train.quota", {
            "requests": {"cpu": 4, "memory": "8Gi", "gpu": 4}, "limits": {"cpu": 8, "memory": "16Gi"}
        }),
    )  # fmt: skip
    assert finding.message.startswith("2 x 2 = 4 GPUs > 3 that train can have: 2 own + 1 borrowed")


@pytest.mark.parametrize("path", ["gpuPool.tenants.serve.gpu", "gpuPool.cohort", "gpuPool.tenants"])
def test_an_unreadable_pool_judges_no_job(path: str) -> None:
    """A job that lives on devices which the unreadable words might lend."""
    findings = found(*shares({"gpu": 0}, {"gpu": 5}), (path, "x y"))
    assert {finding.check for finding in findings} == {"settings"}, [finding.text() for finding in findings]
