"""The workflows as text: what each job may do, and that no secret meets code that nobody has read."""

import functools
import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

import pytest
from ruamel.yaml import YAML

from ops.reporting.markdown import marker
from ops.stackfile import ROOT

Tree = Any
WORKFLOWS: Final = ROOT / ".github" / "workflows"
NAMES: Final = ("preview", "deploy")
OWN_BRANCH: Final = "github.event.pull_request.head.repo.full_name == github.repository"
PINNED: Final = re.compile(r"uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v[0-9]+\.[0-9]+\.[0-9]+")


def text(name: str) -> str:
    return (WORKFLOWS / f"{name}.yml").read_text(encoding="utf-8")


@functools.cache
def workflow(name: str) -> Tree:
    return YAML(typ="safe", pure=True).load(text(name))  # pyright: ignore[reportUnknownMemberType] - ruamel.yaml is untyped


def jobs(name: str) -> Mapping[str, Tree]:
    return cast("Mapping[str, Tree]", workflow(name)["jobs"])


def steps() -> Iterator[Tree]:
    for name in NAMES:
        for job in jobs(name).values():
            yield from job["steps"]


def with_secrets(name: str) -> dict[str, Tree]:
    return {key: job for key, job in jobs(name).items() if "secrets." in str(job)}


@pytest.mark.parametrize("name", NAMES)
def test_a_workflow_starts_with_no_permission(name: str) -> None:
    assert workflow(name)["permissions"] == {}
    assert all("permissions" in job for job in jobs(name).values())


def test_only_the_job_that_comments_may_write() -> None:
    writing = {
        (name, key): granted
        for name in NAMES
        for key, job in jobs(name).items()
        if (granted := {scope for scope, level in job["permissions"].items() if level == "write"} - {"id-token"})
    }
    assert writing == {("preview", "comment"): {"pull-requests"}}


def test_the_job_that_comments_runs_no_code_of_the_pull_request() -> None:
    job = jobs("preview")["comment"]
    assert "checkout" not in str(job)
    assert "secrets." not in str(job)
    assert "id-token" not in job["permissions"]


def test_forks_meet_neither_secret_nor_writable_token() -> None:
    assert list(workflow("preview")["on"]) == ["pull_request"]
    assert "pull_request_target" not in text("preview") + text("deploy")
    check = jobs("preview")["check"]
    assert "secrets." not in str(check)
    assert check["permissions"] == {"contents": "read"}
    assert all(OWN_BRANCH in jobs("preview")[job]["if"] for job in ("preview", "comment"))


def test_dependabot_counts_as_a_fork() -> None:
    assert all("dependabot[bot]" in jobs("preview")[job]["if"] for job in ("preview", "comment"))


def test_secrets_go_only_to_the_step_that_needs_them() -> None:
    for name in NAMES:
        assert list(with_secrets(name)) == {"preview": ["preview"], "deploy": ["dev", "prod"]}[name]
        for job in with_secrets(name).values():
            assert "secrets." not in str({key: value for key, value in job.items() if key != "steps"})
            having = [step["name"] for step in job["steps"] if "secrets." in str(step)]
            assert having in (["Preview"], ["Update"])


def test_no_script_has_an_expression_pasted_into_it() -> None:
    scripts = [step["run"] for step in steps() if "run" in step]
    assert scripts
    assert not [script for script in scripts if "${{" in script]


@pytest.mark.parametrize("name", NAMES)
def test_every_action_is_pinned_to_a_commit_and_says_its_version(name: str) -> None:
    used = [line.strip().removeprefix("- ") for line in text(name).splitlines() if "uses:" in line]
    assert used
    assert [line for line in used if not PINNED.fullmatch(line)] == []


def test_no_checkout_leaves_a_token_behind() -> None:
    checkouts = [step for step in steps() if "checkout" in step.get("uses", "")]
    assert len(checkouts) == 4
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_the_revision_that_is_compared_with_is_fetched() -> None:
    for job in (job for job in jobs("preview").values() if "--base" in str(job)):
        assert next(step for step in job["steps"] if "checkout" in step.get("uses", ""))["with"]["fetch-depth"] == 2
        assert all("--base 'HEAD^1'" in step["run"] for step in job["steps"] if "--markdown" in step.get("run", ""))


def test_a_stack_is_touched_by_one_job_at_a_time_and_nobody_in_the_queue_is_dropped() -> None:
    groups = {key: job["concurrency"] for name in NAMES for key, job in with_secrets(name).items()}
    assert {key: group["group"] for key, group in groups.items()} == {
        "preview": "tfk8s-${{ matrix.stack }}", "dev": "tfk8s-dev", "prod": "tfk8s-prod",
    }  # fmt: skip
    assert all(group["cancel-in-progress"] is False and group["queue"] == "max" for group in groups.values())


def test_prod_waits_for_dev_and_for_an_approval() -> None:
    deploy = jobs("deploy")
    assert (deploy["approval"]["needs"], deploy["prod"]["needs"]) == ("dev", "approval")
    assert deploy["approval"]["environment"] == "prod-approval"
    assert "concurrency" not in deploy["approval"]
    assert (deploy["dev"]["environment"], deploy["prod"]["environment"]) == ("dev", "prod")


def test_previews_do_not_get_the_credentials_of_deployments() -> None:
    assert jobs("preview")["preview"]["environment"] == "${{ matrix.stack }}-preview"


def test_every_stack_that_is_named_exists() -> None:
    named = set(jobs("preview")["preview"]["strategy"]["matrix"]["stack"])
    assert named == {"dev", "prod"}
    assert all((ROOT / f"Pulumi.{stack}.yaml").is_file() for stack in named)
    assert all(f"for stack in {' '.join(sorted(named))};" in str(jobs("preview")[job]) for job in ("check", "comment"))


def test_the_engine_has_the_version_of_its_sdk() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    sdk = next(pin for pin in project["project"]["dependencies"] if pin.startswith("pulumi=="))
    versions = {step["with"]["pulumi-version"] for step in steps() if "pulumi/actions" in step.get("uses", "")}
    assert versions == {sdk.removeprefix("pulumi==")}


@pytest.mark.parametrize("name", NAMES)
def test_every_job_ends_some_time_and_needs_jobs_that_exist(name: str) -> None:
    for job in jobs(name).values():
        assert job["timeout-minutes"] > 0
        needed = job.get("needs", [])
        assert set([needed] if isinstance(needed, str) else needed) <= set(jobs(name))


def test_the_comment_is_found_by_the_marker_that_the_report_writes() -> None:
    assert marker("$stack") in str(jobs("preview")["comment"])
