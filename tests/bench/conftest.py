"""The embedded cluster without a stack, for benchmarks that need no more, and the platform of the end-to-end tests."""

from collections.abc import Generator

import pytest

from local import processes
from local.cluster import lifecycle
from local.progress import to_stdout
from tests.e2e.conftest import platform
from tests.e2e.platform import make

__all__ = ["cluster", "platform"]


@pytest.fixture(scope="session")
def cluster() -> Generator[None]:
    """Started for the benchmarks, and removed after them unless it ran before."""
    # What a killed benchmark leaves behind goes with `make down`.
    processes.mark_children()
    ran = bool(lifecycle.status())
    lifecycle.start(to_stdout)
    yield
    if not ran:
        assert make("down").status == 0
