"""Version states of the serving stand-in: found, loaded, retried, unloaded."""

from pathlib import Path
from typing import NoReturn

import pytest

from local.images.serving.config import ModelConfig
from local.images.serving.status import ServingError
from local.images.serving.versions import LoadPolicy, aspired_versions
from tests.unit.local.images.serving_fakes import FakeModel, served


def refuse(_path: Path) -> NoReturn:
    raise ServingError("NOT_FOUND", "no saved_model.pb")


def versions_on_disk(base: Path, *names: str) -> None:
    for name in names:
        (base / name).mkdir()


def test_only_numbered_directories_are_versions(tmp_path: Path) -> None:
    versions_on_disk(tmp_path, "1", "10", "2", ".tmp-3-x", "latest")
    config = ModelConfig(name="m", base_path=str(tmp_path), latest=2)
    assert sorted(aspired_versions(config)) == [2, 10]


def test_specific_versions_are_served_missing_ones_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    versions_on_disk(tmp_path, "1", "2")
    config = ModelConfig(name="m", base_path=str(tmp_path), specific=(1, 5))
    assert list(aspired_versions(config)) == [1]
    assert "Version 5 of servable m" in caplog.text


def test_an_empty_base_path_is_reported_and_waited_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    found = served(tmp_path, versions=())
    assert "No versions of servable digits found under base path" in caplog.text
    assert found.wait_reason() == "waiting for a version of: digits"


def test_a_failed_load_ends_with_its_reason(tmp_path: Path) -> None:
    found = served(tmp_path, load=refuse)
    state = found.states("digits", 1)[1]
    assert (state.state, state.code, state.message) == ("END", "NOT_FOUND", "no saved_model.pb")
    with pytest.raises(ServingError, match=r"1 servable\(s\) did not become available.*no saved_model.pb"):
        found.wait_reason()


def test_a_failed_load_is_tried_again(tmp_path: Path) -> None:
    attempts: list[str] = []

    def load(path: Path) -> FakeModel:
        attempts.append(path.name)
        if len(attempts) < 3:
            refuse(path)
        return FakeModel()

    found = served(tmp_path, load=load, policy=LoadPolicy(max_num_load_retries=2, interval_seconds=0))
    assert (attempts, found.states("digits", 1)[1].state) == (["1", "1", "1"], "AVAILABLE")


def test_a_new_version_is_loaded_and_a_removed_one_unloaded(tmp_path: Path) -> None:
    found = served(tmp_path, versions=(1,))
    (tmp_path / "2").mkdir()
    (tmp_path / "1").rmdir()
    found.reconcile()
    assert [found.states("digits", None)[v].state for v in (1, 2)] == ["END", "AVAILABLE"]
    assert found.servable("digits", None)[0] == 2


def test_the_last_version_stays_until_another_is_there(tmp_path: Path) -> None:
    found = served(tmp_path, versions=(1,))
    (tmp_path / "1").rmdir()
    found.reconcile()
    assert found.servable("digits", None)[0] == 1


def test_labels_need_an_available_version_unless_allowed(tmp_path: Path) -> None:
    assert served(tmp_path, labels={"next": 5}, early_labels=True).version_of_label("digits", "next") == 5
    with pytest.raises(ServingError, match="Unrecognized"):
        served(tmp_path, labels={"next": 5}).version_of_label("digits", "next")
