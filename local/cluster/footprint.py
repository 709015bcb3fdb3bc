"""The parts of the cluster that lie outside its own namespaces: made by the first start, undone by stop.

They are the bridge with its routes, kube-proxy's nftables tables, a few kernel settings that kubelet and the bridge
plugin change, the pods' cgroups and some mount points. Everything else dies with the namespaces.
"""

import contextlib
import os
import shlex
import subprocess
import time
from pathlib import Path

from local import paths
from local.cluster import journal
from local.cluster.journal import Journal
from local.processes import kill

STATE_DIR = Path("/var/lib/tfk8s")
"""Holds the mount point of the store and the supervisor's socket (socket paths are limited to 107 bytes)."""
MOUNT_POINTS = (STATE_DIR, paths.STORE_IN_CLUSTER, Path("/var/lib/kubelet"), Path("/var/lib/cni"), Path("/var/log"))
OWNER = STATE_DIR / "installation"
"""Names the installation whose cluster this machine runs."""

_SYSCTLS = (
    "net/ipv4/ip_forward",  # bridge plugin
    "kernel/keys/root_maxbytes",  # kubelet, and the rest of them
    "kernel/keys/root_maxkeys",
    "kernel/panic",
    "kernel/panic_on_oops",
    "vm/overcommit_memory",
    "vm/panic_on_oom",
)
_TABLES = ("ip kube-proxy", "ip6 kube-proxy")
_BRIDGE_MAC = "0a:58:0a:d5:00:01"
"""Fixed, or it would change with the first pod and cut its connections."""
_GONE_SECONDS = 10.0


def create(log: Journal) -> None:
    """Record and make everything that is not there yet."""
    _record(log)
    for directory in map(Path, log.directories):
        directory.mkdir(exist_ok=True)
    STATE_DIR.chmod(0o700)
    OWNER.write_text(f"{paths.LOCAL}\n")
    for root in cgroup_roots():
        _make_cgroup(root)
    if not Path(f"/sys/class/net/{paths.BRIDGE}").exists():
        _ip("link", "add", "name", paths.BRIDGE, "address", _BRIDGE_MAC, "type", "bridge")
    prefix = paths.POD_CIDR.rpartition("/")[2]
    _ip("address", "replace", f"{paths.BRIDGE_ADDRESS}/{prefix}", "dev", paths.BRIDGE)
    _ip("link", "set", paths.BRIDGE, "up")
    # Calls to a ClusterIP need a route to leave by, though they never do: kube-proxy turns them round.
    _ip("route", "replace", paths.SERVICE_CIDR, "dev", paths.BRIDGE)


def remove(log: Journal) -> list[str]:
    """Undo all of it, once no process of the cluster runs any more.

    Returns:
        What could not be removed, in words; empty if all is gone.
    """
    left = [f"cgroup {root}" for root in _remove_cgroups()]
    bridge = Path(f"/sys/class/net/{paths.BRIDGE}")
    if bridge.exists():
        for port in os.listdir(bridge / "brif"):  # noqa: PTH208 (only the names are wanted)
            _ip("link", "delete", port, check=False)
        _ip("link", "delete", paths.BRIDGE, check=False)
        if bridge.exists():
            left.append(f"network link {paths.BRIDGE}")
    for table in log.tables:
        # `add` first: deleting what is not there is an error.
        _run("nft", f"add table {table}; delete table {table}", check=False)
    for name, value in log.sysctls.items():
        with contextlib.suppress(OSError):
            Path("/proc/sys", name).write_text(value)
    if owner() == str(paths.LOCAL):
        for file in (OWNER, STATE_DIR / "supervisor.sock"):
            file.unlink(missing_ok=True)
    for directory in reversed(log.directories):
        with contextlib.suppress(OSError):  # not empty: somebody else uses it now
            Path(directory).rmdir()
    return left


def owner() -> str | None:
    """The `.local` directory of the installation whose parts lie on this machine."""
    try:
        return OWNER.read_text().strip()
    except OSError:
        return None


def other_installation() -> Path | None:
    """The checkout whose cluster has this machine, if it is not ours and is still there to undo what it did."""
    local = owner()
    if local is None or local == str(paths.LOCAL) or not Path(local, journal.FILE.name).exists():
        return None
    return Path(local).parent


def occupied(other: Path) -> str:
    """What to tell somebody whose machine another checkout's cluster has."""
    return f"the cluster of {other} has this machine. Stop it first: make -C {shlex.quote(str(other))} down"


def cgroup_roots() -> list[Path]:
    """Our pods' cgroup in each hierarchy of the machine: one for version 2, one per controller for version 1."""
    mounts = [line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    points = [fields[4] for fields in mounts if fields[fields.index("-") + 1] in {"cgroup", "cgroup2"}]
    return [Path(point) / paths.CGROUP_ROOT.strip("/") for point in points]


def cgroup_processes() -> list[int]:
    """Processes in our pods' cgroups."""
    files = [file for root in cgroup_roots() if root.is_dir() for file in root.rglob("cgroup.procs")]
    found: set[int] = set()
    for file in files:
        with contextlib.suppress(OSError):
            found.update(map(int, file.read_text().split()))
    return sorted(found)


def _record(log: Journal) -> None:
    missing = [str(path) for point in MOUNT_POINTS for path in reversed([point, *point.parents]) if not path.exists()]
    log.directories += [path for path in dict.fromkeys(missing) if path not in log.directories]
    if not log.sysctls:
        existing = [name for name in _SYSCTLS if Path("/proc/sys", name).exists()]
        log.sysctls = {name: Path("/proc/sys", name).read_text().strip() for name in existing}
    if not log.tables:
        there = _run("nft", "list", "tables").splitlines()
        log.tables = [table for table in _TABLES if f"table {table}" not in there]
    log.save()


def weigh(root: Path) -> None:
    """Let all pods together weigh as a node's do beside its own processes: by the processors there are.

    A new group weighs as much as one terminal's session, and the pods would share that. It counts only while others
    want the same processors, and pods have limits of their own.
    """
    processors = os.cpu_count() or 1
    for name, one, most in (("cpu.shares", 1024, 262_144), ("cpu.weight", 100, 10_000)):  # of version 1; of version 2
        if (root / name).exists():
            (root / name).write_text(str(min(one * processors, most)))


def _make_cgroup(root: Path) -> None:
    root.mkdir(exist_ok=True)
    control = root.parent / "cgroup.subtree_control"
    for controller in ("cpu", "cpuset", "io", "memory", "pids", "hugetlb") if control.exists() else ():
        with contextlib.suppress(OSError):  # not on this machine; kubelet says so if it is one it needs
            control.write_text(f"+{controller}")
    weigh(root)


def _remove_cgroups() -> list[Path]:
    roots = cgroup_roots()
    deadline = time.monotonic() + _GONE_SECONDS
    while True:
        kill(cgroup_processes())
        for root in roots:
            for directory in sorted((d for d in root.rglob("*") if d.is_dir()), reverse=True) if root.is_dir() else ():
                with contextlib.suppress(OSError):  # a process is still on its way out: next round
                    directory.rmdir()
            with contextlib.suppress(OSError):
                root.rmdir()
        left = [root for root in roots if root.exists()]
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.05)


def _ip(*arguments: str, check: bool = True) -> None:
    _run("ip", *arguments, check=check)


def _run(*command: str, check: bool = True) -> str:
    return subprocess.run(command, check=check, capture_output=True, text=True).stdout
