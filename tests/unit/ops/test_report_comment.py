"""The comment of a pull request: what it says, that nothing breaks out of it, and that GitHub takes it."""

import functools
import re
from typing import Any, Final, cast

import pytest
from markdown_it import MarkdownIt

from infra.checks import examine
from infra.plan import Plan
from ops.compatibility import Schema
from ops.difference.plan import plan_between
from ops.difference.step import FieldChange, Step
from ops.reporting.change import Change, ContractChange, contract_change, cost_lines
from ops.reporting.escape import code, fenced, plain
from ops.reporting.facts import Source
from ops.reporting.markdown import LIMIT, comment
from tests.unit.recorder import Recorder, committed_platform, record_program
from tests.unit.words import TODAY, Words, changed, sound, stack

SOURCE: Final = Source(stack="prod", file="Pulumi.prod.yaml", commit="3f5d909", overrides=None)
MODELS: Final[Schema] = {"type": "object"}
BAD: Final = "a`b|c<script>*d*[e](https://example.org)\n# f @root #1 <!-- tfk8s:prod --> ```"


@functools.cache
def larger() -> Recorder:
    """Prod with a new version and more room, run once."""
    words = cast("Any", stack("prod"))
    words["models"]["digits"]["tracks"]["stable"]["version"] = 2
    words["tenants"]["ml-serving"]["quota"]["requests"]["cpu"] = 60
    return record_program("prod", changes={"models": words["models"], "tenants": words["tenants"]})


def promise(version: int = 1, required: tuple[str, ...] = ("models",), **fields: Schema) -> Schema:
    properties = {"contract_version": {"const": version}, "models": MODELS, **fields}
    return {"properties": properties, "required": list(required)}


def plan(words: Words) -> Plan:
    return examine(words, TODAY).plan


def change(
    steps: tuple[Step, ...] = (), before: Plan | None = None, unknown: str = "", contract: ContractChange | None = None
) -> Change:
    return Change(base="main", plan_before=before, steps=steps, unknown=unknown, contract=contract)


def said(words: Words, against: Change | None = None, preview: str | None = None) -> str:
    return comment(SOURCE, examine(words, TODAY), against, preview)


def step(name: str, *, effects: tuple[str, ...] = (), value: str = "v") -> Step:
    changed_field = FieldChange(path="spec.x", before=value, after=f"{value}2", replaces=False)
    return Step(
        op="update", urn=f"urn:{name}", type="v1:Service", name=name, kind="Service", object_name=name, namespace="ml",
        fields=(changed_field,), effects=effects,
    )  # fmt: skip


def test_a_comment_starts_with_the_marker_by_which_it_is_found_again() -> None:
    assert said(sound()).startswith("<!-- tfk8s:prod -->\n\n## prod fits")


def test_a_pull_request_on_prod_is_told_what_changes() -> None:
    steps = plan_between(committed_platform("prod"), larger())
    text = said(stack("prod"), change(steps, plan(stack("prod"))))
    assert "Deployment ml-serving/digits-v2" in text
    assert 'spec.hard["requests.cpu"]: 46 => 60' in text
    assert "| worst month | 15,065.61 USD | 15,065.61 USD | **±0** |" in text
    assert "75.3 % of the budget of 20,000.00 USD" in text


def test_the_same_stack_gives_the_same_comment() -> None:
    steps = plan_between(committed_platform("prod"), larger())
    against = change(steps, plan(stack("prod")))
    assert said(stack("prod"), against) == said(stack("prod"), against)


def test_errors_come_first_and_in_full() -> None:
    text = said(changed(("images.serving.ref", "tensorflow/serving:2.20.0"), ("tenants.serve.quota.pods", 2)))
    assert "## prod cannot work: 1 error, 1 warning" in text
    assert text.index("**error** <code>tfk8s:tenants.serve.quota.pods</code> (quota)") < text.index("**warning**")
    assert "→ raise the quota to 5" in text


def test_a_stack_that_cannot_work_has_no_diff_and_says_why() -> None:
    assert "the stack cannot work as it is here" in said(sound(), change(unknown="the stack cannot work as it is here"))


def test_data_loss_and_downtime_stand_out() -> None:
    effects = ("data loss: the volume goes with its files", "rollout: its pods are replaced")
    text = said(sound(), change((step("digits", effects=effects),)))
    assert "- ⚠️ **data loss** <code>Service ml/digits</code>: the volume goes with its files" in text
    assert "**rollout**" not in text


