import pytest

from infra.checks import examine
from infra.settings import parse
from tests.unit.words import TODAY, changed


def words(password: object) -> dict[str, object]:
    return changed(("images.registries", {"ghcr.io": {"username": "robot", "password": password}}))


def test_a_password_in_the_clear_is_refused_in_a_file_and_never_shown() -> None:
    [finding] = examine(words("s3cret"), TODAY, as_written=True).findings
    assert (finding.check, finding.severity) == ("secret", "error")
    assert finding.path == "tfk8s:images.registries.ghcr.io.password"
    assert "s3cret" not in finding.text()
    assert "pulumi config set --secret --path 'tfk8s:images.registries[\"ghcr.io\"].password'" in finding.fix


def test_a_sealed_password_passes_in_a_file() -> None:
    assert examine(words({"secure": "v1:abc:def"}), TODAY, as_written=True).findings == ()


def test_from_the_engine_passwords_come_in_the_clear() -> None:
    assert examine(words("s3cret"), TODAY).findings == ()


@pytest.mark.parametrize("password", [{"secure": 5}, {"secured": "x"}, {"secure": "x", "more": "y"}, ["s3cret"], None])
def test_anything_else_is_no_password(password: object) -> None:
    findings = examine(words(password), TODAY, as_written=True).findings
    assert {finding.check for finding in findings} == {"settings"}
    assert all("s3cret" not in finding.text() for finding in findings)


def test_a_number_is_no_password_and_is_not_shown_either() -> None:
    findings = examine(words(12345), TODAY, as_written=True).findings
    assert [finding.check for finding in findings] == ["settings", "secret"]
    assert all("12345" not in finding.text() for finding in findings)


def test_a_user_name_may_be_sealed_too() -> None:
    sealed = {"ghcr.io": {"username": {"secure": "v1:abc"}, "password": {"secure": "v1:def"}}}
    assert parse(changed(("images.registries", sealed))).findings == ()
