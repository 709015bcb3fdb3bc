"""Whether this machine can run the embedded cluster, said within seconds and all at once."""

import ipaddress
import os
import platform
import shutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from local import packages, paths, probes, tools
from local.cluster import footprint
from local.progress import LocalError, Progress, to_stdout

GIB = 1024**3
TOOLS_BYTES = 10 * GIB
"""Free space that building the Go tools takes: modules, build cache and the tools themselves."""
IMAGES_BYTES = 6 * GIB
"""Free space that the images take, in the builder, in the registry and unpacked for running."""
RUN_BYTES = 2 * GIB
"""Free space for the cluster itself, its logs, a few models and a rebuilt training image."""
MEMORY_BYTES = 6 * GIB
"""Cluster 1.5, training and two servers 2, compilers and image builds 2."""

PORTS = {
    "the API server": paths.API_PORT,
    "etcd": paths.ETCD_PORT,
    "etcd's peers": paths.ETCD_PEER_PORT,
    "the image registry": paths.REGISTRY_PORT,
    "the kubelet": paths.KUBELET_PORT,
    "the kubelet's health": paths.KUBELET_HEALTH_PORT,
    "the controller manager": paths.CONTROLLER_MANAGER_PORT,
    "the scheduler": paths.SCHEDULER_PORT,
    "kube-proxy's metrics": paths.PROXY_METRICS_PORT,
    "kube-proxy's health": paths.PROXY_HEALTH_PORT,
    "CoreDNS's health": paths.DNS_HEALTH_PORT,
    "containerd's streams": paths.CONTAINERD_STREAM_PORT,
    "the gateway": paths.GATEWAY_PORT,
    "the gateway's health": paths.GATEWAY_HEALTH_PORT,
}
"""TCP ports on 127.0.0.1, by what the cluster uses them for."""

OWN_CLUSTER = (
    "Or use a cluster of your own, with none of this: KUBECONFIG=~/.kube/config pulumi up -s dev"
    ' (README, "Your own cluster").'
)


@dataclass(frozen=True)
class Taken:
    """A port that something else listens on."""

    port: int
    use: str
    """What the cluster needs it for."""
    pid: int | None
    command: str


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What matters about a machine."""

    uid: int
    system: str
    machine: str
    missing_packages: Sequence[str] = ()
    can_install: bool = True
    other_installation: Path | None = None
    """A checkout whose cluster has this machine."""
    kernel_lacks: Sequence[str] = ()
    """Features that were tried and do not work."""
    cgroup_failures: Sequence[str] = ()
    """Hierarchies in which no cgroup can be made; one entry `none` if there are no hierarchies."""
    taken: Sequence[Taken] = ()
    overlaps: Sequence[tuple[str, str]] = ()
    """Interfaces whose routes overlap with the cluster's networks, and those routes."""
    free_bytes: dict[str, int] = field(default_factory=dict[str, int])
    """Free space by directory."""
    needed_bytes: int = RUN_BYTES
    memory_bytes: int = MEMORY_BYTES


def require(progress: Progress = to_stdout) -> None:
    """Refuse a machine that cannot run the cluster; install what Debian packages it lacks.

    Raises:
        LocalError: All that is wrong, and what to do about it.
    """
    _refuse(gather())
    if lacking := packages.missing():
        packages.install(lacking, progress)
        _refuse(gather())


def problems(facts: Facts) -> list[str]:
    """What keeps a machine from running the cluster, each with its numbers and what to do."""
    if facts.system != "Linux" or facts.machine != "x86_64":
        return [f"this is {facts.system} on {facts.machine}; the embedded cluster runs on Linux on x86_64 only."]
    if facts.uid != 0:
        return [f"you are not root (user {facts.uid}), which containers, mounts and bridges take. Run: sudo make up"]
    found: list[str] = []
    if facts.missing_packages and not facts.can_install:
        names = ", ".join(facts.missing_packages)
        found.append(f"these are missing, by their names in Debian, and there is no apt-get to install them: {names}.")
    if facts.cgroup_failures:
        found.append(
            f"no cgroup can be made in {', '.join(facts.cgroup_failures)}; inside a container, run it privileged."
        )
    if facts.kernel_lacks:
        found.append(f"these do not work here: {', '.join(facts.kernel_lacks)}. Inside a container, run it privileged.")
    if other := facts.other_installation:
        found.append(footprint.occupied(other))
    else:
        found += [_port_problem(taken) for taken in facts.taken]
    for interface, network in facts.overlaps:
        ours = f"{paths.POD_CIDR} or {paths.SERVICE_CIDR}"
        found.append(f"interface {interface} has a route to {network}, which overlaps with the cluster's {ours}.")
    for directory, free in facts.free_bytes.items():
        if free < facts.needed_bytes:
            need = f"{facts.needed_bytes / GIB:.0f} GiB are needed"
            found.append(f"{free / GIB:.1f} GiB are free for {directory}, and {need}. Free some, or set TFK8S_CACHE.")
    if facts.memory_bytes < MEMORY_BYTES:
        found.append(f"{facts.memory_bytes / GIB:.1f} GiB of memory; {MEMORY_BYTES / GIB:.0f} GiB are needed.")
    return found


