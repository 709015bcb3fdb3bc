import itertools
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from ops.monitor import Tree
from ops.problem import CommandError
from ops.reproducing import api, waiting
from ops.reproducing.api import ApiServer
from ops.reproducing.waiting import ImageError, remove, wait
from tests.unit.ops.fake_cluster import ACCESS, FakeCluster, Life, at_once, complete, failed, pod

JOB: Tree = {
    "kind": "Job",
    "metadata": {"name": "digits-v7-reproduce", "namespace": "train"},
    "spec": {
        "parallelism": 1,
        "activeDeadlineSeconds": 600,
        "template": {"spec": {"containers": [{"image": "train@sha256:1"}]}},
    },
}
RUNNING: Tree = {"pods": [pod(running={})]}

Waited = tuple[str, list[str], list[str]]


@pytest.fixture
def waited(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Waited]:
    """Makes a Job, waits for it, and gives its log, the lines as they came, and what it was said to do."""
    clock = itertools.count(step=10)
    monkeypatch.setattr(waiting.time, "sleep", at_once)
    monkeypatch.setattr(waiting.time, "monotonic", lambda: next(clock))

    def do(*steps: Tree, log: str = "", job: Tree = JOB) -> Waited:
        cluster = FakeCluster(lives={"digits-v7-reproduce": Life(list(steps), log)})
        monkeypatch.setattr(httpx, "Client", cluster.client)
        server = ApiServer(ACCESS, cluster.enter)
        lines, states = list[str](), list[str]()
        made = server.create(job)
        return wait(server, made, line=lines.append, state=states.append), lines, states

    return do


def test_lines_are_told_once_each_as_they_come_and_results_for_machines_not_at_all(
    waited: Callable[..., Waited],
) -> None:
    log = 'one\ntwo\nthree\n{"verdict":1}'
    whole, lines, states = waited(RUNNING, RUNNING, RUNNING, complete(), log=log)
    assert lines == ["one", "two", "three"]
    assert whole == log
    assert states == ["runs"] * 3


def test_what_a_job_waits_for_is_said(waited: Callable[..., Waited]) -> None:
    steps: list[Tree] = [
        {"pods": []},
        {"pods": [pod(unplaced="0/3 nodes are available: 3 Insufficient nvidia.com/gpu")]},
        {"pods": [pod(waiting={"reason": "ContainerCreating"})]},
        {"pods": [pod(waiting={"reason": "CreateContainerConfigError", "message": "no key"})]},
    ]
    _, _, states = waited(*steps, complete())
    assert states == [
        "starts",
        "looks for a node: 0/3 nodes are available: 3 Insufficient nvidia.com/gpu",
        "starts",
        "pod does not start: CreateContainerConfigError no key",
    ]
    suspended = {**JOB, "spec": {**JOB["spec"], "suspend": True}}
    assert waited({"pods": []}, complete(), job=suspended)[2] == ["waits in its queue"]


def test_the_log_is_the_chief_s(waited: Callable[..., Waited]) -> None:
    chief, other = pod("c", index="0", terminated={"exitCode": 0}), pod("o", index="1", running={})
    chosen = waiting._chief([other, chief])  # pyright: ignore[reportPrivateUsage] - the fake has one log for all pods
    assert chosen is chief


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        (
            [failed("BackoffLimitExceeded", pod(terminated={"exitCode": 4, "message": "x\nerror: no GPU to see\n"}))],
            r"^no GPU to see \(exit code 4\)$",
        ),
        ([failed("DeadlineExceeded")], r"not done within 600 s: raise the deadline"),
        (
            [
                failed(
                    "BackoffLimitExceeded",
                    pod(terminated={"exitCode": 143, "finishedAt": "1", "message": "error: stopped"}),
                    pod(terminated={"exitCode": 137, "finishedAt": "2", "message": "error: out of memory"}),
                )
            ],
            "out of memory",
        ),
        (
            [failed("x", pod(terminated={"exitCode": 1, "message": "python3: No module named training.published"}))],
            r"the image train@sha256:1 was built before it could reproduce .*\n.*--image",
        ),
        ([failed("PodFailurePolicy")], "failed: PodFailurePolicy"),
        (
            [{"pods": [], "events": [{"message": 'Error creating: pods "x" is forbidden: exceeded quota: quota'}]}],
            r'^train has no room for the Job digits-v7-reproduce: pods "x" is forbidden: exceeded quota: quota$',
        ),
        ([{"pods": [pod(unplaced="0/3 nodes are available")]}], r"^no node took .* within 300 s: 0/3 nodes are"),
    ],
)
def test_a_job_that_cannot_go_on_ends_with_the_cluster_s_reason(
    waited: Callable[..., Waited], steps: list[Tree], said: str
) -> None:
    with pytest.raises(CommandError, match=said):
        waited(*steps)


