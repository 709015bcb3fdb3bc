"""`make down` leaves nothing of ours on the machine, whatever happened before."""

import os
import signal
import subprocess
import time
from pathlib import Path

from local import paths
from tests.e2e.platform import Platform, make


def processes() -> set[str]:
    """Command lines that name the checkout's installation or a cached tool, this test's own ancestors aside."""
    found: set[str] = set()
    ours = (str(paths.LOCAL), str(paths.CACHE))
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if any(path in line for path in ours):
                found.add(line)
    return found


def run(*command: str) -> set[str]:
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines())


def footprint() -> dict[str, set[str]]:
    """What could be left behind."""
    return {
        "processes": processes(),
        "mounts": {line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()},
        "links": {line.split()[0] for line in run("ip", "-brief", "link")},
        "rules": run("nft", "list", "tables"),
        "network namespaces": run("ip", "netns", "list"),
        "ports": {line.split()[3] for line in run("ss", "-Hltn")},
        "cgroups": {str(path) for path in Path("/sys/fs/cgroup").glob("*/tfk8s*")},
        "forwarding": {Path("/proc/sys/net/ipv4/ip_forward").read_text()},
    }


def left(before: dict[str, set[str]]) -> dict[str, set[str]]:
    """What is there now and was not before, by kind. What others took away meanwhile is none of ours."""
    return {kind: found - before[kind] for kind, found in footprint().items() if found - before[kind]}


def kill_midway() -> None:
    """SIGKILL to `make up` and to everything it has started, while the cluster is coming up."""
    up = subprocess.Popen(
        ["make", "up"], cwd=paths.ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    deadline = time.monotonic() + 120
    while not any("kubelet" in line for line in processes()):
        assert time.monotonic() < deadline
        assert up.poll() is None, "make up ended before the kubelet started"
        time.sleep(0.2)
    time.sleep(2)
    os.killpg(up.pid, signal.SIGKILL)
    up.wait()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_text(errors="replace")
                if str(paths.LOCAL) in line or str(paths.CACHE) in line:
                    os.kill(int(entry.name), signal.SIGKILL)
            except OSError:
                continue


def test_down_leaves_nothing(platform: Platform) -> None:
    assert make("down").status == 0
    before = footprint()
    assert platform.up().status == 0
    assert left(before)
    assert make("down").status == 0
    assert left(before) == {}


def test_down_leaves_nothing_after_everything_was_killed_midway_and_up_works_again(platform: Platform) -> None:
    assert make("down").status == 0
    before = footprint()
    kill_midway()
    assert make("down").status == 0
    assert left(before) == {}
    assert platform.up().status == 0
