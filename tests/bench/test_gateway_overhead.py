"""What the gateway and the probes add to a prediction: each way in turn, in one run, on connections that stay open."""

import copy
import http.client
import json
import statistics
import time
from collections.abc import Generator
from contextlib import closing
from typing import Any

import pytest

from local import paths
from tests.e2e.platform import Platform, make, until, words
from training.data import SIDE

TURNS = 3_000
WARM_TURNS = 200
ALLOWED_MS = 1.0
REST_PORT = 8501
PATH = "/v1/models/digits:predict"
BODY = json.dumps({"instances": [[[8.0] * SIDE] * SIDE]})
DEPLOYMENTS = "/apis/apps/v1/namespaces/ml/deployments"
PODS = "/api/v1/namespaces/ml/pods"
BARE = {"app": "bare"}


def address(platform: Platform, selector: str) -> str:
    """Of the only pod with this label; empty while there is none."""
    pods = platform.get(PODS, labelSelector=selector)["items"]
    return pods[0]["status"].get("podIP", "") if pods else ""


def answers(host: str) -> bool:
    """Whether a prediction comes from there."""
    if not host:
        return False
    try:
        with closing(http.client.HTTPConnection(host, REST_PORT, timeout=5)) as connection:
            return predict(connection) > 0
    except OSError:
        return False


def predict(connection: http.client.HTTPConnection) -> float:
    """Milliseconds of one prediction."""
    started = time.perf_counter()
    connection.request("POST", PATH, BODY)
    answer = connection.getresponse()
    body = answer.read()
    taken = time.perf_counter() - started
    assert answer.status == http.client.OK, body
    return taken * 1e3


@pytest.fixture(scope="module")
def ways(tmp_path_factory: pytest.TempPathFactory) -> Generator[dict[str, tuple[str, int]]]:
    """Where the served pod is reached through the gateway and by itself, and a pod like it without probes."""
    assert make("down").status == 0
    platform = Platform(tmp_path_factory.mktemp("overrides"))
    config = words()
    model = config["tfk8s:models"]["digits"]
    gateway = {"className": paths.GATEWAY_CLASS, "port": paths.GATEWAY_PORT, "fromNamespaces": ["ml"]}
    model |= {"expose": {"gateway": gateway}, "autoscaling": {"minReplicas": 1, "maxReplicas": 1}}
    done = platform.up(config)
    assert done.status == 0, done.text
    platform.post(DEPLOYMENTS, bare(platform.get(f"{DEPLOYMENTS}/digits-v1"))).raise_for_status()
    until("the pod without probes answers", 60, lambda: answers(address(platform, "app=bare")))
    yield {
        "gateway, probed pod": (paths.LOOPBACK, paths.GATEWAY_PORT),
        "probed pod itself": (address(platform, "app.kubernetes.io/component=serving"), REST_PORT),
        "pod without probes itself": (address(platform, "app=bare"), REST_PORT),
    }
    assert make("down").status == 0


def bare(deployment: Any) -> Any:
    """The Deployment once more, which no Service finds and nothing probes."""
    spec = copy.deepcopy(deployment["spec"])
    spec["selector"] = {"matchLabels": BARE}
    spec["template"]["metadata"] = {"labels": BARE}
    [container] = spec["template"]["spec"]["containers"]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        del container[probe]
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "bare"}, "spec": spec}


def test_gateway_and_probes_add_at_most_a_millisecond_at_the_median(ways: dict[str, tuple[str, int]]) -> None:
    connections = {way: http.client.HTTPConnection(*where, timeout=30) for way, where in ways.items()}
    taken: dict[str, list[float]] = {way: [] for way in ways}
    for turn in range(WARM_TURNS + TURNS):
        for way, connection in connections.items():
            milliseconds = predict(connection)
            if turn >= WARM_TURNS:
                taken[way].append(milliseconds)
    medians = {way: statistics.median(times) for way, times in taken.items()}
    through, _, direct = medians.values()
    print(f"\n{'':26} {'median':>9} {'p99':>9} {'of the last':>12}, {TURNS:,} turns")
    for way, times in taken.items():
        p99 = statistics.quantiles(times, n=100)[-1]
        print(f"{way:26} {medians[way]:6.2f} ms {p99:6.2f} ms {medians[way] / direct:12.2f}")
    assert through - direct <= ALLOWED_MS
