"""The cluster agrees with the capacity check: what it calls fitting fits, and one pod less of quota is one too few."""

import threading
import time
from collections.abc import Generator, Mapping
from datetime import date
from typing import Any

import pytest

from infra.checks import examine
from infra.checks.run import Examined
from infra.plan import Amounts, shown
from local.cluster import credentials
from local.cluster.api import connect
from tests.e2e.platform import Platform, meanwhile, until, words

REPLICAS = 3
PODS = "/api/v1/namespaces/ml/pods"
QUOTA = "/api/v1/namespaces/ml/resourcequotas/quota"
DEPLOYMENTS = "/apis/apps/v1/namespaces/ml/deployments"
CHANGED: Any = {"requestTimeout": "6s", "tracks": {"stable": {"version": 2}}}
"""Of the model: a word that changes its pods, and the version."""
MERGE = {"Content-Type": "application/merge-patch+json"}


@pytest.fixture(scope="module", autouse=True)
def trained(platform: Platform) -> None:
    """Versions 1 and 2 lie in the store, so that no training pod is part of the sums."""
    platform.train(1, 2)


def at_maximum(pods_short: int = 0, **model: Any) -> dict[str, Any]:
    """The local stack with its model always at the maximum, and just the quota it needs, less so many pods."""
    config = words()
    config["tfk8s:trainingJobs"] = {}
    config["tfk8s:models"]["digits"] |= {"autoscaling": {"minReplicas": REPLICAS, "maxReplicas": REPLICAS}, **model}
    requests, limits = worst(config)
    config["tfk8s:tenants"]["ml"]["quota"] = {
        "requests": {"cpu": str(shown(requests.cpu, "cpu")), "memory": str(shown(requests.memory, "memory"))},
        "limits": {"cpu": str(shown(limits.cpu, "cpu")), "memory": str(shown(limits.memory, "memory"))},
        "pods": requests.pods - pods_short,
    }
    return config


def worst(config: Mapping[str, Any]) -> tuple[Amounts, Amounts]:
    return examined(config).plan.worst("ml")


def examined(config: Mapping[str, Any]) -> Examined:
    ours = {key.removeprefix("tfk8s:"): value for key, value in config.items() if key.startswith("tfk8s:")}
    return examine(ours, date.today())


def refusals(platform: Platform) -> dict[str, int]:
    """How often the quota refused a pod, by event."""
    events = platform.get("/api/v1/namespaces/ml/events")["items"]
    return {one["metadata"]["uid"]: one["count"] for one in events if "exceeded quota" in one["message"]}


class Watcher:
    """Counts the tenant's pods, draining ones included, all the time."""

    def __init__(self) -> None:
        self.most = 0

    def run(self, stop: threading.Event) -> None:
        with connect(credentials.ADMIN) as client:
            while not stop.wait(0.2):
                items = client.get(PODS).raise_for_status().json()["items"]
                self.most = max(self.most, sum(pod["status"]["phase"] in ("Pending", "Running") for pod in items))


@pytest.fixture
def watcher() -> Generator[Watcher]:
    watcher = Watcher()
    with meanwhile(watcher.run):
        yield watcher


def test_a_stack_that_just_fits_reaches_its_maximum_and_changes_there(platform: Platform, watcher: Watcher) -> None:
    fitting = at_maximum()
    assert examined(fitting).valid
    assert platform.up(fitting).status == 0
    until("the autoscaler wants the new minimum", 60, lambda: platform.replicas() == REPLICAS)
    before = refusals(platform)
    servers = platform.serving_pods()
    until("nothing drains", 30, lambda: len(platform.get(PODS)["items"]) == REPLICAS)
    watcher.most = 0

    started = time.monotonic()
    assert platform.up(at_maximum(requestTimeout="6s")).status == 0
    print(f"rollout at the maximum: {time.monotonic() - started:.0f} s, {watcher.most} pods at most")
    assert not servers.keys() & platform.serving_pods().keys()
    assert watcher.most > REPLICAS

    following = at_maximum(**CHANGED)
    assert platform.up(following).status == 0
    until("the autoscaler wants the minimum", 60, lambda: platform.replicas("digits-v2") == REPLICAS)
    assert watcher.most == worst(following)[0].pods, "the worst case, which is the whole quota"
    assert refusals(platform) == before


def test_with_room_for_one_pod_less_the_check_refuses_and_the_cluster_would_have(platform: Platform) -> None:
    full = at_maximum(pods_short=1, **CHANGED)
    pods = worst(full)[0].pods
    (finding,) = (one for one in examined(full).findings if one.severity == "error")
    assert finding.path == "tfk8s:tenants.ml.quota.pods"
    refused = platform.up(full)
    assert refused.status != 0
    assert f"worst case {pods} > quota {pods - 1}" in refused.text

    # Past the check: that quota, and beside the present version the pods of another, as a change of version starts it.
    before = refusals(platform)
    incoming = beside(platform.get(f"{DEPLOYMENTS}/digits-v2"))
    with connect(credentials.ADMIN) as client:
        client.patch(QUOTA, json={"spec": {"hard": {"pods": str(pods - 1)}}}, headers=MERGE).raise_for_status()
        try:
            client.post(DEPLOYMENTS, json=incoming).raise_for_status()
            until("the quota refuses the last pod", 30, lambda: refusals(platform) != before)
            until("all others exist", 10, lambda: len(platform.pods()) == pods - 1)
        finally:
            client.delete(f"{DEPLOYMENTS}/{incoming['metadata']['name']}")
            client.patch(QUOTA, json={"spec": {"hard": {"pods": str(pods)}}}, headers=MERGE).raise_for_status()


def beside(deployment: Any) -> dict[str, Any]:
    """A Deployment like this one with pods of its own."""
    name, spec = "digits-beside", deployment["spec"]
    labels = {"app.kubernetes.io/name": name}
    template = spec["template"]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "ml"},
        "spec": {
            **spec,
            "selector": {"matchLabels": labels},
            "template": {**template, "metadata": {"labels": {**template["metadata"]["labels"], **labels}}},
        },
    }
