"""Failures say why, stay failures, and are left behind by what the stack file says next."""

from typing import Any

import pytest

from contract.store import versions
from local import paths
from tests.e2e.platform import Platform, idle_container, make, words


@pytest.fixture(autouse=True)
def running(platform: Platform) -> None:
    if not paths.OUTPUTS.exists():
        assert platform.up().status == 0


def third_version(**job: Any) -> Any:
    """Version 3 in training while version 1 is served."""
    config = words()
    config["tfk8s:trainingJobs"]["digits"] |= {"version": 3, "backoffLimit": 0, **job}
    return config


def test_a_failed_run_says_why_fails_again_and_runs_again_with_the_next_attempt(platform: Platform) -> None:
    broken = third_version(args={"epochs": -1})
    for _ in range(2):
        failed = platform.up(broken)
        assert failed.status != 0
        assert "BackoffLimitExceeded" in failed.text
        assert "epochs" in failed.text, "the last lines of the pod's log"
        assert "Traceback" not in failed.text
    assert 3 not in versions(paths.STORE, "digits")

    done = platform.up(third_version(attempt=2, args={"epochs": 2}))
    assert done.status == 0, done.text
    assert 3 in versions(paths.STORE, "digits")


def test_the_quota_is_real_and_its_refusal_reaches_the_user(platform: Platform) -> None:
    container = idle_container("hog", {"cpu": "3", "memory": "1Mi"})
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "hog"}, "spec": {"containers": [container]}}
    assert platform.post("/api/v1/namespaces/ml/pods", pod).status_code == 201
    try:
        again = platform.post("/api/v1/namespaces/ml/pods", pod | {"metadata": {"name": "hog-2"}})
        assert again.status_code == 403
        assert "exceeded quota" in again.json()["message"]
        config = third_version(version=4, deadline="20s", resources={"cpu": 2, "memory": "1Gi"})
        refused = platform.up(config)
        assert refused.status != 0
        assert "exceeded quota" in refused.text
    finally:
        platform.delete("/api/v1/namespaces/ml/pods/hog")


def test_an_image_that_fails_to_build_shows_the_failing_step(platform: Platform) -> None:
    dockerfile = paths.ROOT / "training" / "Dockerfile"
    good = dockerfile.read_text()
    try:
        dockerfile.write_text(good + "\nRUN echo this step fails on purpose >&2 && false\n")
        failed = platform.up()
    finally:
        dockerfile.write_text(good)
    assert failed.status != 0
    assert "this step fails on purpose" in failed.text
    assert "Traceback" not in failed.text


def test_a_bad_stack_file_is_refused_whole_and_changes_nothing(platform: Platform) -> None:
    pods = platform.serving_pods()
    config = words()
    config["tfk8s:tennants"] = {}
    config["tfk8s:models"]["digits"]["autoscaling"] = {"minReplicas": 5, "maxReplicas": 3}
    config["tfk8s:trainingJobs"]["digits"]["gpus"] = "two"
    done = platform.up(config)
    assert done.status != 0
    for said in ("tfk8s:tennants", "tfk8s:tenants", "autoscaling.minReplicas", "trainingJobs.digits.gpus", "'two'"):
        assert said.removeprefix("tfk8s:") in done.text
    assert "Traceback" not in done.text
    assert done.seconds < 10
    assert platform.serving_pods() == pods
    assert make("up").status == 0
