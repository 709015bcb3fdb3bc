"""What a file of benchmarks runs on: the embedded cluster without a stack, or the platform as `make up` leaves it."""

from collections.abc import Generator

import pytest

from local import processes
from local.cluster import lifecycle
from local.progress import to_stdout
from tests.e2e.platform import Platform, make


@pytest.fixture(scope="module")
def cluster() -> Generator[None]:
    """Started for the benchmarks, and removed after them unless it ran before."""
    # What a killed benchmark leaves behind goes with `make down`.
    processes.mark_children()
    ran = bool(lifecycle.status())
    lifecycle.start(to_stdout)
    yield
    if not ran:
        assert make("down").status == 0


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Generator[Platform]:
    """Brought up from nothing, and removed."""
    assert make("down").status == 0
    platform = Platform(tmp_path_factory.mktemp("overrides"))
    assert platform.up().status == 0
    yield platform
    assert make("down").status == 0
