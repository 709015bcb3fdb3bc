"""Every check has an id, a sentence, and an example that only it speaks about."""

import re

import pytest

from infra.checks import CHECKS, Check, examine
from infra.checks.example import changed_words, sound_words
from infra.checks.waivers import ID as WAIVER
from ops.stackfile import ROOT
from tests.unit.words import TODAY, sound


def test_the_example_stack_is_sound() -> None:
    assert examine(sound(), TODAY).findings == ()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_an_example_makes_its_check_speak_and_no_other(check: Check) -> None:
    findings = examine(changed_words(sound_words(), *check.example), TODAY).findings
    assert {finding.check for finding in findings} == {check.id}, [finding.text() for finding in findings]
    assert {finding.severity for finding in findings} <= set(check.severities)
    assert findings[0].severity == check.severities[0]


def test_ids_are_unique_and_in_kebab_case() -> None:
    ids = [check.id for check in CHECKS]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", each) for each in ids)


def test_every_id_in_the_code_is_registered() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "infra" / "checks").glob("*.py"))
    said = re.findall(r"\b(?:error|warning|say)\(\s*\"([^\"]+)\"", code)
    assert set(said) == {check.id for check in CHECKS}
    assert WAIVER not in said


def test_every_check_says_in_one_line_what_it_proves() -> None:
    for check in CHECKS:
        assert check.proves.endswith("."), check.id
        assert 20 < len(check.proves) < 120, check.id
