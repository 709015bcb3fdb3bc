import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import create_model

from infra.outputs import CONTRACT_VERSION, PlatformOutputs
from ops import outputs
from ops.compatibility import incompatible
from ops.outputs import main, pages, promised, released, schema


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    assert main(tmp_path) == 0
    return tmp_path


def declare(monkeypatch: pytest.MonkeyPatch, **fields: object) -> None:
    make: Any = create_model  # untyped, since here fields are data
    monkeypatch.setattr(outputs, "PlatformOutputs", make("PlatformOutputs", __base__=PlatformOutputs, **fields))


def test_what_is_committed_is_fresh() -> None:
    for file, text in pages().items():
        assert file.read_text(encoding="utf-8") == text, "run `python -m ops.outputs`"


def test_the_contract_keeps_what_its_version_has_promised() -> None:
    assert released().is_file()
    assert incompatible(promised(), schema()) == (), "put it back, or raise CONTRACT_VERSION in infra/outputs.py"


def test_every_version_so_far_has_its_promise_committed() -> None:
    for version in range(1, CONTRACT_VERSION + 1):
        written = json.loads((outputs.DOCS / "outputs" / f"v{version}.schema.json").read_text(encoding="utf-8"))
        assert written["properties"]["contract_version"]["const"] == version


def test_an_incompatible_change_is_not_written(
    docs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {file: file.read_text(encoding="utf-8") for file in docs.rglob("*.*")}
    declare(monkeypatch, models=(list[str], ...))
    assert main(docs) == 1
    assert {file: file.read_text(encoding="utf-8") for file in docs.rglob("*.*")} == before
    said = capsys.readouterr().err
    assert "models: type was object, is array" in said
    assert "raise CONTRACT_VERSION" in said


def test_an_addition_is_promised_from_then_on(
    docs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    declare(monkeypatch, region=(str | None, None))
    assert main(docs) == 0
    assert "promised from now on: region" in capsys.readouterr().out
    monkeypatch.setattr(outputs, "PlatformOutputs", PlatformOutputs)
    assert main(docs) == 1


def test_a_new_version_may_promise_anything_and_leaves_the_old_promise_alone(
    docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = (docs / "outputs" / "v1.schema.json").read_text(encoding="utf-8")
    declare(monkeypatch, models=(list[str], ...))
    monkeypatch.setattr(outputs, "CONTRACT_VERSION", 2)
    assert main(docs) == 0
    assert (docs / "outputs" / "v1.schema.json").read_text(encoding="utf-8") == first
    assert json.loads((docs / "outputs" / "v2.schema.json").read_text(encoding="utf-8"))["properties"]["models"][
        "items"
    ]


def test_the_page_says_every_output_with_its_type_and_meaning() -> None:
    page = pages()[outputs.DOCS / "outputs.md"]
    rows = [line.split(" | ") for line in page.splitlines() if line.startswith("| `")]
    assert all(len(row) == 3 and all(cell.strip(" |") for cell in row) for row in rows)
    assert "| `training.<name>.version` | whole number from 1 | Version of the model it published. |" in page
    assert "| `models.<name>.price_per_hour_min` | string such as `0.0084 USD` |" in page
    assert "| `images.training.base` | string such as `tensorflow/tensorflow:2.20.0-gpu`; may be absent |" in page
