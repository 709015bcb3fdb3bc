"""A model on a full GPU pool, where the stack says `maxSurge: 0`: old pods go first, and callers notice nothing."""

import json
import threading
import time
from collections import Counter
from collections.abc import Generator
from typing import Any

import httpx
import pytest

from contract.store import WARMUP_ROWS
from local import paths
from local.cluster import credentials
from local.cluster.api import connect
from tests.e2e.platform import Platform, idle_container, meanwhile, until, words

REPLICAS = 2
OTHERS = paths.PRETEND_GPUS - REPLICAS
"""Devices that somebody else has: none is free beside the replicas'."""
LARGEST = WARMUP_ROWS
"""Rows of the largest request that the queue of such batches takes: what a warm-up request has."""
PODS = "/api/v1/namespaces/ml/pods"
ELSEWHERE = "/api/v1/namespaces/default/pods"
PREDICT = f"http://{paths.LOOPBACK}:{paths.GATEWAY_PORT}/v1/models/digits:predict"
ROW = [[0.0] * 8] * 8


def served(memory: str, **rollout: int) -> dict[str, Any]:
    """The local stack with two replicas of a device each, batching and gRPC; other memory is another pod."""
    config = words()
    config["tfk8s:trainingJobs"] = {}
    model = config["tfk8s:models"]["digits"]
    model["resources"] |= {"gpu": 1, "memory": memory}
    gateway = {"className": paths.GATEWAY_CLASS, "port": paths.GATEWAY_PORT, "fromNamespaces": ["ml"]}
    model |= {
        "autoscaling": {"minReplicas": REPLICAS, "maxReplicas": REPLICAS},
        "expose": {"gateway": gateway},
        "coldStart": "30s",  # a ready server counts at once, without minReadySeconds
        "requestTimeout": "2s",
        "drain": {"propagation": "2s"},
        "batching": {"maxBatchSize": 4},
        "grpc": {"fromNamespaces": ["ml"], "maxConnectionAge": "1s"},
        "rollout": rollout,
    }
    return config


class Watcher:
    """Looks at the servers all the time, and asks one of them through the gateway."""

    def __init__(self) -> None:
        self.holding, self.ready = list[int](), list[int]()
        """Servers with a device and Ready servers, at each look."""
        self.statuses = Counter[object]()

    def run(self, stop: threading.Event) -> None:
        """Looks until it is told to stop."""
        with connect(credentials.ADMIN) as client:
            while not stop.wait(0.05):
                pods = client.get(PODS).raise_for_status().json()["items"]
                self.holding.append(sum(holds_a_device(pod) for pod in pods))
                self.ready.append(sum(is_ready(pod) for pod in pods))
                self.statuses[ask(1)] += 1


def holds_a_device(pod: Any) -> bool:
    return "nodeName" in pod["spec"] and pod["status"]["phase"] in ("Pending", "Running")


def is_ready(pod: Any) -> bool:
    return any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions", []))


def ask(rows: int) -> object:
    """The status of a request of so many rows, or why there is none."""
    try:
        return httpx.post(PREDICT, content=json.dumps({"instances": [ROW] * rows}), timeout=30).status_code
    except httpx.TransportError as error:
        return repr(error)


@pytest.fixture(scope="module", autouse=True)
def full_pool(platform: Platform) -> Generator[None]:
    """Version 1 is served by two replicas, and no device is free."""
    platform.train(1)
    first = platform.up(served("512Mi", maxSurge=0, maxUnavailable=1))
    assert first.status == 0, first.text
    until("both serve", 60, lambda: len(platform.serving_pods()) == REPLICAS)
    container = idle_container("idle", {"nvidia.com/gpu": str(OTHERS)})
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "others"},
        "spec": {"containers": [container], "automountServiceAccountToken": False},
    }
    platform.post(ELSEWHERE, pod).raise_for_status()
    until("the others run", 60, lambda: platform.get(f"{ELSEWHERE}/others")["status"]["phase"] == "Running")
    yield
    platform.delete(f"{ELSEWHERE}/others")


def test_old_pods_go_first_and_no_request_is_lost(platform: Platform) -> None:
    before = platform.serving_pods()
    watcher = Watcher()
    started = time.monotonic()
    with meanwhile(watcher.run):
        done = platform.up(served("520Mi", maxSurge=0, maxUnavailable=1))
        assert done.status == 0, done.text
        until("both are new", 60, lambda: len(platform.serving_pods()) == REPLICAS)
    print(
        f"rollout of {REPLICAS} on a full pool: {time.monotonic() - started:.0f} s; servers with a device "
        f"{min(watcher.holding)} to {max(watcher.holding)}, Ready at least {min(watcher.ready)}; {watcher.statuses}"
    )
    assert not before.keys() & platform.serving_pods().keys()
    assert max(watcher.holding) == REPLICAS, "as many as there are devices"
    assert min(watcher.ready) == REPLICAS - 1, "the dip that preview shows"
    assert set(watcher.statuses) == {200}
    assert "capacity-dip" in done.text


def test_the_server_takes_the_batching_file_and_the_settings_of_grpc(platform: Platform) -> None:
    assert ask(LARGEST) == 200, "split into batches"
    assert ask(LARGEST + 1) == 400, "more than may wait"
    for name in platform.serving_pods():
        assert "gRPC is not served" in platform.log_of(name)
        [container] = platform.pods()[name]["spec"]["containers"]
        assert (
            "--grpc_channel_arguments=grpc.max_connection_age_ms=1000,grpc.max_connection_age_grace_ms=2000"
            in (container["args"])
        )