def message(found: Iterable[str]) -> str:
    """The problems as one screen."""
    lines = [f"  - {problem}" for problem in found]
    return "\n".join(["this machine cannot run the embedded cluster as it is:", *lines, OWN_CLUSTER])


def gather() -> Facts:
    """Look at this machine; what only root can try is tried only as root."""
    system, machine, uid = platform.system(), platform.machine(), os.geteuid()
    if system != "Linux" or uid != 0:
        return Facts(uid=uid, system=system, machine=machine)
    roots = footprint.cgroup_roots()
    return Facts(
        uid=uid,
        system=system,
        machine=machine,
        missing_packages=[package.name for package in packages.missing()],
        can_install=packages.can_install(),
        other_installation=footprint.other_installation(),
        # A machine without namespaces says so twice.
        kernel_lacks=list(
            dict.fromkeys(
                [
                    *probes.namespaces(paths.CONTAINERD_CACHE),
                    *probes.network(),
                    *probes.devices(),
                    *_controllers(),
                ]
            )
        ),
        cgroup_failures=probes.cgroups(roots) if roots else ["/sys/fs/cgroup (nothing is mounted there)"],
        taken=_taken_ports(),
        overlaps=overlaps(Path("/proc/net/route").read_text()),
        free_bytes=_free_bytes([paths.CACHE, paths.LOCAL]),
        needed_bytes=_needed_bytes(),
        memory_bytes=os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
    )


def overlaps(table: str) -> list[tuple[str, str]]:
    """Routes of others that overlap with the cluster's networks, from the text of /proc/net/route."""
    wanted = [ipaddress.IPv4Network(network) for network in (paths.POD_CIDR, paths.SERVICE_CIDR)]
    others = [(name, route) for name, route in probes.routes(table) if name != paths.BRIDGE]
    return [(name, str(route)) for name, route in others if any(map(route.overlaps, wanted))]


def _controllers() -> list[str]:
    unified = Path("/sys/fs/cgroup/cgroup.controllers")
    lacking = probes.lacking_controllers(unified.read_text()) if unified.exists() else []
    return [f"limits of {name} in cgroups" for name in lacking]


def _needed_bytes() -> int:
    engine = shutil.which("pulumi") is not None or tools.PULUMI.destination().is_dir()
    built = engine and tools.KUBERNETES.destination().is_dir()
    repository = paths.REGISTRY_CACHE / "docker/registry/v2/repositories" / paths.TENSORFLOW_IMAGE.split("/", 1)[1]
    pushed = repository.with_name(repository.name.partition(":")[0]).is_dir()
    return RUN_BYTES + (0 if built else TOOLS_BYTES) + (0 if pushed else IMAGES_BYTES)


def _refuse(facts: Facts) -> None:
    if found := problems(facts):
        raise LocalError(message(found))


def _port_problem(taken: Taken) -> str:
    holder = f"process {taken.pid} ({taken.command})" if taken.pid else "a process that cannot be seen from here"
    return f"port {taken.port}, needed for {taken.use}, is taken by {holder}. End it, then run the command again."


def _taken_ports() -> list[Taken]:
    taken: list[Taken] = []
    for use, port in PORTS.items():
        if not probes.port_free(paths.LOOPBACK, port):
            pid = probes.listener(port)
            if pid is None or not probes.ours(pid):
                taken.append(Taken(port, use, pid, probes.command_line(pid) if pid else ""))
    return taken


def _free_bytes(directories: Sequence[Path]) -> dict[str, int]:
    """Free space for directories that may not exist yet; those on one file system are told once."""
    found: dict[int, tuple[str, int]] = {}
    for directory in directories:
        existing = next(parent for parent in (directory, *directory.parents) if parent.exists())
        found.setdefault(existing.stat().st_dev, (str(directory), shutil.disk_usage(existing).free))
    return dict(found.values())


def main() -> int:
    """`python3 -m local.host`; standard library only, so that `make up` can refuse before it installs anything."""
    try:
        require()
    except LocalError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