def test_an_image_that_cannot_be_had_is_an_error_of_its_own(waited: Callable[..., Waited]) -> None:
    with pytest.raises(ImageError, match="the image train@sha256:1 cannot be had: not found"):
        waited({"pods": [pod(waiting={"reason": "ImagePullBackOff", "message": "not found"})]})


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[httpx.Request], httpx.Response]], ApiServer]:
    """An API server whose every answer a function gives."""
    monkeypatch.setattr(api.time, "sleep", at_once)
    client = httpx.Client

    def by(handler: Callable[[httpx.Request], httpx.Response]) -> ApiServer:
        def made(**options: Any) -> httpx.Client:
            transport = httpx.MockTransport(handler)
            return client(base_url=options["base_url"], headers=options["headers"], transport=transport)

        monkeypatch.setattr(httpx, "Client", made)
        return ApiServer(ACCESS, FakeCluster().enter)

    return by


Served = Callable[[Callable[[httpx.Request], httpx.Response]], ApiServer]


def test_a_log_in_that_ran_out_is_renewed(served: Served) -> None:
    seen: list[str] = []

    def once(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["Authorization"])
        return httpx.Response(401 if len(seen) == 1 else 200, json={"items": []})

    assert served(once).list("Job", "train") == []
    assert seen == ["Bearer 1", "Bearer 2"]


def test_a_server_that_is_away_for_a_moment_ends_nothing(served: Served) -> None:
    good = httpx.Response(200, json={"items": [{}]})
    answers = iter([good, httpx.ConnectError("refused"), httpx.Response(503), good])

    def answer(_request: httpx.Request) -> httpx.Response:
        now = next(answers)
        if isinstance(now, Exception):
            raise now
        return now

    server = served(answer)
    assert [server.list("Job", "train") for _ in range(2)] == [[{}], [{}]]


def test_a_server_that_never_answered_is_not_waited_for(served: Served) -> None:
    asked: list[str] = []

    def refuse(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        raise httpx.ConnectError("Connection refused")

    with pytest.raises(
        CommandError, match=r"context prod of .* cannot be asked: Connection refused\n    is the cluster"
    ):
        served(refuse).list("Job", "train")
    assert len(asked) == 1


def test_what_may_not_be_made_is_refused_in_the_server_s_words(served: Served) -> None:
    server = served(lambda _: httpx.Response(403, json={"message": 'jobs is forbidden: User "bob" cannot create'}))
    with pytest.raises(CommandError, match=r'^the cluster refused it: jobs is forbidden: User "bob" cannot create$'):
        server.create(JOB)


@pytest.mark.parametrize(
    "answer", [httpx.Response(404, json={}), httpx.Response(200, json={**JOB, "metadata": {"uid": "v"}})]
)
def test_a_job_that_somebody_else_deleted_is_not_waited_for(served: Served, answer: httpx.Response) -> None:
    job = {**JOB, "metadata": {**JOB["metadata"], "uid": "u"}}
    with pytest.raises(CommandError, match="somebody deleted the Job digits-v7-reproduce in train"):
        wait(served(lambda _: answer), job, line=print, state=print)


def test_a_job_that_stays_is_said_to_and_how_to_look(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count(step=10)
    monkeypatch.setattr(waiting.time, "monotonic", lambda: next(clock))
    job = {**JOB, "metadata": {**JOB["metadata"], "uid": "u"}}
    with pytest.raises(CommandError, match="still there after 60 s\n    kubectl -n train get pods"):
        remove(served(lambda _: httpx.Response(200, json=job)), job)
