"""A trace of jobs on the embedded cluster: the program's own objects and Jobs, Kueue, a scheduler, pretend nodes."""

import copy
import json
import subprocess
import threading
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from ruamel.yaml import YAML

from local import paths, tools
from local.cluster import credentials
from local.cluster.api import connect
from local.progress import to_stdout
from ops.recording import record
from tests.bench import pretend
from tests.bench.jobs import SIZES, TENANTS, Job
from tests.bench.simulation import Placement
from tests.e2e.manifests import Kinds
from tests.unit.words import sound

MEAN_RUN = 44.0
"""Seconds that stand for the mean run; fewer bring more Jobs a second than the Job controller has requests for."""
SCHEDULER_PORT = 20294
KINDS = {
    "Namespace", "ResourceQuota", "LimitRange", "ServiceAccount", "ResourceFlavor", "ClusterQueue", "LocalQueue",
}  # fmt: skip
"""What a queued Job meets; pretend nodes have neither network nor volumes."""
_POOL = "tfk8s.dev/pool"
"""Label of nodes."""
_YAML: Any = YAML(typ="safe", pure=True)


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A pool of its own in the cluster: nodes, flavor, cohort, namespaces."""

    gpus: int
    pooled: bool
    placement: Placement

    @property
    def name(self) -> str:
        return f"{'pooled' if self.pooled else 'static'}-{self.gpus}-{self.placement}"

    @property
    def node_labels(self) -> list[Mapping[str, str]]:
        return [{_POOL: self.name}] * (self.gpus // pretend.GPUS)

    def words(self) -> dict[str, object]:
        """The stack: four tenants with the same share of one pool, and for each a job of every size."""
        share, room = self.gpus // len(TENANTS), {"cpu": 10_000, "memory": "10000Gi"}
        borrowing: Mapping[str, int] = {} if self.pooled else {"borrowingLimit": 0}
        names = {tenant: f"{self.name}-{tenant}" for tenant in TENANTS}
        return {
            **sound(),
            "gpu": {"mode": "pretend"},
            "models": {},
            "tenants": {
                name: {"queue": "gpus", "quota": {"requests": {**room, "gpu": self.gpus}, "limits": room}}
                for name in names.values()
            },
            "gpuPool": {
                "cohort": self.name,
                "flavor": {"name": self.name, "nodeLabels": {_POOL: self.name}},
                "tenants": {name: {"gpu": share, **borrowing} for name in names.values()},
            },
            "trainingJobs": {
                f"{tenant}-{size}": {
                    "tenant": name,
                    "version": 1,
                    "gpus": size,
                    "resources": {"cpu": 8 * size, "memory": f"{64 * size}Gi"},
                }
                for tenant, name in names.items()
                for size in SIZES
                if size <= share
            },
        }


@dataclass(kw_only=True)
class Replay:
    """What was seen of one job: moments by this machine's clock."""

    job: Job
    created: float = 0.0
    admitted: float = 0.0
    """When its last pod was made."""

    bound: float = 0.0
    """When its last pod got a node; 0 while it has none."""

    nodeless: float = 0.0
    """Seconds that its pods had no node."""

    pods: int = 0

    @property
    def wait(self) -> float:
        """In mean runs. What a stopped run had done is lost here, so all until its last start is waiting."""
        return (self.bound - self.created) / MEAN_RUN


@dataclass(kw_only=True)
class Stage:
    """A setting in the cluster, with the Jobs of the program that its trace repeats."""

    setting: Setting
    manifests: list[Any]
    jobs: Mapping[str, Any]
    """By tenant and size, as the program names them."""

    seen: dict[str, Replay] = field(default_factory=dict[str, Replay])
    """By name of the Job."""


def stage(setting: Setting) -> Stage:
    """What the program makes of the setting."""
    objects = [resource.inputs for resource in record(setting.words()).objects()]
    return Stage(
        setting=setting,
        manifests=[one for one in objects if one["kind"] in KINDS],
        jobs={one["metadata"]["name"].removesuffix("-v1"): one for one in objects if one["kind"] == "Job"},
    )


def manifest(stage: Stage, job: Job) -> dict[str, Any]:
    """The program's Job of this tenant and size, named after the trace's and as long as that."""
    made = copy.deepcopy(stage.jobs[f"{job.tenant}-{job.gpus}"])
    seconds = max(1, round(job.duration * MEAN_RUN))
    template = pretend.on_pretend_nodes(made["spec"]["template"], {pretend.RUNS: str(seconds)})
    [container] = template["spec"]["containers"]
    template["spec"] |= {
        "schedulerName": stage.setting.placement,
        "terminationGracePeriodSeconds": 1,
        "volumes": [],
        "containers": [{**container, "volumeMounts": []}],
    }
    made["metadata"]["name"] = f"{stage.setting.name}-{job.number}"
    made["spec"]["template"] = template
    return made


