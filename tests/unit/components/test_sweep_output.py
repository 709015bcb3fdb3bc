"""What a sweep found becomes an output: asked of the cluster once its Job is complete, and kept."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pulumi
import pytest

from contract.sweep_result import SweepResult
from infra.cluster_client import LogIn
from infra.cluster_identity import without_asking
from infra.components import sweep_result
from infra.components.sweep_result import kept_result, read_result
from infra.kubeconfig import Access, ClusterError
from infra.settings.platform import ClusterSettings
from ops.recording import run_recorded
from tests.unit.contract.test_sweep_result import DECLARED, RESULT_OF_FOUR
from tests.unit.recorder import Recorder, Tree, record_changed
from tests.unit.words import SWEEP

PLENTY = {"cpu": 90, "memory": "90Gi"}
ROOMY = ("tenants.train.quota", {"requests": {**PLENTY, "gpu": 90}, "limits": PLENTY})
LOG_IN = LogIn(
    server="https://test", headers={"Authorization": "Bearer t"}, verify=True, proxy=None, trust_env=False,
    extensions={},
)  # fmt: skip


def told(kept: str) -> Recorder:
    return record_changed(ROOMY, ("sweeps.rates", SWEEP), kept={"rates-sweep-result": kept})


@functools.cache
def sound_told() -> Recorder:
    return told(RESULT_OF_FOUR.message())


def test_the_best_arguments_and_what_they_are_worth_are_an_output() -> None:
    assert sound_told().outputs["sweeps"]["rates"]["result"] == {
        "metric": "validationAccuracy", "parameters": {"learningRate": 0.004}, "value": 0.99, "declared_value": 0.98,
        "beats_declared": True,
    }  # fmt: skip
    assert not sound_told().warnings


def test_declared_arguments_whose_trial_failed_have_no_value() -> None:
    found = told(replace(RESULT_OF_FOUR, declared=None).message()).outputs["sweeps"]["rates"]["result"]
    assert "declared_value" not in found
    assert found["beats_declared"] is False


def test_it_is_kept_once_read_and_read_again_for_another_job() -> None:
    stash = sound_told().one("pulumi:index:Stash", "rates-sweep-result")
    assert stash.ignore_changes == ("input",)
    job = sound_told().one("batch/v1:Job", "rates-sweep")
    assert sound_told().waits_for(stash, job)


def test_a_result_that_nobody_could_read_is_no_output_and_says_why() -> None:
    platform = told("no pod in namespace train tells it")
    assert "result" not in platform.outputs["sweeps"]["rates"]
    [said] = platform.warnings
    assert "rates-sweep is complete, but what it found was not read" in said
    assert "no pod in namespace train tells it" in said
    assert "`attempt`" in said


def test_kubeconfigs_are_those_that_the_body_of_the_program_sees(
    cluster: ClusterSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str | None] = []

    def reading(_cluster: ClusterSettings, environment: Mapping[str, str], *, namespace: str, job_uid: str) -> str:
        seen.append(environment.get("KUBECONFIG"))
        return f"{namespace} {job_uid}"

    def body() -> None:
        monkeypatch.setenv("KUBECONFIG", "/the/engine's")
        uid = pulumi.Output.from_input("u-1")
        kept_result("rates-sweep", cluster=cluster, namespace="train", job_uid=uid, opts=pulumi.ResourceOptions())
        monkeypatch.setenv("KUBECONFIG", "/somebody/else's")

    monkeypatch.setattr(sweep_result, "read_result", reading)
    recorded = run_recorded(body, words={})
    assert seen == ["/the/engine's"]
    [stash] = [one for one in recorded.resources if one.type == "pulumi:index:Stash"]
    assert stash.inputs["input"] == "train u-1"


@pytest.fixture
def cluster(tmp_path: Path) -> ClusterSettings:
    file = tmp_path / "config"
    file.write_text(
        '{"contexts": [{"name": "prod", "context": {"cluster": "c"}}],'
        ' "clusters": [{"name": "c", "cluster": {"server": "https://test"}}]}'
    )
    return ClusterSettings(context="prod", kubeconfig=str(file))


Pods = Callable[[httpx.Request], httpx.Response]


@pytest.fixture
def read(cluster: ClusterSettings, monkeypatch: pytest.MonkeyPatch) -> Callable[[Pods], str]:
    """Reads from an API server that a function plays."""

    def reading(answer: Pods) -> str:
        class Client(httpx.Client):
            def __init__(self, **options: Any) -> None:
                super().__init__(
                    base_url=options["base_url"], headers=options["headers"], transport=httpx.MockTransport(answer)
                )

        monkeypatch.setattr(httpx, "Client", Client)
        return read_result(cluster, {}, namespace="train", job_uid="u-1", enter=lambda _: LOG_IN)

    return reading


def pod(*, code: int = 0, message: str = "") -> Tree:
    return {"status": {"containerStatuses": [{"state": {"terminated": {"exitCode": code, "message": message}}}]}}


def pages(*all_pods: Sequence[Tree]) -> Pods:
    """One answer a page, each but the last with the token of the next."""

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/api/v1/namespaces/train/pods"
        asked = request.url.params
        assert asked["labelSelector"] == "batch.kubernetes.io/controller-uid=u-1"
        assert request.headers["Authorization"] == "Bearer t"
        page = int(asked.get("continue", "0"))
        last = page == len(all_pods) - 1
        metadata: Mapping[str, Any] = {} if last else {"continue": str(page + 1)}
        return httpx.Response(200, json={"metadata": metadata, "items": all_pods[page]})

    return answer


def test_the_pod_that_ended_the_sweep_tells(read: Callable[[Pods], str]) -> None:
    running = {"status": {"containerStatuses": [{"state": {"running": {"startedAt": "now"}}}]}}
    said = RESULT_OF_FOUR.message()
    text = read(pages([{"status": {}}, running, pod(code=2, message="error: {"), pod()], [pod(message=said)]))
    assert SweepResult.parse(text).declared == DECLARED


def test_without_such_a_pod_it_says_so(read: Callable[[Pods], str]) -> None:
    assert read(pages([pod(), pod(code=1, message="error")], [])) == "no pod in namespace train tells it"


def test_who_may_not_list_pods_reads_why(read: Callable[[Pods], str]) -> None:
    assert "403" in read(lambda _: httpx.Response(403, json={"message": "no, bob"}))


def test_a_log_in_that_fails_is_a_reason_and_no_end(cluster: ClusterSettings) -> None:
    def fails(_access: Access) -> LogIn:
        raise ClusterError("context", "the log-in failed", "log in")

    assert read_result(cluster, {}, namespace="train", job_uid="u-1", enter=fails) == "the log-in failed"


def test_offline_nobody_is_asked(cluster: ClusterSettings) -> None:
    def asked(_access: Access) -> LogIn:
        pytest.fail("the cluster was asked")

    with without_asking():
        assert not read_result(cluster, {}, namespace="train", job_uid="u-1", enter=asked)
