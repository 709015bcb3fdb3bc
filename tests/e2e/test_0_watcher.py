"""The first process of a container, over trainings that are shell scripts."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from contract.exits import Exit
from contract.run import RunDefinition, RunEnvironment, alive_probe

ROOT = Path(__file__).parents[2]

WATCH = """
import sys; from pathlib import Path
from contract.run import RunEnvironment
from training import watcher
import os
watcher.TICK_SECONDS = 0.02; watcher.STOPPED_LIMIT_SECONDS = 0.1; watcher.PUBLISHED_GRACE_SECONDS = 0.1
watcher.TERMINATION_SECONDS = 0.2; watcher.FRUITLESS_STARTS = 1
kills = iter(map(int, sys.argv[3:]))
watcher._out_of_memory_kills = lambda: next(kills, None)
command = ["/bin/sh", "-c", sys.argv[1], "sh"]
watcher.watch(RunEnvironment.from_env(os.environ), "training x", command, Path(sys.argv[2]))
"""

COUNT = 'echo x >>"$1.starts"; starts=$(wc -l <"$1.starts"); '


def start(tmp_path: Path, script: str, *, stall_timeout: int = 0, kills: str = "") -> "subprocess.Popen[str]":
    """Watch a script; $1 is the beat file, $starts says which start this is.

    `kills` are the kernel's counts of processes killed for want of memory, as they are read; then it says nothing.
    """
    run = RunEnvironment(
        model="digits",
        version=1,
        definition=RunDefinition(),
        gpu_mode="exclusive",
        image="i",
        store=str(tmp_path),
        stall_timeout=stall_timeout,
    )
    return subprocess.Popen(
        [sys.executable, "-S", "-c", WATCH, COUNT + script, str(tmp_path / "watch"), *kills.split()],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **run.to_env()},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(tmp_path: Path, script: str, *, stall_timeout: int = 0, kills: str = "") -> tuple[int, str, str]:
    with start(tmp_path, script, stall_timeout=stall_timeout, kills=kills) as process:
        out, error = process.communicate(timeout=20)
    return process.returncode, out, error


@pytest.mark.parametrize("code", [0, 2, 3, 5, 70, 143])
def test_the_end_of_the_training_is_the_containers(tmp_path: Path, code: int) -> None:
    assert ended(tmp_path, f"echo said; exit {code}") == (code, "said\n", "")


def test_after_a_lost_worker_the_training_starts_again_at_once(tmp_path: Path) -> None:
    code, out, _ = ended(tmp_path, "[ $starts -gt 3 ] || exit 75; echo done")
    assert code == 0
    assert out.count("a worker was lost: training starts again from its newest checkpoint") == 3
    assert out.endswith("(restart 3)\ndone\n")


def test_a_training_killed_from_outside_starts_again_at_once(tmp_path: Path) -> None:
    script = '[ $starts = 4 ] && exit 0; echo "training $starts" >"$1"; kill -9 $$'
    code, out, _ = ended(tmp_path, script, kills="5 " * 8)
    assert code == 0
    assert out.count("the training was killed: training starts again from its newest checkpoint") == 3


def test_a_training_killed_again_and_again_without_a_step_between_fails_with_its_code(tmp_path: Path) -> None:
    code, out, error = ended(tmp_path, 'echo training 7 >"$1"; kill -9 $$', kills="5 " * 8)
    assert code == 137
    assert out.count("the training was killed: ") == 1
    assert error == "error: training x was killed by SIGKILL from outside 1 times in a row without a step between\n"


def test_a_training_that_ran_out_of_memory_is_not_started_again(tmp_path: Path) -> None:
    code, out, error = ended(tmp_path, "kill -9 $$", kills="5 6")
    assert (code, out) == (137, "")
    assert "was killed by SIGKILL, out of memory: raise the memory of the run's resources" in error


def test_where_the_kernel_does_not_say_why_a_training_was_killed_it_is_not_started_again(tmp_path: Path) -> None:
    assert ended(tmp_path, "kill -9 $$") == (137, "", "error: training x was killed by SIGKILL\n")


def test_a_crash_is_no_kill_from_outside(tmp_path: Path) -> None:
    code, _, error = ended(tmp_path, "kill -SEGV $$", kills="5 5")
    assert (code, error) == (139, "error: training x was killed by SIGSEGV\n")


def test_a_stopped_training_is_killed_and_starts_again(tmp_path: Path) -> None:
    code, out, _ = ended(tmp_path, '[ $starts = 2 ] && exit 0; echo training 7 >"$1"; kill -STOP $$')
    assert code == 0
    assert out.startswith("the training was stopped by a signal after step 7: ")


def test_a_training_without_steps_is_started_again_and_fails_if_that_does_not_help(tmp_path: Path) -> None:
    code, out, error = ended(tmp_path, 'echo training 7 >"$1"; exec sleep 60', stall_timeout=1)
    assert code == Exit.STALLED
    assert out.count("no step for 1 s (stall timeout) while training, after step 7") == 1
    assert error.startswith("error: training x: no step for 1 s")


def test_whoever_waits_for_others_does_not_stall_but_ends_once_the_version_is_there(tmp_path: Path) -> None:
    script = '[ $starts = 2 ] && exit 0; echo waiting 0 >"$1"; exec sleep 60'
    with start(tmp_path, script, stall_timeout=1) as process:
        time.sleep(1.3)
        assert process.poll() is None
        (tmp_path / "digits" / "1").mkdir(parents=True)
        out, _ = process.communicate(timeout=10)
    assert process.returncode == 0
    assert out.startswith("the version was published meanwhile")


def test_a_version_is_written_for_as_long_as_it_takes(tmp_path: Path) -> None:
    assert ended(tmp_path, 'echo publishing 7 >"$1"; sleep 3; echo done', stall_timeout=1) == (0, "done\n", "")


def test_whoever_is_told_to_end_and_loses_a_worker_ends_as_told(tmp_path: Path) -> None:
    with start(tmp_path, "trap 'exit 75' TERM; echo ready; while :; do sleep 0.02; done") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == Exit.TERMINATED


def test_sigterm_reaches_the_training_and_its_own_end_counts(tmp_path: Path) -> None:
    with start(tmp_path, "trap 'echo clean; exit 143' TERM; echo ready; while :; do sleep 0.02; done") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "clean\n"
        assert process.wait(10) == Exit.TERMINATED


def test_a_training_that_cannot_hear_sigterm_is_killed_and_cleaned_up_after(tmp_path: Path) -> None:
    (tmp_path / "digits" / ".tmp-1-half").mkdir(parents=True)
    with start(tmp_path, "trap '' TERM; echo ready; exec sleep 60") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        _, error = process.communicate(timeout=10)
    assert process.returncode == Exit.TERMINATED
    assert error == "error: training x was stopped by SIGTERM; nothing half-written is left behind\n"
    assert list((tmp_path / "digits").iterdir()) == []


def test_the_probe_sees_a_live_watcher_and_an_old_or_missing_file(tmp_path: Path) -> None:
    file = tmp_path / "alive"

    def probe() -> int:
        return subprocess.run(alive_probe(str(file)), check=False, stderr=subprocess.DEVNULL).returncode

    uptime = int(float(Path("/proc/uptime").read_text().split()[0]))
    assert probe() != 0
    file.write_text(f"{uptime - 5}\n")
    assert probe() == 0
    file.write_text(f"{uptime - 30}\n")
    assert probe() != 0
