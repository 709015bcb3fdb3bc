"""What `make status` says of runs."""

from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from contract.progress import EpochProgress, Progress, progress_path, write
from contract.run import DEFINITION_ANNOTATION
from local import paths, status
from local.cluster import lifecycle
from local.cluster.api import Object
from local.progress import LocalError

EPOCH = EpochProgress(epoch=1, loss=0.51234, accuracy=0.8, validation_loss=0.4, validation_accuracy=0.9, seconds=1.5)
PROGRESS = Progress(
    definition="{}", phase="training", step=30, steps=390, epochs=10, steps_per_second=4.0, restarts=1, history=(EPOCH,)
)
LABELS = {"app.kubernetes.io/name": "digits", "app.kubernetes.io/version": "3"}


def job(**state: object) -> Object:
    metadata = {
        "namespace": "ml",
        "name": "digits-v3",
        "labels": LABELS,
        "annotations": {DEFINITION_ANNOTATION: PROGRESS.definition},
        "uid": "job-uid",
    }
    return {"metadata": metadata, "spec": {}, "status": state}


def pod(run: str, *restarts: int) -> Object:
    return {
        "metadata": {"namespace": "ml", "name": f"{run}-0", "labels": {"batch.kubernetes.io/job-name": run}},
        "status": {"containerStatuses": [{"restartCount": count} for count in restarts]},
    }


@pytest.fixture
def screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Console:
    monkeypatch.setattr(paths, "STORE", tmp_path)
    path = progress_path(tmp_path, "digits", 3)
    path.parent.parent.mkdir()
    write(path, PROGRESS)
    return Console(record=True, width=200)


def shown(screen: Console, run: Object, restarted: dict[tuple[str, str], int]) -> str:
    screen.print(status._runs([run], restarted))  # pyright: ignore[reportPrivateUsage] - the table without a cluster
    return screen.export_text().splitlines()[-2]


def test_a_running_run_says_its_epoch_loss_time_left_and_restarts(screen: Console) -> None:
    words = shown(screen, job(), {}).split("│")
    assert [word.strip() for word in words[1:-1]] == [
        "ml", "digits-v3", "running", "2/10", "0.5123", "0:01:30", "1", "0",
    ]  # fmt: skip


def test_a_run_that_has_ended_has_no_time_left(screen: Console) -> None:
    failed = {"type": "Failed", "status": "True", "reason": "DeadlineExceeded"}
    line = shown(screen, job(conditions=[failed], failed=1), {})
    assert "Failed DeadlineExceeded" in line
    assert "2/10" in line
    assert "0:01:30" not in line


def test_a_run_without_progress_is_shown_all_the_same(screen: Console) -> None:
    run = job()
    run["metadata"]["labels"] = {}
    words = [word.strip() for word in shown(screen, run, {("ml", "digits-v3"): 4}).split("│")[1:-1]]
    assert words == ["ml", "digits-v3", "running", "", "", "", "4", "0"]


def test_progress_of_an_attempt_with_other_words_is_not_this_runs(screen: Console) -> None:
    run = job()
    run["metadata"]["annotations"] = {DEFINITION_ANNOTATION: '{"args":{"epochs":3}}'}
    words = [word.strip() for word in shown(screen, run, {}).split("│")[1:-1]]
    assert words == ["ml", "digits-v3", "running", "", "", "", "0", "0"]


def test_publishing_has_no_time_left_and_a_first_epoch_no_loss() -> None:
    first = replace(PROGRESS, history=())
    assert status.course(first, 0, running=True) == ("1/10", "", "0:01:30", "1")
    assert status.course(replace(PROGRESS, phase="publishing"), 0, running=True)[2] == ""
    assert status.course(replace(PROGRESS, steps_per_second=0), 0, running=True)[2] == ""


def test_starts_that_the_run_could_not_count_are_counted_by_its_containers() -> None:
    assert status.course(PROGRESS, 5, running=True)[3] == "5"


def test_restarts_are_those_of_the_run_s_own_pods() -> None:
    served: Object = {"metadata": {"namespace": "ml", "name": "digits-v1-x", "labels": {}}, "status": {}}
    pods = [pod("digits-v3", 2), pod("digits-v3", 0), pod("other-v1"), served]
    assert status.container_restarts(pods) == {("ml", "digits-v3"): 2, ("ml", "other-v1"): 0}


def test_without_a_cluster_it_says_how_to_start_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "status", list)
    with pytest.raises(LocalError, match="make up"):
        status.show(Console(record=True))


def test_a_run_that_waits_in_a_queue_says_for_what() -> None:
    def workload(uid: str, reserved: str, message: str) -> Object:
        conditions = [{"type": "QuotaReserved", "status": reserved, "message": message}]
        return {"metadata": {"labels": {"kueue.x-k8s.io/job-uid": uid}}, "status": {"conditions": conditions}}

    waiting = status.queue_reasons(
        [workload("other-uid", "True", "admitted"), workload("job-uid", "False", "insufficient unused quota")]
    )
    assert waiting == {"job-uid": "insufficient unused quota"}
    jobs = [job(), {**job(), "spec": {"suspend": True}}]
    assert list(status.queue_lines(jobs, waiting)) == ["digits-v3 is queued: insufficient unused quota"]


def test_a_workload_that_kueue_has_not_looked_at_has_no_reason() -> None:
    assert status.queue_reasons([{"metadata": {"labels": {"kueue.x-k8s.io/job-uid": "job-uid"}}}]) == {}
