"""Start, stop and look at the embedded cluster. All of it can be repeated, at any time and after any crash."""

import contextlib
import fcntl
import shutil
import time
from collections.abc import Generator
from dataclasses import dataclass

from local import paths, processes, tools
from local.cluster import (
    adapter,
    control_plane,
    credentials,
    footprint,
    gateway,
    journal,
    namespace,
    node,
    readiness,
    supervisor,
    system,
)
from local.cluster.api import connect
from local.progress import LocalError, Progress, elapsed

_SUPERVISOR_SECONDS = 15.0
_END_SECONDS = 20.0
_LOCK = paths.LOCAL / ".lock"


@dataclass(frozen=True)
class Row:
    """One process of the cluster, for people."""

    name: str
    state: str
    memory: int
    """Resident bytes; 0 when it does not run."""
    seconds: int
    """Since it started."""


def start_registry(progress: Progress) -> None:
    """Run the image registry, and nothing else yet; it needs none of the tools that have to be built.

    Raises:
        LocalError: It does not start.
    """
    with _locked(progress):
        if _enter() and "registry" in {process.name for process in supervisor.processes()}:
            return
        node.write_registry_config()
        supervisor.run([node.registry()])
        readiness.wait_registry(progress)


def start(progress: Progress, *, counted: bool = False) -> None:
    """Bring the cluster up: API server ready, node Ready with its GPUs, DNS and metrics registered, gateway answering.

    A cluster that runs is looked over: what has died is started, what has changed is started again. Missing tools are
    built first.

    Args:
        progress: Gets a line at each step.
        counted: Autoscalers find what Prometheus counts, by the adapter.

    Raises:
        LocalError: Some part of it does not come up; with the last lines of its log.
    """
    binaries, traefik = tools.kubernetes(progress), tools.traefik(progress)
    definitions = tools.gateway_definitions(progress)
    adapters = [tools.prometheus_adapter(progress)] if counted else []
    began = time.monotonic()
    with _locked(progress):
        _enter()
        credentials.ensure()
        node.write_configs()
        adapter.write_config()
        gateway.write_config()
        if not node.config("registry.json").exists():
            node.write_registry_config()
        control = [node.registry(), node.containerd(), control_plane.etcd(), control_plane.api_server(binaries)]
        rest = [
            control_plane.controller_manager(binaries),
            control_plane.scheduler(binaries),
            node.kubelet(binaries),
            node.kube_proxy(binaries),
            node.coredns(binaries),
            node.metrics_server(binaries),
            node.agent(),
            gateway.program(traefik),
            *map(adapter.program, adapters),
        ]
        with connect(credentials.ADMIN) as client:
            # The others end, and are started again later and later, while there is no API server or no role for them.
            if not readiness.api_ready(client):
                supervisor.run(control)
                supervisor.restart_failed()
                readiness.wait_api(client, progress)
            gateway.define(client, definitions, tools.GATEWAY_API.version)
            readiness.apply_all(client, [*system.objects(), *(adapter.objects() if counted else [])], progress)
            supervisor.run([*control, *rest])
            supervisor.restart_failed()
            readiness.wait_registry(progress)
            readiness.wait_node(client, progress)
            readiness.wait_gateway(progress)
            if counted:
                readiness.wait_adapter(client, progress)
            else:
                adapter.withdraw(client)
    progress(f"cluster ready in {elapsed(began)}")


def stop(progress: Progress) -> None:
    """Remove the cluster and all that belongs to it: processes, mounts, network, kernel settings, certificates, data.

    Raises:
        LocalError: Something could not be removed, with its name.
    """
    # Whoever removed `.local` by hand still has a cluster.
    if not paths.LOCAL.exists() and footprint.owner() != str(paths.LOCAL):
        return
    with _locked(progress):
        log = journal.load()
        _end(log, processes.MARK)
        if footprint.other_installation() is None:
            left = footprint.remove(log)
            if left:
                advice = "Run the command again; if it stays, restart the machine."
                raise LocalError(f"could not remove {', '.join(left)}. {advice}")
        shutil.rmtree(paths.CLUSTER, ignore_errors=True)
        paths.KUBECONFIG.unlink(missing_ok=True)
        journal.FILE.unlink(missing_ok=True)


def status() -> list[Row]:
    """The cluster's processes; none if it does not run."""
    holder = journal.load().holder
    if not holder or not holder.alive() or not supervisor.answers():
        return []
    inside = processes.in_child_namespace(holder.pid)
    rows: list[Row] = []
    for process in supervisor.processes():
        memory = processes.resident_bytes(inside.pop(process.pid, 0))
        rows.append(Row(process.name, process.state.lower(), memory, process.seconds))
    rows.append(Row("supervisor and shims", "running", sum(map(processes.resident_bytes, inside.values())), 0))
    pods = footprint.cgroup_processes()
    return [*rows, Row("pods", f"{len(pods)} processes", sum(map(processes.resident_bytes, pods)), 0)]


def _enter() -> bool:
    """Make sure of the namespaces and the supervisor in them; True if they were there."""
    if other := footprint.other_installation():
        raise LocalError(footprint.occupied(other))
    log = journal.load()
    if log.holder and log.holder.alive() and supervisor.answers():
        return True
    _end(log, namespace.MARK)
    footprint.create(log)
    supervisor.write_main_config()
    holder = namespace.enter()
    if holder:
        log.process = [holder.pid, holder.started]
        log.save()
    supervisor.wait_answers(_SUPERVISOR_SECONDS)
    return False


def _end(log: journal.Journal, mark: str) -> None:
    """Kill the process that holds the namespaces, with it all that is inside, and whatever else carries the mark."""
    while doomed := [
        one for one in (log.holder, *map(processes.identify, processes.members(mark))) if one and one.alive()
    ]:
        processes.kill(one.pid for one in doomed)
        if not processes.wait_gone(doomed, _END_SECONDS):
            left = ", ".join(str(one.pid) for one in doomed if one.alive())
            raise LocalError(
                f"processes {left} do not end on SIGKILL. Restart the machine, then run the command again."
            )
        # Once more: one of them may have started another meanwhile.


@contextlib.contextmanager
def _locked(progress: Progress) -> Generator[None]:
    """One start or stop at a time; the lock dies with its process."""
    paths.LOCAL.mkdir(parents=True, exist_ok=True)
    with _LOCK.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("waiting for another start or stop of this cluster")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
