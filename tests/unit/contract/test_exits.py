"""How a container ends: the code, and one line as the last of its log."""

import signal
import subprocess
import sys
import time
from pathlib import Path

from contract.exits import MESSAGE_BYTES, Exit, leave_message

ROOT = Path(__file__).parents[3]


def run(code: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=20, check=False
    )


def test_an_error_is_one_last_line_and_the_code() -> None:
    result = run("from contract.exits import *; say('step'); end(Exit.STORE, 'disk\\n  full')")
    assert (result.returncode, result.stdout, result.stderr) == (Exit.STORE, "step\n", "error: disk full\n")


def test_success_says_nothing_more() -> None:
    result = run("from contract.exits import *; end(Exit.OK)")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_sigterm_cleans_up_and_ends_at_once(tmp_path: Path) -> None:
    leftover = tmp_path / "half-written"
    code = (
        "import sys, time; from pathlib import Path; from contract.exits import on_termination\n"
        f"leftover = Path({str(leftover)!r}); on_termination('the copy', leftover.unlink)\n"
        "leftover.touch(); print('ready', flush=True); time.sleep(20)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "ready\n"
        start = time.monotonic()
        process.send_signal(signal.SIGTERM)
        last_line = process.stderr.read()
        assert process.wait(10) == Exit.TERMINATED
    assert time.monotonic() - start < 5
    assert last_line.startswith("error: the copy was stopped by SIGTERM")
    assert not leftover.exists()


def test_a_message_is_left_for_the_pods_status_where_there_is_one(tmp_path: Path) -> None:
    file = tmp_path / "termination-log"
    assert leave_message("found", file)
    assert not file.exists()
    file.touch()
    assert leave_message("x" * MESSAGE_BYTES, file)
    assert file.stat().st_size == MESSAGE_BYTES


def test_a_message_of_which_only_a_part_would_be_kept_is_not_left(tmp_path: Path) -> None:
    file = tmp_path / "termination-log"
    file.touch()
    assert not leave_message("ü" * (MESSAGE_BYTES // 2 + 1), file)
    assert not file.read_text()
