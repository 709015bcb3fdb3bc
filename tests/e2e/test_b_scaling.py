"""Requests offered to the embedded cluster's gateway scale the model: Prometheus counts them, the adapter tells."""

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from ruamel.yaml import YAML

from contract.store import versions
from infra.settings.monitoring import NAMESPACE
from local import paths
from tests.e2e.counted import asked, prometheus
from tests.e2e.platform import Platform, until, words

EXAMPLE = paths.ROOT / "examples" / "scaling-on-embedded.yaml"
HPA = "/apis/autoscaling/v2/namespaces/ml/horizontalpodautoscalers/digits-v1"
RATE = 50
"""Requests a second: four replicas at the example's 15 each, two at the least."""

CALLERS = 5
DIGIT = json.dumps({"instances": [[[0.0] * 8] * 8]})
_YAML: Any = YAML(typ="safe")


def example() -> dict[str, Any]:
    """The example as it stands; nothing is trained that lies in the store."""
    config = _YAML.load(EXAMPLE)["config"]
    if 1 in versions(paths.STORE, "digits"):
        config["tfk8s:trainingJobs"] = {}
    return config


@contextmanager
def offered(rate: float) -> Generator[Counter[object]]:
    """So many requests a second whatever becomes of them, and their statuses."""
    statuses, stop = Counter[object](), threading.Event()

    def call() -> None:
        due = time.monotonic()
        while not stop.is_set():
            statuses[_status()] += 1
            due += CALLERS / rate
            time.sleep(max(0.0, due - time.monotonic()))

    with ThreadPoolExecutor(max_workers=CALLERS) as pool:
        calling = [pool.submit(call) for _ in range(CALLERS)]
        try:
            yield statuses
        finally:
            stop.set()
        for each in calling:
            each.result()


def _status() -> object:
    connection = http.client.HTTPConnection(paths.LOOPBACK, paths.GATEWAY_PORT, timeout=30)
    try:
        connection.request("POST", "/v1/models/digits:predict", DIGIT)
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException) as error:
        return repr(error)
    else:
        return answer.status
    finally:
        connection.close()


def ready(platform: Platform) -> int:
    """Servers that answer."""
    deployment = platform.get("/apis/apps/v1/namespaces/ml/deployments/digits-v1")
    return deployment["status"].get("readyReplicas", 0)


def test_offered_load_adds_replicas_and_a_second_up_changes_nothing(platform: Platform) -> None:
    config = example()
    up = platform.up(config)
    assert up.status == 0, up.text
    url = prometheus(platform)
    until("Prometheus has looked at the gateway", 60, lambda: asked(url, 'up{job="gateway"} == 1') != [])
    until("the least replicas serve", 60, lambda: ready(platform) == 2)
    until("it has found them by the API server", 60, lambda: len(asked(url, 'up{job="models"} == 1')) == 2)

    with offered(RATE) as statuses:
        began = time.monotonic()
        until("the autoscaler wants all that the load needs", 100, lambda: platform.replicas() == 4)
        wanted = time.monotonic() - began
        until("they are ready", 60, lambda: ready(platform) == 4)
        print(f"0 to {RATE} requests/s: 4 replicas wanted after {wanted:.0f} s, ready {time.monotonic() - began:.0f} s")
        [series] = asked(url, 'tfk8s_model_requests_per_second{model="digits",version="1"}')
        [metric] = [one for one in platform.get(HPA)["status"]["currentMetrics"] if one["type"] == "External"]
        print(f"Prometheus says {series['value'][1]} requests/s, the autoscaler {metric['external']}")
    print(f"statuses: {dict(statuses)}")
    assert set(statuses) == {200}

    again = platform.up(config)
    assert set(again.stack_changes()) == {"unchanged"}, again.text
    assert platform.replicas() == 4


def test_without_monitoring_no_api_is_left_that_nobody_answers_for(platform: Platform) -> None:
    """The model of the stack as it is committed: behind a load balancer again instead of the gateway."""
    config = words()
    config["tfk8s:trainingJobs"] = {}
    up = platform.up(config)
    assert up.status == 0, up.text
    apis = {one["metadata"]["name"] for one in platform.get("/apis/apiregistration.k8s.io/v1/apiservices")["items"]}
    assert "v1beta1.external.metrics.k8s.io" not in apis
    assert NAMESPACE not in {one["metadata"]["name"] for one in platform.get("/api/v1/namespaces")["items"]}
