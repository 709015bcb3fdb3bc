"""Harmless tries of what the cluster will need from the kernel. Whatever they make is gone when they return."""

import contextlib
import errno
import ipaddress
import shutil
import socket
import struct
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

from local import processes

_SECONDS = 4.0

_MOUNTS = """
mount -t tmpfs tfk8s "$1/m" || echo "tmpfs mounts"
umount "$1/m"
mount -t overlay tfk8s -o "lowerdir=$1/l,upperdir=$1/u,workdir=$1/w" "$1/m" || echo "overlay mounts in $2"
"""
_NETWORK = """
ip link add name probe type bridge || echo "network bridges"
ip link add name probe0 type veth peer name probe1 || echo "veth pairs"
nft add table ip probe || echo "nftables"
"""
_LISTEN = "0A"
"""State of a listening socket in /proc/net/tcp (include/net/tcp_states.h)."""


def namespaces(directory: Path) -> list[str]:
    """What cannot be done in new mount and process namespaces.

    Args:
        directory: Where images will be kept; not every file system can hold the layers of containers.
    """
    existing = next(parent for parent in (directory, *directory.parents) if parent.is_dir())
    with tempfile.TemporaryDirectory(prefix=".tfk8s-probe-", dir=existing) as scratch:
        for name in "luwm":
            Path(scratch, name).mkdir()
        flags = ["--mount", "--propagation", "private", "--pid", "--fork", "--mount-proc"]
        return _in_namespaces(flags, _MOUNTS, scratch, str(directory))


def network() -> list[str]:
    """What cannot be done in a new network namespace; nothing if the commands for it are not installed yet."""
    return _in_namespaces(["--net"], _NETWORK) if shutil.which("ip") and shutil.which("nft") else []


def devices() -> list[str]:
    """Device files that the kubelet does not start without and that are not there."""
    return [f"the device {path}" for path in ("/dev/kmsg",) if not Path(path).exists()]


def lacking_controllers(text: str) -> list[str]:
    """Resources that the kubelet must be able to limit and cgroups of version 2 cannot, from `cgroup.controllers`."""
    return [name for name in ("cpu", "cpuset", "memory", "pids") if name not in text.split()]


def cgroups(roots: Iterable[Path]) -> list[str]:
    """Hierarchies in which no cgroup can be made.

    Args:
        roots: The cgroup that the cluster will have in each hierarchy.
    """
    failed: list[str] = []
    for root in roots:
        probe = root.with_name(f"{root.name}-probe")
        try:
            probe.mkdir(exist_ok=True)
            probe.rmdir()
        except OSError as error:
            failed.append(f"{root.parent} ({error.strerror})")
    return failed


def port_free(address: str, port: int) -> bool:
    """Whether a TCP port can be listened on; an address that the machine does not have yet counts as free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            return error.errno != errno.EADDRINUSE
    return True


def listener(port: int) -> int | None:
    """Number of the process that listens on a TCP port."""
    inodes: set[str] = set()
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            inodes |= listening_inodes(Path("/proc/net", table).read_text(), port)
    sockets = {f"socket:[{inode}]" for inode in inodes}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if any(str(handle.readlink()) in sockets for handle in (entry / "fd").iterdir()):
                    return int(entry.name)
    return None


def listening_inodes(table: str, port: int) -> set[str]:
    """Inodes of the sockets that listen on a port, from the text of /proc/net/tcp."""
    rows = [line.split() for line in table.splitlines()[1:]]
    return {row[9] for row in rows if row[3] == _LISTEN and int(row[1].rpartition(":")[2], 16) == port}


def command_line(pid: int) -> str:
    """A process's command line as text, at most 80 characters of it."""
    try:
        text = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        text = ""
    return text[:80]


def ours(pid: int) -> bool:
    """Whether a process belongs to this installation."""
    return pid in set(processes.members(processes.MARK))


def routes(table: str) -> list[tuple[str, ipaddress.IPv4Network]]:
    """Interface and destination of each route, the default one left out, from the text of /proc/net/route."""
    found: list[tuple[str, ipaddress.IPv4Network]] = []
    for line in table.splitlines()[1:]:
        fields = line.split()
        # Addresses stand there as numbers of the machine's own byte order.
        destination, mask = (ipaddress.IPv4Address(struct.pack("=I", int(fields[i], 16))) for i in (1, 7))
        if int(mask):
            found.append((fields[0], ipaddress.IPv4Network(f"{destination}/{mask}", strict=False)))
    return found


def _in_namespaces(flags: list[str], script: str, *arguments: str) -> list[str]:
    command = ["unshare", *flags, "sh", "-c", script, "sh", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except FileNotFoundError:
        return ["namespaces (the command unshare is missing)"]
    except subprocess.TimeoutExpired:
        return [f"namespaces (no answer within {_SECONDS:g} s)"]
    if done.returncode and not done.stdout:
        return [f"namespaces ({done.stderr.strip()[:200]})"]
    return done.stdout.splitlines()