def test_costs_are_compared_with_those_before() -> None:
    lines = list(cost_lines(plan(sound()), plan(changed(("models.digits.autoscaling.maxReplicas", 6)))))
    assert [line.name for line in lines][3:] == ["digits at its maximum, per hour"]
    assert all(line.change.startswith("+") for line in lines[1:])
    assert lines[0].change == "±0"


def test_models_and_runs_that_come_and_go_are_named() -> None:
    without = changed(("models", {}), ("trainingJobs.digits.version", 4))
    lines = {line.name: line.change for line in cost_lines(plan(sound()), plan(without))}
    assert lines["digits at its maximum, per hour"] == "gone"
    assert (lines["run digits-v3 until its deadline, once"], lines["run digits-v4 until its deadline, once"]) == (
        "gone", "new",
    )  # fmt: skip


def test_a_new_stack_has_costs_and_none_before() -> None:
    assert "| worst month | - |" in said(sound(), change())


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (promise(required=()), "⚠️ **breaks readers**"),
        (promise(extra={"type": "string"}), "new: <code>extra</code>"),
        (promise(version=2), "contract version 1 → 2"),
    ],
)
def test_a_change_of_the_contract_is_told(after: Schema, expected: str) -> None:
    assert expected in said(sound(), change(contract=contract_change(promise(), after)))


def test_a_contract_that_stays_is_not_mentioned() -> None:
    assert "promised" not in said(sound(), change(contract=contract_change(promise(), promise())))


def test_words_of_a_stack_file_cannot_break_out() -> None:
    words = changed((f"models.digits.{BAD}", 1), ("gpu.mode", BAD), ("trainingJobs.digits.dataVersion", 7))
    text = said(words, change((step(BAD, value=BAD, effects=(f"downtime: {BAD}",)),), unknown=""), preview=BAD)
    outside = re.sub(r"^(````+)\n.*?^\1$", "", text, flags=re.DOTALL | re.MULTILINE)
    assert "```" not in outside
    assert "<script" not in outside
    assert "](" not in outside
    assert "@root" not in re.sub(r"<code>.*?</code>", "", outside)
    assert outside.count("<!--") == 1
    assert not re.search(r"^# f", outside, flags=re.MULTILINE)


def test_a_reader_of_markdown_finds_no_tag_that_is_not_ours() -> None:
    nasty = changed((f"models.digits.{BAD}", 1), ("gpu.mode", BAD), ("trainingJobs.digits.dataVersion", 7))
    found = contract_change(promise(), promise(version=2, required=("models", BAD)))
    against = change((step(BAD, value=BAD, effects=(f"downtime: {BAD}",)),), contract=found)
    source = Source(stack="prod", file=BAD, commit=BAD, overrides=BAD)
    text = comment(source, examine(nasty, TODAY), against, preview=BAD)
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    assert set(re.findall(r"<(\w+)", html)) <= {
        "h2", "h3", "p", "code", "table", "thead", "tbody", "tr", "th", "td", "strong", "ul", "li", "br", "details",
        "summary", "pre", "sub",
    }  # fmt: skip
    assert len(re.findall(r"<h[123]>", html)) == 6
    assert html.count("<tr>") == 4


def test_a_pipe_cannot_open_a_cell() -> None:
    assert "|" not in plain("a | b")
    assert "|" not in code("a | b\nc")
    assert "\n" not in plain("a\nb")


def test_nobody_is_called_by_a_comment_and_digests_stay_as_they_are() -> None:
    assert "@root" not in plain("@root")
    assert "@sha256:" in plain("serving:2@sha256:abc")


def test_a_fence_is_longer_than_any_within() -> None:
    assert fenced("a\n````\nb").startswith("`````\n")
    assert fenced("\x1b[31mred\x1b[0m") == "```\nred\n```"


def test_github_takes_the_largest_comment() -> None:
    steps = tuple(step(f"s{index}", value="x" * 90, effects=("downtime: for a while",)) for index in range(2000))
    text = said(sound(), change(steps), preview="line of a preview\n" * 9000)
    assert len(text) <= LIMIT
    assert len(text) > LIMIT * 0.9
    assert re.search(r"\d+ of 2000 resources are left out", text)
    assert text.count("<details>") == text.count("</details>") == 2
    assert "Its beginning is left out" in text


def test_many_findings_are_cut_with_their_number() -> None:
    text = said(changed(*((f"models.digits.key{index}", 1) for index in range(300))))
    assert len(text) <= LIMIT
    assert re.search(r"- \d+ more; `tfk8s check` lists all", text)


def test_a_preview_that_said_nothing_is_not_silent() -> None:
    assert "It did not run, or said nothing" in said(sound(), preview="\n")
    assert "pulumi preview" not in said(sound())
