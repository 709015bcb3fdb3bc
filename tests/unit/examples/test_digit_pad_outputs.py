"""The page follows the outputs file, and starts only with one that it can use."""

from pathlib import Path

import pytest
from digit_pad.__main__ import main
from digit_pad.outputs import NoModelError, OutputsFile

from tests.unit.examples.stand_in import URL, outputs


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "outputs.json"
    path.write_text(outputs())
    return path


def test_the_only_model_is_taken(file: Path) -> None:
    served = OutputsFile(file).served()
    assert (served.name, served.version, served.predict_url) == ("digits", 1, URL)


def test_a_new_version_is_found_without_a_restart(file: Path) -> None:
    read = OutputsFile(file)
    file.write_text(outputs(version=12))
    assert read.served().version == 12


@pytest.mark.parametrize("text", ["", '{"contract_version": 1', '{"contract_version": 99}'])
def test_a_file_that_cannot_be_used_changes_nothing_until_it_can(file: Path, text: str) -> None:
    read = OutputsFile(file)
    file.write_text(text)
    assert read.served().version == 1
    file.write_text(outputs(version=3))
    assert read.served().version == 3


def test_a_file_that_is_gone_changes_nothing(file: Path) -> None:
    read = OutputsFile(file)
    file.unlink()
    assert read.served().version == 1


def test_one_of_several_models_must_be_chosen(file: Path) -> None:
    file.write_text(outputs(letters=5))
    with pytest.raises(NoModelError, match="which model is not said: it serves digits, letters"):
        OutputsFile(file)
    assert OutputsFile(file, "letters").served().version == 5


def test_an_unknown_model_is_told_the_known_ones(file: Path) -> None:
    with pytest.raises(NoModelError, match="no model 'cats': it serves digits"):
        OutputsFile(file, "cats")


def test_a_missing_file_ends_the_start_with_how_to_write_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--outputs", str(tmp_path / "none.json")]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: cannot read")
    assert "pulumi stack output --json" in error


def test_outputs_of_another_contract_end_the_start(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text('{"contract_version": 99}')
    assert main(["--outputs", str(file)]) == 1
    assert "99" in capsys.readouterr().err
