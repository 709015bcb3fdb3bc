"""Two versions behind the embedded cluster's gateway: exact shares, exact headers, and a promotion nobody notices."""

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from local import paths, tools
from local.progress import to_stdout
from tests.e2e.platform import Platform, meanwhile, until, words
from tests.lint.crds import read_crds
from tests.lint.manifests import custom_against

REQUESTS = 20_000
CALLERS = 4
MODEL = "/v1/models/digits"
DIGIT = json.dumps({"instances": [[[0.0] * 8] * 8]})
HEADER = {"x-track": "canary"}
ROUTE = "/apis/gateway.networking.k8s.io/v1/namespaces/ml/httproutes/digits"


def served(stable: int, canary: int | None = None, weight: int = 0) -> dict[str, Any]:
    """The local stack with its model behind the gateway, and room for two versions of it."""
    config = words()
    config["tfk8s:trainingJobs"] = {}
    tracks: dict[str, Any] = {"stable": {"version": stable, "weight": 100 - weight}}
    if canary is not None:
        tracks["canary"] = {"version": canary, "weight": weight, "headers": HEADER}
    gateway = {"className": paths.GATEWAY_CLASS, "port": paths.GATEWAY_PORT, "fromNamespaces": ["ml"]}
    config["tfk8s:models"]["digits"] |= {
        "tracks": tracks,
        "expose": {"gateway": gateway},
        "autoscaling": {"minReplicas": 1, "maxReplicas": 1},
    }
    return config


@pytest.fixture(scope="module", autouse=True)
def trained(platform: Platform) -> None:
    """Versions 1 and 2 lie in the store."""
    platform.train(1, 2)


def answering(requests: int, headers: Mapping[str, str] | None = None) -> Counter[str]:
    """How many of so many requests each version answered: TensorFlow Serving's status says which it is."""
    with ThreadPoolExecutor(max_workers=CALLERS) as pool:
        asked = [pool.submit(_ask, requests // CALLERS, headers or {}) for _ in range(CALLERS)]
        return sum((each.result() for each in asked), Counter[str]())


def _ask(requests: int, headers: Mapping[str, str]) -> Counter[str]:
    found = Counter[str]()
    connection = http.client.HTTPConnection(paths.LOOPBACK, paths.GATEWAY_PORT, timeout=30)
    for _ in range(requests):
        connection.request("GET", MODEL, headers=dict(headers))
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status == 200, body
        [status] = json.loads(body)["model_version_status"]
        found[status["version"]] += 1
    connection.close()
    return found


class Caller:
    """Asks for predictions all the time, a fixed number a second whatever the answers take."""

    def __init__(self) -> None:
        self.statuses = Counter[object]()

    def run(self, stop: threading.Event) -> None:
        due = time.monotonic()
        while not stop.is_set():
            self.statuses[self._status()] += 1
            due += 0.04
            time.sleep(max(0.0, due - time.monotonic()))

    def _status(self) -> object:
        connection = http.client.HTTPConnection(paths.LOOPBACK, paths.GATEWAY_PORT, timeout=30)
        try:
            connection.request("POST", f"{MODEL}:predict", DIGIT)
            answer = connection.getresponse()
            answer.read()
            return answer.status
        except (OSError, http.client.HTTPException) as error:
            return repr(error)
        finally:
            connection.close()


@pytest.fixture
def caller() -> Generator[Caller]:
    caller = Caller()
    with meanwhile(caller.run):
        yield caller


def backends(platform: Platform) -> dict[str, int]:
    """Services and weights of the rule for requests that no header singles out."""
    return {one["name"]: one["weight"] for one in platform.get(ROUTE)["spec"]["rules"][-1]["backendRefs"]}


def test_an_interrupted_step_has_touched_no_weight_and_is_taken_back_by_up(platform: Platform) -> None:
    assert platform.up(served(1)).status == 0
    stable = platform.serving_pods()
    deployments = "/apis/apps/v1/namespaces/ml/deployments"

    def starting() -> bool:
        return "digits-v2" in {one["metadata"]["name"] for one in platform.get(deployments)["items"]}

    platform.interrupted_up(served(1, canary=2, weight=50), starting)
    assert starting()
    assert backends(platform) == {"digits-v1": 100}
    assert answering(200) == {"1": 200}

    assert platform.up(served(1)).status == 0
    assert not starting()
    assert backends(platform) == {"digits-v1": 100}
    until("the incoming pods are gone", 60, lambda: platform.serving_pods() == stable)


def test_an_incoming_version_runs_and_gets_no_request_but_those_that_ask_for_it(platform: Platform) -> None:
    up = platform.up(served(1, canary=2))
    assert up.status == 0, up.text
    until("the gateway knows both versions", 10, lambda: answering(40, HEADER) == {"2": 40})
    assert answering(200) == {"1": 200}


def test_shares_hold_within_one_percent_and_headers_exactly(platform: Platform) -> None:
    assert platform.up(served(1, canary=2, weight=10)).status == 0
    assert backends(platform) == {"digits-v1": 90, "digits-v2": 10}
    until("the gateway has the new weights", 10, lambda: answering(40)["2"] > 0)

    found = answering(REQUESTS)
    print(f"{REQUESTS} requests at 90/10: {dict(found)}")
    assert sum(found.values()) == REQUESTS
    assert abs(found["2"] / REQUESTS - 0.10) <= 0.01
    assert answering(400, HEADER) == {"2": 400}
    assert answering(400, {"x-track": "Canary"})["1"] > 300, "values are compared exactly"


def test_only_what_tensorflow_serving_says_of_the_model_goes_through(platform: Platform) -> None:
    refused = ("/monitoring/prometheus/metrics", f"{MODEL}/versions/2", f"{MODEL}/versions/2:predict")
    for path in refused:
        connection = http.client.HTTPConnection(paths.LOOPBACK, paths.GATEWAY_PORT, timeout=30)
        connection.request("GET", path)
        assert connection.getresponse().status == 404, path
        connection.close()


def test_a_promotion_restarts_none_of_the_promoted_pods_and_fails_no_request(
    platform: Platform, caller: Caller
) -> None:
    promoted = {name: uid for name, uid in platform.serving_pods().items() if name.startswith("digits-v2-")}
    assert promoted

    assert platform.up(served(1, canary=2, weight=50)).status == 0
    assert platform.up(served(2)).status == 0
    until("the old version is gone", 60, lambda: platform.serving_pods() == promoted)
    time.sleep(2)  # what the gateway had not heard of yet would fail now

    print(f"statuses during the promotion: {dict(caller.statuses)}")
    assert set(caller.statuses) == {200}
    assert answering(200) == {"2": 200}
    assert platform.serving_pods() == promoted
    assert set(platform.up(served(2)).stack_changes()) == {"unchanged"}


def test_the_gateway_apis_own_definitions_take_what_the_program_makes() -> None:
    definitions = read_crds(tools.gateway_definitions(to_stdout))
    assert [said for variant in ("gateway", "parent") for said in custom_against(variant, definitions)] == []
