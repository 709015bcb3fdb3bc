"""What is read of the revision that a comment compares with; git is played."""

import json
import subprocess
from collections.abc import Mapping

import pytest

from infra.checks import examine
from ops.outputs import schema
from ops.problem import CommandError
from ops.reporting.change import SCHEMA, Change, change_since
from ops.stackfile import ROOT
from tests.unit.words import TODAY, changed

PROD = (ROOT / "Pulumi.prod.yaml").read_text(encoding="utf-8")
COMMIT = {"main^{commit}": "3f5d909"}
BROKEN = changed(("models.digits.autoscaling.maxReplicas", 99))


def since(monkeypatch: pytest.MonkeyPatch, known: Mapping[str, str], stack: str = "prod") -> Change:
    """Compares a stack that cannot work, which needs no program at the other revision."""

    def git(arguments: list[str], **_: object) -> subprocess.CompletedProcess[bytes]:
        said = known.get(arguments[-1])
        return subprocess.CompletedProcess(arguments, 1 if said is None else 0, (said or "").encode())

    monkeypatch.setattr("ops.reporting.change.subprocess.run", git)
    return change_since("main", stack=stack, words=BROKEN, examined=examine(BROKEN, TODAY), environment={}, day=TODAY)


def test_prices_before_are_those_of_the_stack_file_there(monkeypatch: pytest.MonkeyPatch) -> None:
    dearer = PROD.replace("maxReplicas: 20", "maxReplicas: 10")
    plans = [since(monkeypatch, {**COMMIT, "main:Pulumi.prod.yaml": text}).plan_before for text in (PROD, dearer)]
    assert [str(plan.price_per_hour_max) for plan in plans if plan] == ["20.6034 USD", "10.3017 USD"]


@pytest.mark.parametrize("text", ["config: [", "config: {}\n", "config:\n  tfk8s:cluster: 7\n"])
def test_a_stack_file_that_cannot_be_read_there_has_no_prices(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    assert since(monkeypatch, {**COMMIT, "main:Pulumi.prod.yaml": text}).plan_before is None


def test_a_stack_that_was_not_there_has_no_prices(monkeypatch: pytest.MonkeyPatch) -> None:
    assert since(monkeypatch, COMMIT).plan_before is None


def test_the_promise_there_is_compared_with_the_one_of_this_program(monkeypatch: pytest.MonkeyPatch) -> None:
    assert since(monkeypatch, COMMIT).contract is None
    assert since(monkeypatch, {**COMMIT, f"main:{SCHEMA}": "{"}).contract is None
    same = since(monkeypatch, {**COMMIT, f"main:{SCHEMA}": json.dumps(schema())}).contract
    assert same is not None
    assert (same.broken, same.added) == ((), ())


def test_a_stack_that_cannot_work_is_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    found = since(monkeypatch, COMMIT)
    assert (found.steps, found.unknown) == ((), "the stack cannot work as it is here")


def test_a_revision_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CommandError, match="no revision main here"):
        since(monkeypatch, {})
