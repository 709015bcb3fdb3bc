import re

from ops.reference import TARGET, reference


def test_the_committed_reference_is_fresh() -> None:
    page = TARGET.read_text(encoding="utf-8")
    assert page == reference(), "run `python -m ops.reference`"


def test_every_key_has_a_meaning() -> None:
    rows = re.findall(r"^\| `(.+?)` \|.*\| (.*) \|$", reference(), re.MULTILINE)
    assert len(rows) > 80
    assert [key for key, meaning in rows if not meaning] == []


def test_keys_types_defaults_and_meanings_are_said_as_one_writes_them() -> None:
    assert (
        "| `trainingJobs.<name>.backoffLimit` | whole number from 0 | `4` | How often a failed pod is tried again; of "
        "several workers, each. |" in reference()
    )
    assert "| `models.<name>.expose` | keys | `{clusterIP: {fromNamespaces: []}}` |" in reference()
