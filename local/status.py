"""`make status`: what the embedded cluster and the stack on it are doing."""

from collections.abc import Iterable
from typing import cast

from rich.console import Console
from rich.table import Table

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

        console.print(_runs(items("/apis/batch/v1/jobs")))
        console.print(_models(items("/apis/apps/v1/deployments")))


def _runs(jobs: Iterable[Object]) -> Table:
    table = Table("tenant", "run", "state", "failed pods", title="training", title_justify="left")
    for job in jobs:
        conditions = [one for one in job["status"].get("conditions", []) if one["status"] == "True"]
        ended = next((one for one in conditions if one["type"] in {"Complete", "Failed"}), None)
        state = f"{ended['type']} {ended.get('reason', '')}".strip() if ended else "running"
        table.add_row(*_name(job), state, str(job["status"].get("failed", 0)))
    return table


def _models(deployments: Iterable[Object]) -> Table:
    table = Table("tenant", "version", "ready", "wanted", title="serving", title_justify="left")
    for deployment in deployments:
        status = deployment["status"]
        table.add_row(*_name(deployment), str(status.get("readyReplicas", 0)), str(deployment["spec"]["replicas"]))
    return table


def _name(obj: Object) -> tuple[str, str]:
    return obj["metadata"]["namespace"], obj["metadata"]["name"]
