"""Why a Job failed: what the provider did not say, and what is kept for the next time."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from infra import failure
from infra.cluster_client import Answer, Question
from infra.failure import ANNOTATION, LINES, Failure, failure_of
from infra.kubeconfig import Access

ACCESS = Access(file=Path("/config"), context="c", cluster={}, user={})
CREATED = "2026-01-01T10:00:00Z"
FIRST = (
    "3 errors occurred:\n\t* Job ml/a-v1 exists but did not become ready: [BackoffLimitExceeded] limit\n"
    "\t* [Pod a-v1-0-abcde] container train exited with code 2 (Error):\n      error: epochs is -1\n\n"
)
"""As the engine hands over what a provider said."""

LATER = "1 error occurred:\n\t* Job ml/a-v1 was not updated: [BackoffLimitExceeded] limit\n\n"
LOG = ("[Pod a-v1-0-abcde] container train exited with code 2 (Error):", "      error: epochs is -1")


@dataclass
class Cluster:
    """A Job, and warnings about whatever it may be."""

    failed: bool = True
    events: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    annotations: dict[str, str] = field(default_factory=dict[str, str])
    written: int = 0

    def ask(self, _access: Access, questions: Sequence[Question]) -> list[Answer]:
        return [self._answer(question) for question in questions]

    def _answer(self, question: Question) -> Answer:
        if question.path.endswith("/events"):
            assert question.query == {"fieldSelector": "type=Warning"}
            return Answer(200, json.dumps({"items": self.events}).encode())
        assert question.path == "/apis/batch/v1/namespaces/ml/jobs/a-v1"
        if question.merge is not None:
            note: Any = question.merge
            self.annotations |= note["metadata"]["annotations"]
            self.written += 1
        conditions = [{"type": "Failed", "status": "True" if self.failed else "False"}]
        metadata = {"uid": "job", "creationTimestamp": CREATED, "annotations": self.annotations}
        return Answer(200, json.dumps({"metadata": metadata, "status": {"conditions": conditions}}).encode())


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    cluster = Cluster()
    monkeypatch.setattr(failure, "ask_server", cluster.ask)
    return cluster


def warning(reason: str, message: str, *, kind: str = "Job", name: str = "a-v1", uid: str = "job", **more: str) -> Any:
    about = {"kind": kind, "name": name, "uid": uid}
    return {"involvedObject": about, "reason": reason, "message": message, "lastTimestamp": CREATED} | more


def told(said: str) -> Failure:
    return failure_of(ACCESS, "ml", "a-v1", said)


def test_what_the_provider_said_the_first_time_is_told_when_it_no_longer_says_it(cluster: Cluster) -> None:
    assert told(FIRST) == Failure(is_final=True, untold=())
    assert told(LATER) == Failure(is_final=True, untold=LOG)
    assert told(LATER).untold == LOG
    assert cluster.written == 1


def test_a_job_that_may_still_end_well_keeps_no_reason(cluster: Cluster) -> None:
    cluster.failed = False
    assert told(FIRST) == Failure(is_final=False, untold=())
    assert cluster.written == 0


def test_warnings_about_the_job_and_its_pods_are_told_once_and_only_if_the_provider_did_not(cluster: Cluster) -> None:
    quota = 'Error creating: pods "a-v1-x1y2z" is forbidden: exceeded quota'
    cluster.events = [
        warning("FailedCreate", quota),
        warning("FailedCreate", quota.replace("x1y2z", "abcde")),
        warning("FailedScheduling", "no node", kind="Pod", name="a-v1-abcde", uid="gone"),
        warning(
            "FailedScheduling",
            "no tape",
            kind="Pod",
            name="a-v1-1-abcde",
            uid="gone",
            lastTimestamp="",
            eventTime="2026-01-01T10:00:00.5Z",
        ),
    ]
    lines = ("[FailedCreate] Error creating: pods is forbidden: exceeded quota", "[FailedScheduling] no node")
    assert told(LATER).untold == (*lines, "[FailedScheduling] no tape")
    assert told(f"{LATER}\t* [Pod a-v1-abcde] not scheduled: no node\n").untold == (
        lines[0],
        "[FailedScheduling] no tape",
    )


def test_an_image_that_is_missing_is_told_once_in_whose_words_ever(cluster: Cluster) -> None:
    cause = f"rpc error: {'x' * 100} train:missing: not found"
    cluster.events = [warning("Failed", f'Failed to pull image "train:missing": {cause}')]
    assert told(f"{LATER}\t* [Pod a-v1-abcde] container train: [ErrImagePull] {cause}\n").untold == ()
    assert told(LATER).untold == (f"[Pod a-v1-abcde] container train: [ErrImagePull] {cause}",)


@pytest.mark.parametrize(
    "other",
    [
        warning("FailedScheduling", "elsewhere", kind="Pod", name="a-v10-abcde", uid="x"),
        warning("FailedScheduling", "elsewhere", kind="Pod", name="a-v1-b-v1-abcde", uid="x"),
        warning("FailedCreate", "elsewhere", uid="an earlier attempt"),
        warning("FailedCreate", "elsewhere", name="a-v1-abcde", uid="a Job of that name"),
        warning(
            "FailedScheduling",
            "elsewhere",
            kind="Pod",
            name="a-v1-abcde",
            uid="x",
            lastTimestamp="2026-01-01T09:59:59Z",
        ),
        warning("BackOff", "elsewhere", kind="Pod", name="a-v1-abcde", uid="x"),
        warning("DeadlineExceeded", "elsewhere"),
        warning("Failed", "Error: ImagePullBackOff", kind="Pod", name="a-v1-abcde", uid="x"),
    ],
)
def test_warnings_of_others_of_earlier_attempts_and_repetitions_are_left_out(cluster: Cluster, other: Any) -> None:
    cluster.events = [other]
    assert told(LATER).untold == ()


def test_of_very_much_the_newest_is_kept(cluster: Cluster) -> None:
    told(FIRST + "".join(f"\t* line {number} {'x' * 600}\n" for number in range(100)))
    kept = cluster.annotations[ANNOTATION].splitlines()
    assert len(kept) == LINES
    assert kept[-1].startswith("line 99 x")
    assert max(map(len, kept)) <= 500


def test_a_job_that_is_gone_has_nothing_to_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object) -> list[Answer]:
        return [Answer(404, b"{}"), Answer(403, b"not JSON")]

    monkeypatch.setattr(failure, "ask_server", gone)
    assert told("1 error occurred:\n\t* refused\n") == Failure(is_final=False, untold=())
