"""`make status`: what the embedded cluster and the stack on it are doing."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import cast

from rich.console import Console
from rich.table import Table

from contract.progress import Progress, progress_path, read
from contract.run import DEFINITION_ANNOTATION
from local import paths
from local.cluster import credentials, lifecycle
from local.cluster.api import Object, connect
from local.progress import LocalError

_MIB = 2**20
_SELECTOR = {"labelSelector": "app.kubernetes.io/part-of=tfk8s"}


def show(console: Console) -> None:
    """Prints the cluster's processes, the runs and the models.

    Raises:
        LocalError: Nothing runs.
    """
    rows = lifecycle.status()
    if not rows:
        raise LocalError("the embedded cluster does not run. `make up` starts it.")
    processes = Table("process", "state", "memory", "since", title="cluster", title_justify="left")
    for row in rows:
        processes.add_row(row.name, row.state, f"{row.memory // _MIB} MiB", f"{row.seconds} s" if row.seconds else "")
    processes.add_section()
    processes.add_row("together", "", f"{sum(row.memory for row in rows) // _MIB} MiB", "")
    console.print(processes)
    with connect(credentials.ADMIN) as client:

        def items(path: str) -> Iterable[Object]:
            answer = client.get(path, params=_SELECTOR)
            answer.raise_for_status()
            return cast("list[Object]", answer.json()["items"])

        queued = client.get("/apis/kueue.x-k8s.io/v1beta2/workloads")
        waiting = queue_reasons(queued.json()["items"]) if queued.is_success else {}
        jobs = items("/apis/batch/v1/jobs")
        console.print(_runs(jobs, container_restarts(items("/api/v1/pods"))))
        for line in queue_lines(jobs, waiting):
            console.print(line, markup=False, highlight=False)
        console.print(_models(items("/apis/apps/v1/deployments")))


def _runs(jobs: Iterable[Object], restarted: Mapping[tuple[str, str], int]) -> Table:
    table = Table(
        "tenant",
        "run",
        "state",
        "epoch",
        "loss",
        "left",
        "restarts",
        "failed pods",
        title="training",
        title_justify="left",
    )
    for job in jobs:
        ended = _ended(job)
        state = f"{ended['type']} {ended.get('reason', '')}".strip() if ended else "running"
        if _is_queued(job):
            state = "queued"
        run = _name(job)
        shown = course(_progress(job), restarted.get(run, 0), running=ended is None)
        table.add_row(*run, state, *shown, str(job["status"].get("failed", 0)))
    return table


def _ended(job: Object) -> Object | None:
    """The condition by which it has ended."""
    conditions = [one for one in job["status"].get("conditions", []) if one["status"] == "True"]
    return next((one for one in conditions if one["type"] in {"Complete", "Failed"}), None)


def _is_queued(job: Object) -> bool:
    return _ended(job) is None and bool(job["spec"].get("suspend"))


def course(progress: Progress | None, containers: int, *, running: bool) -> tuple[str, str, str, str]:
    """How far a run is, in the words of the table: epoch, loss, time left, restarts.

    Args:
        progress: What the run last wrote; None where it has written nothing yet.
        containers: How often Kubernetes started a container of it again.
        running: Whether it still runs; one that has ended has no time left.
    """
    if progress is None:
        return "", "", "", str(containers)
    loss = f"{progress.history[-1].loss:.4f}" if progress.history else ""
    seconds = progress.seconds_left if running and progress.phase == "training" else None
    left = "" if seconds is None else str(timedelta(seconds=round(seconds)))
    # The run counts every new start of it, but cannot count those that ended before it could write.
    return f"{progress.epoch}/{progress.epochs}", loss, left, str(max(progress.restarts, containers))


def queue_reasons(workloads: Iterable[Object]) -> dict[str, str]:
    """Why Jobs are not admitted, by their uid, in Kueue's words."""
    return {
        workload["metadata"].get("labels", {}).get("kueue.x-k8s.io/job-uid", ""): condition["message"]
        for workload in workloads
        for condition in workload.get("status", {}).get("conditions", [])
        if condition["type"] == "QuotaReserved" and condition["status"] == "False"
    }


def queue_lines(jobs: Iterable[Object], waiting: Mapping[str, str]) -> Iterator[str]:
    """What is too long for the table: why each queued run waits, `waiting` by its uid."""
    for job in jobs:
        if _is_queued(job):
            reason = waiting.get(job["metadata"]["uid"], "its queue has not looked at it yet")
            yield f"{_name(job)[1]} is queued: {reason}"


def container_restarts(pods: Iterable[Object]) -> dict[tuple[str, str], int]:
    """The most restarts that a container of a Job's present pods has had, by namespace and name of the Job."""
    restarted: dict[tuple[str, str], int] = {}
    for pod in pods:
        job = pod["metadata"].get("labels", {}).get("batch.kubernetes.io/job-name")
        if job is None:
            continue
        statuses = cast("list[Object]", pod["status"].get("containerStatuses", []))
        run = (cast("str", pod["metadata"]["namespace"]), cast("str", job))
        restarted[run] = max(restarted.get(run, 0), *(int(one["restartCount"]) for one in statuses), 0)
    return restarted


def _progress(job: Object) -> Progress | None:
    """What the run wrote; nothing where an earlier attempt with other words did, or nobody yet."""
    metadata = job["metadata"]
    labels, annotations = (cast("Mapping[str, str]", metadata.get(key, {})) for key in ("labels", "annotations"))
    model, version = labels.get("app.kubernetes.io/name"), labels.get("app.kubernetes.io/version", "")
    found = read(progress_path(paths.STORE, model, int(version))) if model and version.isdigit() else None
    return found if found is not None and found.definition == annotations.get(DEFINITION_ANNOTATION) else None


def _models(deployments: Iterable[Object]) -> Table:
    table = Table("tenant", "version", "ready", "wanted", title="serving", title_justify="left")
    for deployment in deployments:
        status = deployment["status"]
        table.add_row(*_name(deployment), str(status.get("readyReplicas", 0)), str(deployment["spec"]["replicas"]))
    return table


def _name(obj: Object) -> tuple[str, str]:
    return obj["metadata"]["namespace"], obj["metadata"]["name"]
