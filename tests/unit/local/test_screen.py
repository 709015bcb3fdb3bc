"""What a person without a terminal reads."""

import io

import pytest
from rich.console import Console

from local.progress import LocalError
from local.screen import Screen


@pytest.fixture
def printed() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def screen(printed: io.StringIO) -> Screen:
    return Screen(Console(file=printed, width=200))


def test_a_step_ends_with_a_line_and_what_it_did_last(screen: Screen, printed: io.StringIO) -> None:
    with screen.shown(), screen.step("images") as progress:
        progress("pushing")
        progress("pushed")
    assert printed.getvalue().splitlines()[-1].endswith("images    done in 0 s: pushed")


def test_lines_that_come_fast_are_not_all_shown(screen: Screen, printed: io.StringIO) -> None:
    with screen.step("tools") as progress:
        for count in range(100):
            progress(f"{count} packages compiled")
    assert 1 < len(printed.getvalue().splitlines()) < 5


def test_a_failed_step_does_not_say_that_it_is_done(screen: Screen, printed: io.StringIO) -> None:
    def fail() -> None:
        with screen.step("cluster"):
            raise LocalError("no")

    with pytest.raises(LocalError):
        fail()
    assert "done" not in printed.getvalue()
