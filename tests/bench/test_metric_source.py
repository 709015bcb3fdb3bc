"""What autoscalers count by is gone at the peak, comes back, and the load grows tenfold in a second.

A real Prometheus and the adapter on the embedded cluster; takes about half an hour.
"""

import copy
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from infra.settings.monitoring import NAMESPACE
from local.cluster import adapter, credentials, supervisor
from local.cluster.api import connect
from tests.e2e.counted import asked, prometheus
from tests.e2e.platform import Platform, make, until
from tests.e2e.test_b_scaling import example, ready
from tests.evidence.load import Load, probabilities

LOW, PEAK, MORE = 8, 50, 80
"""Requests a second: of the least two replicas, of four at 15 each, and ten times the first: of six."""

AWAY_SECONDS = 370
"""Longer than the 300 s for which the autoscaler remembers what it wanted."""

FRESH_SECONDS = 60
"""In which a source that has just come could say too little."""

TIMED_OUT = "504"
"""What a server says of a request that took longer than the model's requestTimeout."""

HPA = "/apis/autoscaling/v2/namespaces/ml/horizontalpodautoscalers/digits-v1"


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Generator[Platform]:
    """The example, with room for six replicas."""
    assert make("down").status == 0
    platform = Platform(tmp_path_factory.mktemp("overrides"))
    config = copy.deepcopy(example())
    config["tfk8s:models"]["digits"]["autoscaling"]["maxReplicas"] = 6
    up = platform.up(config)
    assert up.status == 0, up.text
    until("Prometheus has looked at the gateway", 60, lambda: asked(prometheus(platform), 'up{job="gateway"} == 1'))
    yield platform
    assert make("down").status == 0


@contextmanager
def without_prometheus(platform: Platform) -> Generator[None]:
    """Its pod is gone, and with it what it knew."""
    place = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/prometheus/scale"

    def scale(replicas: int) -> None:
        with connect(credentials.ADMIN) as client:
            headers = {"Content-Type": "application/merge-patch+json"}
            client.patch(place, json={"spec": {"replicas": replicas}}, headers=headers).raise_for_status()

    scale(0)
    try:
        yield
    finally:
        scale(1)
        until("Prometheus runs", 60, lambda: platform.pods(NAMESPACE))


@contextmanager
def without_adapter(platform: Platform) -> Generator[None]:
    """Its process is ended, and not started again before the block ends."""

    def tell(word: str) -> None:
        told = [sys.executable, "-m", "supervisor.supervisorctl", "-s", f"unix://{supervisor.SOCKET}", word]
        subprocess.run([*told, adapter.NAME], check=True)

    def answers() -> bool:
        with connect(credentials.ADMIN) as client:
            return adapter.available(client)

    tell("stop")
    try:
        until("the API server knows that nobody answers", 60, lambda: not answers())
        yield
    finally:
        tell("start")
        until("the adapter answers", 60, answers)


Away = Callable[[Platform], AbstractContextManager[None]]


def scaling_active(platform: Platform) -> str:
    """Whether the autoscaler can compute what it wants, in its own words."""
    conditions: list[Any] = platform.get(HPA)["status"]["conditions"]
    [active] = [one for one in conditions if one["type"] == "ScalingActive"]
    return f"{active['status']}: {active['message']}"


def stays(platform: Platform, replicas: int, seconds: float) -> None:
    """Look at the autoscaler every second: not one replica more or less."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        assert platform.replicas() == replicas
        time.sleep(1)


def rates(platform: Platform, seconds: float) -> list[float]:
    """All that was recorded for the autoscaler in the last so many seconds."""
    [series] = asked(prometheus(platform), f'tfk8s_model_requests_per_second{{model="digits"}}[{seconds:.0f}s]')
    return [round(float(value), 1) for _, value in series["values"]]


def statuses(load: Load) -> Counter[str]:
    """200, or what came in its place."""
    return Counter("200" if one.failure is None else one.failure for one in load.answers)


def test_ten_times_the_load_in_a_second_fails_nothing(platform: Platform, tmp_path: Path) -> None:
    until("the least replicas serve", 60, lambda: ready(platform) == 2)
    expected = [probabilities()]
    with Load(tmp_path, "low", LOW, expected) as low:
        time.sleep(45)
    with Load(tmp_path, "more", MORE, expected) as more:
        began = time.monotonic()
        until("the autoscaler wants all that the load needs", 120, lambda: platform.replicas() == 6)
        wanted = time.monotonic() - began
        until("they are ready", 180, lambda: ready(platform) == 6)
        served = time.monotonic() - began
        time.sleep(10)
    slowest = max(one.seconds for one in more.answers)
    print(f"\n{LOW} to {MORE} requests/s: 6 replicas wanted after {wanted:.0f} s, ready after {served:.0f} s")
    print(f"{statuses(low)} before, {statuses(more)} after; the slowest answer took {slowest:.1f} s")
    assert set(statuses(low)) == {"200"}
    assert {status.split()[0] for status in statuses(more)} <= {"200", TIMED_OUT}


@pytest.mark.parametrize(
    "away", [pytest.param(without_prometheus, id="prometheus"), pytest.param(without_adapter, id="adapter")]
)
def test_a_source_gone_at_the_peak_takes_no_replica_and_scaling_goes_on_when_it_is_back(
    platform: Platform, tmp_path: Path, away: Away
) -> None:
    expected = [probabilities()]
    with Load(tmp_path, "peak", PEAK, expected) as peak:
        until("the peak's replicas", 900, lambda: platform.replicas() == ready(platform) == 4)
        time.sleep(30)
        with away(platform):
            stays(platform, 4, AWAY_SECONDS)
            print(f"\n{away.__name__}: 4 replicas for {AWAY_SECONDS} s; ScalingActive {scaling_active(platform)}")
        stays(platform, 4, FRESH_SECONDS)
        print(f"back: 4 replicas for {FRESH_SECONDS} s more; ScalingActive {scaling_active(platform)}")
        said = rates(platform, FRESH_SECONDS)
        print(f"rates recorded meanwhile, {PEAK} offered: {said}")
        assert min(said) > 0.9 * PEAK
    with Load(tmp_path, "more", MORE, expected) as more:
        began = time.monotonic()
        until("scaling goes on", 120, lambda: platform.replicas() == 6)
        print(f"{PEAK} to {MORE} requests/s: 6 replicas wanted after {time.monotonic() - began:.0f} s")
    print(f"{statuses(peak)} at the peak, {statuses(more)} after")
    assert set(statuses(peak)) == {"200"}
