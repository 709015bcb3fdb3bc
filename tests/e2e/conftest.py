"""One embedded platform for all end-to-end tests: brought up from nothing, removed at the end."""

from collections.abc import Generator

import pytest

from tests.e2e.platform import Platform, make


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Generator[Platform]:
    assert make("down").status == 0
    yield Platform(tmp_path_factory.mktemp("overrides"))
    assert make("down").status == 0
