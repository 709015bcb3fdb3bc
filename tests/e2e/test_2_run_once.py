"""A trained version stays as it is, whatever becomes of its Job, of the code and of the disk that the store lies on."""

import shutil
import subprocess
from collections.abc import Generator
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from contract.store import version_dir
from local import engine, paths, tools
from local.cluster import credentials
from local.cluster.api import connect
from local.progress import to_stdout
from tests.e2e.platform import Platform, changed_training_code, until

RUN = "digits-v1"
JOB = f"/apis/batch/v1/namespaces/ml/jobs/{RUN}"
MODEL = paths.STORE / "digits"
SECONDS = 15
"""Longest a run may take that finds its version, from the Job's start to its end."""


def version_files() -> dict[str, tuple[str, int]]:
    """SHA-256 and time of last change of every file of the version, by name."""
    files = [path for path in version_dir(paths.STORE, "digits", 1).rglob("*") if path.is_file()]
    return {path.name: (sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns) for path in files}


@pytest.fixture(autouse=True)
def version_stays(platform: Platform) -> Generator[None]:
    if not paths.OUTPUTS.exists():
        assert platform.up().status == 0
    before = version_files()
    assert "manifest.json" in before
    yield
    assert version_files() == before


def refresh() -> None:
    """`pulumi refresh` of the stack: what is gone from the cluster is gone from the state."""
    stack = engine.repository_stack("local", tools.pulumi(to_stdout))
    stack.refresh(suppress_progress=True, suppress_outputs=True, color="never")


def job(platform: Platform) -> Any:
    """The Job, or None."""
    jobs = platform.get("/apis/batch/v1/namespaces/ml/jobs")["items"]
    return next((one for one in jobs if one["metadata"]["name"] == RUN), None)


def delete_job(platform: Platform) -> None:
    """As `kubectl delete job` does, pods included."""
    with connect(credentials.ADMIN) as client:
        client.delete(JOB, params={"propagationPolicy": "Foreground"}).raise_for_status()
    until("the Job is gone", 20, lambda: job(platform) is None)


def require_nothing_was_trained(platform: Platform, old_uid: str) -> None:
    """The Job is another one, and ended in seconds without a step."""
    again = job(platform)
    assert again["metadata"]["uid"] != old_uid
    log = platform.log(RUN)
    assert log.rstrip().endswith("nothing to train")
    assert len(log.splitlines()) == 1, "no line of a start, an epoch or a checkpoint"
    begun, ended = (datetime.fromisoformat(again["status"][key]) for key in ("startTime", "completionTime"))
    assert (ended - begun).total_seconds() <= SECONDS


def test_a_refresh_changes_nothing(platform: Platform) -> None:
    uid, pods = job(platform)["metadata"]["uid"], platform.serving_pods()
    refresh()
    assert set(platform.up().stack_changes()) == {"unchanged"}
    assert job(platform)["metadata"]["uid"] == uid
    assert platform.serving_pods() == pods


def test_a_job_gone_by_its_ttl_is_not_missed_and_once_refreshed_made_again_without_training(platform: Platform) -> None:
    before, pods = job(platform), platform.serving_pods()
    assert "ttlSecondsAfterFinished" not in before["spec"], "the program declares none; others may set one"
    with connect(credentials.ADMIN) as client:
        answer = client.patch(
            JOB,
            json={"spec": {"ttlSecondsAfterFinished": 0}},
            headers={"Content-Type": "application/merge-patch+json"},
        )
        answer.raise_for_status()
    until("the TTL controller deletes the Job", 30, lambda: job(platform) is None)

    assert set(platform.up().stack_changes()) == {"unchanged"}
    assert job(platform) is None
    refresh()
    changes = platform.up().stack_changes()
    assert set(changes) == {"unchanged", "created"}
    assert changes["created"] == 1
    require_nothing_was_trained(platform, before["metadata"]["uid"])
    assert platform.serving_pods() == pods


def test_edited_code_leaves_the_job_and_one_deleted_by_hand_runs_the_new_code_without_training(
    platform: Platform,
) -> None:
    uid = job(platform)["metadata"]["uid"]
    with changed_training_code():
        assert platform.up().status == 0
        assert job(platform)["metadata"]["uid"] == uid
        old_image = job(platform)["spec"]["template"]["spec"]["containers"][0]["image"]
        delete_job(platform)
        refresh()
        changes = platform.up().stack_changes()
    assert set(changes) == {"unchanged", "created"}
    assert changes["created"] == 1
    assert job(platform)["spec"]["template"]["spec"]["containers"][0]["image"] != old_image
    require_nothing_was_trained(platform, uid)


@pytest.fixture
def restored_store(tmp_path: Path) -> None:
    """The model's directory is lost and comes back from a copy that has its versions and nothing else."""
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-a", str(MODEL), str(copy)], check=True)
    for entry in MODEL.iterdir():
        shutil.rmtree(entry)
    for entry in copy.iterdir():
        if entry.name.isdigit():
            subprocess.run(["cp", "-a", str(entry), str(MODEL)], check=True)
    assert all(entry.name.isdigit() for entry in MODEL.iterdir()), "without progress, curves and checkpoints"


@pytest.mark.usefixtures("restored_store")
def test_a_store_restored_from_a_copy_holds_trained_versions(platform: Platform) -> None:
    uid = job(platform)["metadata"]["uid"]
    delete_job(platform)
    refresh()
    assert platform.up().status == 0
    require_nothing_was_trained(platform, uid)
