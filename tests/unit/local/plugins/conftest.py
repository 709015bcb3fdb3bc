import pytest

from tests.unit.local.plugins.fake_api import FakeApi


@pytest.fixture
def api() -> FakeApi:
    return FakeApi()
