"""What a failed Job's hook puts on the screen; what it learns is `test_failure`'s."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pytest

from infra.cluster_identity import without_asking
from infra.components import failure
from infra.failure import Failure
from infra.kubeconfig import Access, ClusterError
from infra.settings.platform import ClusterSettings

CLUSTER = ClusterSettings(context="prod")
ACCESS = Access(file=Path("/config"), context="prod", cluster={}, user={})
ARGS = pulumi.ErrorHookArgs("urn", "ml/a-v1", "a-v1", "Job", failed_operation="create", errors=["newest", "older"])


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []

    def error(text: str) -> None:
        said.append(f"error: {text}")

    def warn(text: str) -> None:
        said.append(f"warning: {text}")

    def unregistered(_name: str, tell: object) -> object:
        return tell

    def access(*_: object) -> Access:
        return ACCESS

    monkeypatch.setattr(failure, "OTHERS_SECONDS", 0.0)
    monkeypatch.setattr(pulumi.log, "error", error)
    monkeypatch.setattr(pulumi.log, "warn", warn)
    monkeypatch.setattr(pulumi, "ErrorHook", unregistered)
    monkeypatch.setattr(failure, "find_access", access)
    return said


def fail(monkeypatch: pytest.MonkeyPatch, known: Callable[[], Failure]) -> bool:
    """Whether the hook asks for a retry."""

    def failure_of(access: Access, namespace: str, name: str, said: str) -> Failure:
        assert (access, namespace, name, said) == (ACCESS, "ml", "a-v1", "newest")
        return known()

    monkeypatch.setattr(failure, "failure_of", failure_of)
    hooks = failure.told(CLUSTER, "ml", "a-v1", "say attempt: 2")
    assert hooks is not None
    assert hooks.on_error is not None
    [tell] = hooks.on_error
    hook: Any = tell
    return asyncio.run(hook(ARGS))


def test_what_nobody_said_yet_is_told_with_what_to_do(screen: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert fail(monkeypatch, lambda: Failure(is_final=True, untold=("no node", "no quota"))) is False
    assert screen == ["error: a-v1: no node\n    no quota\n    say attempt: 2"]


def test_a_job_that_has_not_failed_needs_no_attempt(screen: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert fail(monkeypatch, lambda: Failure(is_final=False, untold=())) is False
    assert screen == []


def test_a_cluster_that_cannot_be_asked_hides_nothing(screen: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def gone() -> Failure:
        raise ClusterError("context", "no answer", "is it up?")

    assert fail(monkeypatch, gone) is False
    [warning] = screen
    assert warning.startswith("warning: a-v1: nobody could be asked why it failed")


@pytest.mark.usefixtures("screen")
def test_nothing_is_asked_where_nothing_is_real() -> None:
    with without_asking():
        assert failure.told(CLUSTER, "ml", "a-v1", "") is None
