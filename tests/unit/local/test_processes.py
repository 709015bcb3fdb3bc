"""Who belongs to an installation."""

import os
import subprocess
import sys
import time

import pytest

from local import paths, processes
from local.processes import Identity, identify, kill, members, resident_bytes, wait_gone

SLEEP = [sys.executable, "-c", "import time; print(flush=True); time.sleep(60)"]


def sleeper(**environment: str) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(SLEEP, env={**os.environ, **environment}, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    return process


def test_members_carry_the_mark_of_this_installation_and_no_other() -> None:
    ours, others = sleeper(TEST_MARK=str(paths.LOCAL)), sleeper(TEST_MARK="/elsewhere/.local")
    try:
        assert list(members("TEST_MARK")) == [ours.pid]
    finally:
        for process in (ours, others):
            process.kill()
            process.communicate()


def test_process_that_asks_and_its_ancestors_are_no_members() -> None:
    code = "from local.processes import members; print(list(members('TEST_MARK')))"
    environment = {**os.environ, "TEST_MARK": str(paths.LOCAL)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_killed_process_is_gone_even_as_a_zombie() -> None:
    process = sleeper()
    identity = identify(process.pid)
    assert identity is not None
    assert identity.alive()
    kill([process.pid])
    assert wait_gone([identity], 5.0)
    process.communicate()


def test_waiting_for_a_process_that_stays_ends() -> None:
    identity = identify(os.getpid())
    assert identity is not None
    began = time.monotonic()
    assert not wait_gone([identity], 0.05)
    assert time.monotonic() - began < 2


def test_later_process_of_the_same_number_is_another_one() -> None:
    identity = identify(os.getpid())
    assert identity is not None
    assert not Identity(identity.pid, identity.started + 1).alive()


def test_process_that_is_gone_has_no_identity_and_no_memory() -> None:
    gone = 2**22 + 1  # above the kernel's limit
    assert identify(gone) is None
    assert resident_bytes(gone) == 0
    kill([gone])


def test_running_process_has_memory() -> None:
    assert resident_bytes(os.getpid()) > 2**20


def test_mark_is_inherited_once_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(processes.MARK, raising=False)
    processes.mark_children()
    assert os.environ[processes.MARK] == str(paths.LOCAL)
    monkeypatch.delenv(processes.MARK)
