"""What docs/training-image.md promises to whoever brings an image of their own."""

import re
from pathlib import Path

import pytest

from contract import sweep
from contract.exits import Exit
from contract.fetch import FetchEnvironment
from contract.run import GANG_VARIABLES, VARIABLES

_DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGE = (_DOCS / "training-image.md").read_text()
FAILURES = (_DOCS / "training-failures.md").read_text()
SWEEP = PAGE.partition("## Environment of a trial")[2].partition("\n## ")[0]


@pytest.mark.parametrize("variable", [*VARIABLES, *GANG_VARIABLES])
def test_every_variable_of_a_run_is_documented(variable: str) -> None:
    assert f"| `{variable}` |" in PAGE


@pytest.mark.parametrize("variable", sweep.VARIABLES)
def test_every_variable_of_a_trial_is_documented(variable: str) -> None:
    assert f"| `{variable}` |" in SWEEP


def test_every_variable_of_the_check_is_documented() -> None:
    wanted = FetchEnvironment(
        model="digits",
        version=1,
        directory="/models",
        url="https://example.org/a.tar",
        sha256="0" * 64,
        needs_warmup=False,
    )
    for variable in wanted.to_env():
        assert f"`{variable}`" in PAGE


@pytest.mark.parametrize("page", [PAGE, FAILURES], ids=["image", "failures"])
def test_exit_codes_are_documented_as_they_are(page: str) -> None:
    documented = dict(re.findall(r"^\| (\d+) \| ([A-Z_]+) \|", page, re.MULTILINE))
    assert documented == {str(code.value): code.name for code in Exit}
