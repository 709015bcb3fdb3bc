from infra.checks import CHECKS
from ops.checks_reference import TARGET, example, reference


def test_the_committed_page_is_fresh() -> None:
    assert TARGET.read_text(encoding="utf-8") == reference(), "run `python -m ops.checks_reference`"


def test_every_check_has_a_row_with_what_it_really_says() -> None:
    rows = [line for line in reference().splitlines() if line.startswith("| `")]
    for check, row in zip(CHECKS, rows, strict=False):
        assert row.startswith(f"| `{check.id}` | {' or '.join(check.severities)} | {check.proves} | `tfk8s:")
        assert example(check)[0].message.replace("|", "\\|") in row