@contextmanager
def schedulers(directory: Path) -> Generator[None]:
    """A scheduler that packs pods with GPUs and one that spreads them, by the `schedulerName` of the pods.

    A pod that finds no node is tried again within a second, since here seconds stand for minutes.
    """
    binary, user = tools.kubernetes(to_stdout) / "kube-scheduler", credentials.kubeconfig_file("kube-scheduler")
    resources = [{"name": "nvidia.com/gpu", "weight": 1}]
    profiles = [
        {
            "schedulerName": name,
            "pluginConfig": [
                {"name": "NodeResourcesFit", "args": {"scoringStrategy": {"type": kind, "resources": resources}}}
            ],
            "plugins": {"score": {"disabled": [{"name": "*"}], "enabled": [{"name": "NodeResourcesFit"}]}},
        }
        for name, kind in (("packed", "MostAllocated"), ("spread", "LeastAllocated"))
    ]
    configuration = {
        "apiVersion": "kubescheduler.config.k8s.io/v1",
        "kind": "KubeSchedulerConfiguration",
        "clientConnection": {"kubeconfig": str(user)},
        "leaderElection": {"leaderElect": False},
        "podMaxBackoffSeconds": 1,
        "profiles": profiles,
    }
    _YAML.dump(configuration, directory / "scheduler.yaml")
    command = [
        str(binary), f"--config={directory / 'scheduler.yaml'}", f"--secure-port={SCHEDULER_PORT}",
        f"--bind-address={paths.LOOPBACK}", f"--cert-dir={directory}",
        f"--authentication-kubeconfig={user}", f"--authorization-kubeconfig={user}",
    ]  # fmt: skip
    with (directory / "scheduler.log").open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)


def replay(stages: Sequence[Stage], traces: Sequence[Sequence[Job]], most_seconds: float) -> list[str]:
    """Plays all traces at once, and notes in the stages what is seen.

    Returns:
        Jobs that do not run when the time is up; one that has not started waits until then.
    """
    due = sorted(
        ((job.arrival * MEAN_RUN, stage, job) for stage, trace in zip(stages, traces, strict=True) for job in trace),
        key=lambda one: one[0],
    )
    for _, stage, job in due:
        stage.seen[f"{stage.setting.name}-{job.number}"] = Replay(job=job)
    stopped = threading.Event()
    threading.Thread(target=_watch, args=(stages, stopped), daemon=True).start()
    started = time.monotonic()
    with connect(credentials.ADMIN) as client:
        kinds = Kinds(client)
        for when, stage, job in due:
            time.sleep(max(0.0, started + when - time.monotonic()))
            made = manifest(stage, job)
            stage.seen[made["metadata"]["name"]].created = time.monotonic()
            client.post(kinds.collection(made), json=made, timeout=60).raise_for_status()
    seen = {name: one for stage in stages for name, one in stage.seen.items()}
    # Once all run or have run, nothing is left for which one could be stopped.
    while not all(one.bound for one in seen.values()) and time.monotonic() < started + most_seconds:
        time.sleep(1)
    stopped.set()
    left = [name for name, one in seen.items() if not one.bound]
    for name in left:
        seen[name].bound = time.monotonic()
    return left


def _watch(stages: Sequence[Stage], stopped: threading.Event) -> None:
    """Follows all pods of training until told to stop, or until the cluster goes after that."""
    try:
        _follow(stages, stopped)
    except httpx.TransportError:
        if not stopped.is_set():
            raise


def _follow(stages: Sequence[Stage], stopped: threading.Event) -> None:
    """Takes the time whenever a pod is made, bound or stopped."""
    jobs = {name: one for stage in stages for name, one in stage.seen.items()}
    pods = dict[str, str]()
    query = {"watch": "true", "labelSelector": "app.kubernetes.io/component=training"}
    with (
        connect(credentials.ADMIN) as client,
        client.stream("GET", "/api/v1/pods", params=query, timeout=None) as lines,
    ):
        for line in lines.iter_lines():
            now, event = time.monotonic(), json.loads(line)
            pod = event["object"]
            one, uid = jobs[pod["metadata"]["labels"]["batch.kubernetes.io/job-name"]], pod["metadata"]["uid"]
            if uid not in pods:
                pods[uid] = "made"
                one.admitted, one.pods = now, one.pods + 1
            if pods[uid] == "made" and "nodeName" in pod["spec"]:
                pods[uid] = "bound"
                one.bound = now
                one.nodeless += now - one.admitted
            if pods[uid] != "stopped" and "deletionTimestamp" in pod["metadata"]:
                pods[uid] = "stopped"
                one.bound = 0.0
            if stopped.is_set():
                return
