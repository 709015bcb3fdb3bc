"""Talking to the process supervisor, and what is said of processes that do not come up."""

from pathlib import Path
from typing import Any

import pytest

from local.cluster import readiness, supervisor
from local.cluster.program import Program
from local.progress import LocalError


class FakeSupervisor:
    """Answers like supervisord and records what it is asked."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.reload: list[list[str]] = [[], [], []]
        self.states: dict[str, str] = {}

    def __call__(self, method: str, *arguments: object) -> object:
        self.calls.append(" ".join([method, *map(str, arguments)]))
        answers: dict[str, Any] = {
            "reloadConfig": [self.reload],
            "getAllProcessInfo": [
                {"name": name, "statename": state, "pid": 0, "now": 9, "start": 0}
                for name, state in self.states.items()
            ],
        }
        return answers.get(method, True)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeSupervisor:
    one = FakeSupervisor()
    monkeypatch.setattr(supervisor, "_call", one)
    monkeypatch.setattr(supervisor, "PROGRAMS", tmp_path / "programs.conf")
    monkeypatch.setattr(supervisor, "LOGS", tmp_path)
    return one


def test_new_processes_start_changed_ones_restart_and_others_end(fake: FakeSupervisor) -> None:
    fake.reload = [["new"], ["changed"], ["old"]]
    supervisor.run([Program(name="new", command=["new"])])
    assert fake.calls[1:] == [
        "stopProcessGroup changed",
        "removeProcessGroup changed",
        "stopProcessGroup old",
        "removeProcessGroup old",
        "addProcessGroup new",
        "addProcessGroup changed",
    ]
    assert "[program:new]" in supervisor.PROGRAMS.read_text()


def test_only_processes_that_were_given_up_are_started_again(fake: FakeSupervisor) -> None:
    fake.states = {"etcd": "FATAL", "kubelet": "BACKOFF", "agent": "RUNNING"}
    supervisor.restart_failed()
    assert [call for call in fake.calls if call.startswith("start")] == ["startProcess etcd False"]


def test_process_that_starts_does_not_run_yet(fake: FakeSupervisor) -> None:
    fake.states = {"a": "STARTING", "b": "RUNNING"}
    assert (supervisor.runs("a"), supervisor.runs("b"), supervisor.runs("c")) == (False, True, False)


def test_given_up_process_is_an_error_with_the_end_of_its_log(fake: FakeSupervisor, tmp_path: Path) -> None:
    fake.states = {"etcd": "FATAL", "agent": "FATAL"}
    (tmp_path / "etcd.log").write_text("".join(f"line {number}\n" for number in range(40)))
    with pytest.raises(LocalError) as caught:
        supervisor.require_running(["etcd"])
    text = str(caught.value)
    assert text.startswith("etcd does not run (FATAL):")
    assert "line 39" in text
    assert "line 20\n" not in text
    assert str(tmp_path / "etcd.log") in text


def test_log_that_is_not_there_is_named_all_the_same(fake: FakeSupervisor, tmp_path: Path) -> None:
    assert supervisor.tail("etcd") == f"The whole log: {tmp_path / 'etcd.log'}"


def nobody_answers(_: str) -> bool:
    return False


def somebody_answers(_: str) -> bool:
    return True


def test_waiting_ends_as_soon_as_a_needed_process_is_given_up(
    fake: FakeSupervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.states = {"registry": "FATAL"}
    monkeypatch.setattr(readiness, "_answers", nobody_answers)
    with pytest.raises(LocalError, match="registry does not run"):
        readiness.wait_registry(print)


def test_registry_of_somebody_else_is_not_taken_for_ours(fake: FakeSupervisor, monkeypatch: pytest.MonkeyPatch) -> None:
    fake.states = {"registry": "BACKOFF"}
    monkeypatch.setattr(readiness, "_answers", somebody_answers)
    monkeypatch.setattr(readiness, "_REGISTRY_SECONDS", 0.0)
    with pytest.raises(LocalError, match="the image registry was not ready within 0 s"):
        readiness.wait_registry(print)
