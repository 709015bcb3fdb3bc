"""The platform whose model is asked while it changes: its stack file, and what befalls it."""

import copy
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

from local import paths
from local.cluster import credentials
from local.cluster.api import connect
from tests.e2e.platform import Platform, until, words
from tests.evidence.report import Event

DEPLOYMENTS = "/apis/apps/v1/namespaces/ml/deployments"
PODS = "/api/v1/namespaces/ml/pods"
SETTLE_SECONDS = 180
MEMORY = ("512Mi", "520Mi")
"""Two sizes of a server, of which either changes its pods."""


def served(
    stable: int, canary: int | None = None, *, weight: int = 0, replicas: int = 2, memory: str = MEMORY[0]
) -> Any:
    """The local stack with its model behind the gateway, so many servers of each version, and room for them."""
    config = words()
    config["tfk8s:trainingJobs"] = {}
    tracks: dict[str, Any] = {"stable": {"version": stable, "weight": 100 - weight}}
    if canary is not None:
        tracks["canary"] = {"version": canary, "weight": weight}
    model = config["tfk8s:models"]["digits"]
    model["tracks"] = tracks
    model["resources"]["memory"] = memory
    gateway = {"className": paths.GATEWAY_CLASS, "port": paths.GATEWAY_PORT, "fromNamespaces": ["ml"]}
    model["expose"] = {"gateway": gateway}
    model["autoscaling"] = {"minReplicas": replicas, "maxReplicas": replicas}
    config["tfk8s:tenants"]["ml"]["quota"]["limits"] = {"cpu": 24, "memory": "24Gi"}
    config["tfk8s:tenants"]["ml"]["quota"]["requests"] |= {"cpu": 8, "memory": "16Gi"}
    return config


class Served:
    """The platform as it stands, and the events that befall it."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self.events: list[Event] = []

    def up(self, config: Any, pods: int) -> None:
        """Bring it to this stack, and wait until just so many servers are there."""
        done = self._platform.up(config)
        assert done.status == 0, done.text
        self.settle(pods)

    def settle(self, pods: int) -> None:
        """Wait until just so many servers are there, each Ready, and none is leaving."""

        def settled() -> bool:
            found = self._servers()
            return len(found) == pods and all(map(_is_ready, found))

        until(f"{pods} servers", SETTLE_SECONDS, settled)

    def names(self) -> list[str]:
        """All servers."""
        return [pod["metadata"]["name"] for pod in self._servers()]

    @contextmanager
    def event(self, kind: str) -> Generator[None]:
        """Take the time of what happens in the block."""
        begun = time.time()
        yield
        time.sleep(1)
        self.events.append(Event(kind=kind, begun=begun, ended=time.time()))

    def evict(self, pod: str) -> None:
        """As a drain does."""
        eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": "ml"}}
        self._platform.post(f"{PODS}/{pod}/eviction", eviction).raise_for_status()
        until("it leaves", SETTLE_SECONDS, lambda: pod not in self.names())

    def again(self, config: Any) -> Mapping[str, int]:
        """What another `up` with this stack does, by word."""
        return self._platform.up(config).stack_changes()

    def deployment(self, name: str) -> Any:
        """The Deployment as the API server has it."""
        return self._platform.get(f"{DEPLOYMENTS}/{name}")

    def replace(self, name: str, spec: Any) -> None:
        """Give the Deployment another spec, behind the program's back and whatever became of its status meanwhile."""
        made = self.deployment(name)
        del made["metadata"]["resourceVersion"]
        with connect(credentials.ADMIN) as client:
            client.put(f"{DEPLOYMENTS}/{name}", json={**made, "spec": spec}).raise_for_status()

    def restart(self, name: str) -> None:
        """As `kubectl rollout restart` does."""
        spec = copy.deepcopy(self.deployment(name)["spec"])
        spec["template"]["metadata"].setdefault("annotations", {})["restarted"] = str(time.time())
        self.replace(name, spec)
        time.sleep(2)

    def _servers(self) -> list[Any]:
        return self._platform.get(PODS, labelSelector="app.kubernetes.io/component=serving")["items"]


def _is_ready(pod: Any) -> bool:
    conditions = {one["type"]: one["status"] for one in pod["status"].get("conditions", [])}
    return conditions.get("Ready") == "True" and "deletionTimestamp" not in pod["metadata"]
