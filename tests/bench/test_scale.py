"""From a jump of the load to ready pods and back: the program's own autoscalers, real controllers, pretend pods."""

import copy
import functools
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import httpx
import pytest

from infra.checks import examine
from infra.plan import CREATED_PER_SECOND, METRIC_LAG, SYNC, ModelPlan
from local.cluster import credentials
from local.cluster.api import connect
from tests.bench import fleets, pretend
from tests.bench.fleets import LOOK_SECONDS, only, rolled_out
from tests.bench.load import EXTERNAL, Source, source
from tests.e2e.platform import until
from tests.unit.words import TODAY

NODES = 180
"""Room for 1,440 pods of one GPU each."""
COLD_START = 60
"""Seconds from a pod's creation to ready."""
TARGET = 35.0
"""Requests a second for each replica, of 50 that keep it busy."""
OUTAGE_SECONDS = 360
"""Longer than the 300 s after which an autoscaler gives up what it wanted before."""
DESCENT_SECONDS = 2700
"""Longest; from 800 to 50 by a tenth a minute it takes 27 minutes."""
RUNS = 3
"""From 50 to 800."""
LONGEST_ROLLOUT = 280
"""Seconds that a change of 800 pods may take, a quarter of them at a time."""
IDLE_SECONDS = 45
"""Three looks of an autoscaler."""
BURST = 30
"""Pods that kube-controller-manager creates at once before its client rate counts (--kube-api-burst)."""
SLACK_SECONDS = 5
"""What the formula leaves out: scheduling, and what the API server and KWOK take to tell of a ready pod."""


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """A model, its bounds and its loads."""

    name: str
    least: int
    most: int
    peer: bool = False
    """Scaled as the common tutorial has it: 50 % CPU, the default policy."""

    tolerant: bool = False
    """The autoscaler keeps the cluster's tolerance."""

    usual: float = TARGET
    """Requests a second."""

    surge: str = "25%"
    cold_start: int = COLD_START
    """Seconds."""

    def words(self, request_timeout: str = "5s") -> dict[str, object]:
        """A stack with this model alone."""
        bounds = {"minReplicas": self.least, "maxReplicas": self.most, "targets": {"requestsPerSecond": TARGET}}
        model = {
            "requestTimeout": request_timeout,
            "coldStart": f"{self.cold_start}s",
            "rollout": {"maxSurge": self.surge},
            "load": {"requestsPerSecond": self.usual, "step": self.most * TARGET, "perReplica": 50},
            "autoscaling": bounds,
        }
        cluster = {"context": "test", "kubernetesVersion": "1.35", "featureGates": {"HPAScaleToZero": True}}
        return {**fleets.alone(self.name, model), "cluster": cluster}

    @property
    def plan(self) -> ModelPlan:
        """The figures of its sums."""
        return examine(self.words(), TODAY).plan.models[self.name]


@dataclass(frozen=True, kw_only=True)
class Case:
    """What is sent to the cluster for a fleet. Made in one thread: the program runs in one at a time."""

    fleet: Fleet
    replicas: int
    """To begin with, as if it had been scaled already."""

    manifests: list[Any]
    changed: Any
    """The pod template that is rolled out."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """A fleet at a moment."""

    seconds: float
    wanted: int
    ready: int


@pytest.fixture(scope="module")
def client(cluster: None, tmp_path_factory: pytest.TempPathFactory) -> Generator[httpx.Client]:
    log = tmp_path_factory.mktemp("kwok") / "log"
    with connect(credentials.ADMIN) as client, pretend.nodes(client, [{"fleet": "all"}] * NODES, log):
        yield client


@pytest.fixture(scope="module")
def metrics(client: httpx.Client, tmp_path_factory: pytest.TempPathFactory) -> Generator[Source]:
    with source(client, tmp_path_factory.mktemp("load")) as made:
        yield made


def test_three_to_twenty_six_times_and_as_the_tutorial_has_it(metrics: Source) -> None:
    ours = [Fleet(name=f"climb-{number}", least=3, most=20) for number in range(6)]
    peer = Fleet(name="climb-peer", least=3, most=20, peer=True, usual=50.0)
    cases = [case(fleet, fleet.least) for fleet in (*ours, peer)]
    # Between two looks of the autoscaler, all over the 15 s.
    pauses = [number * SYNC.whole_seconds / len(ours) for number in range(len(cases))]
    with ThreadPoolExecutor(max_workers=len(cases)) as pool:
        *seen, tutorial = pool.map(functools.partial(climb, metrics, longest=600), cases, pauses)
    rows = [row(fleet, one) for fleet, one in zip(ours, seen, strict=True)]
    print("", HEADER, *rows, row(peer, tutorial), sep="\n", flush=True)
    worst = max(one[-1].seconds for one in seen)
    print(f"worst of {len(seen)}: {worst:.1f} s", flush=True)
    assert worst <= at_most(ours[0])
    assert tutorial[-1].seconds > worst


@pytest.mark.parametrize("number", range(RUNS))
def test_fifty_to_eight_hundred(metrics: Source, number: int) -> None:
    fleet = Fleet(name=f"large-{number}", least=50, most=800, usual=50 * TARGET)
    seen = climb(metrics, case(fleet, fleet.least), number * SYNC.whole_seconds / RUNS, longest=300)
    print("", HEADER, row(fleet, seen), sep="\n", flush=True)
    assert seen[-1].seconds <= at_most(fleet)


def test_fifty_to_eight_hundred_as_the_tutorial_has_it(metrics: Source) -> None:
    peer = Fleet(name="large-peer", least=50, most=800, peer=True, usual=25 * 50.0)
    print("", HEADER, row(peer, climb(metrics, case(peer, peer.least), 0, longest=900)), sep="\n", flush=True)


def test_a_dead_metric_source_takes_nothing_away_and_the_fleets_come_down_without_flapping(
    client: httpx.Client, metrics: Source
) -> None:
    sizes = [
        Fleet(name="outage", least=3, most=20),
        Fleet(name="outage-large", least=50, most=800, usual=50 * TARGET),
    ]
    cases = [case(fleet, fleet.most) for fleet in sizes]
    try:
        for fleet in sizes:
            metrics.load.requests[fleet.name] = fleet.most * TARGET
        deployed = [fleets.create(client, one.manifests) for one in cases]
        for path in deployed:
            until(f"{path} is ready", 300, lambda path=path: rolled_out(client.get(path).json()))
        metrics.stop(EXTERNAL)
        # CPU says that nobody is busy; that alone would take the fleets down.
        for fleet in sizes:
            metrics.load.requests[fleet.name] = fleet.usual
        with ThreadPoolExecutor(max_workers=len(cases)) as pool:
            dead = list(pool.map(functools.partial(watch_outage, client), deployed))
            metrics.start(EXTERNAL)
            down = list(pool.map(functools.partial(watch_descent, client), deployed, sizes))
    finally:
        for fleet in sizes:
            fleets.remove(client, fleet.name)
    for fleet, outage, descent in zip(sizes, dead, down, strict=True):
        least = min(look.ready for look in outage)
        print(f"\nmetric source dead for {outage[-1].seconds:.0f} s: {least} ready at all times")
        print(f"restored: {fleet.most} to {fleet.least} in {descent[-1].seconds:.0f} s: {steps(descent)}", flush=True)
    for fleet, outage, descent in zip(sizes, dead, down, strict=True):
        assert {look.wanted for look in outage} == {fleet.most}
        assert min(look.ready for look in outage) == fleet.most
        assert all(after.wanted <= before.wanted for before, after in pairwise(descent))


def test_a_fleet_of_nobody_stays_away_until_somebody_asks(client: httpx.Client, metrics: Source) -> None:
    fleet = Fleet(name="asleep", least=0, most=3)
    metrics.load.requests[fleet.name] = 0.0
    try:
        deployed = fleets.create(client, case(fleet, 0).manifests)
        ends = time.monotonic() + IDLE_SECONDS
        idle = list(looks(client, deployed, lambda _: time.monotonic() > ends, 2 * IDLE_SECONDS))
        metrics.load.requests[fleet.name] = 1.0
        woken = list(looks(client, deployed, lambda seen: seen["status"].get("readyReplicas") == 1, 120))
    finally:
        fleets.remove(client, fleet.name)
    print(
        f"\nnobody for {idle[-1].seconds:.0f} s without load; ready {woken[-1].seconds:.1f} s after the first request"
    )
    assert {look.wanted for look in idle} == {0}
    assert woken[-1].seconds <= COLD_START + 15 + SLACK_SECONDS


def test_eight_hundred_roll_out_under_an_autoscaler_that_stays_put(metrics: Source) -> None:
    """800 replicas of a fleet that may have 1,000."""
    seen = rollouts(metrics, case(Fleet(name="rolling", least=50, most=1000), 800))
    assert [look.wanted for look in seen[0] if look.wanted != 800] == []
    assert seen[0][-1].seconds <= LONGEST_ROLLOUT


def test_a_surge_within_the_tolerance_becomes_the_new_size_and_without_tolerance_it_does_not(metrics: Source) -> None:
    """40 replicas that surge by 4: for an autoscaler that counts 44, the load of 40 is within 10 % of the target."""
    strict = Fleet(name="strict", least=3, most=80, surge="10%", cold_start=20)
    tolerant = replace(strict, name="tolerant", tolerant=True)
    strict_seen, tolerant_seen = rollouts(metrics, case(strict, 40), case(tolerant, 40))
    assert {look.wanted for look in strict_seen} == {40}
    assert max(look.wanted for look in tolerant_seen) > 40


def watch_outage(client: httpx.Client, deployed: str) -> list[Look]:
    """While nobody knows the load."""
    ends = time.monotonic() + OUTAGE_SECONDS
    return list(looks(client, deployed, lambda _: time.monotonic() > ends, 2 * OUTAGE_SECONDS))


def watch_descent(client: httpx.Client, deployed: str, fleet: Fleet) -> list[Look]:
    """Until as few are wanted as the usual load takes."""
    return list(looks(client, deployed, lambda seen: seen["spec"]["replicas"] == fleet.least, DESCENT_SECONDS))


def rollouts(metrics: Source, *cases: Case) -> list[list[Look]]:
    """All of them at the same time, and a table; never is a replica missing."""
    with ThreadPoolExecutor(max_workers=len(cases)) as pool:
        seen = list(pool.map(functools.partial(roll_out, metrics), cases))
    print("\nreplicas maxSurge tolerance predicted measured  fewest ready most wanted", flush=True)
    for one, watched in zip(cases, seen, strict=True):
        least, most = min(look.ready for look in watched), max(look.wanted for look in watched)
        predicted = one.fleet.plan.rollout.time.seconds
        kept = "10 %" if one.fleet.tolerant else "0"
        print(
            f"{one.replicas:>8} {one.fleet.surge:>8} {kept:>9} {predicted:>7.0f} s {watched[-1].seconds:>6.1f} s "
            f"{least:>12} {most:>11}",
            flush=True,
        )
        assert least >= one.replicas
    return seen


def case(fleet: Fleet, replicas: int) -> Case:
    """What the program makes of a fleet."""
    made, later = copy.deepcopy(fleets.objects(fleet.words())), fleets.objects(fleet.words("6s"))
    deployment, spec = only("Deployment", made), only("HorizontalPodAutoscaler", made)["spec"]
    deployment["spec"] |= {"replicas": replicas, "template": slow(fleet, deployment)}
    if fleet.peer:
        use = {"type": "Utilization", "averageUtilization": 50}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": use}}]
        del spec["behavior"]
    if fleet.tolerant:
        for rules in spec["behavior"].values():
            del rules["tolerance"]
    return Case(fleet=fleet, replicas=replicas, manifests=made, changed=slow(fleet, only("Deployment", later)))


def slow(fleet: Fleet, deployment: Any) -> Any:
    """Its template, of pods that take their time to become ready."""
    return pretend.on_pretend_nodes(deployment["spec"]["template"], {pretend.COLD_START: str(fleet.cold_start)})


def climb(metrics: Source, one: Case, pause: float, *, longest: float) -> list[Look]:
    """From the usual load to the step, so many seconds after the fleet is ready: every look until all replicas are."""
    fleet = one.fleet
    with connect(credentials.ADMIN) as client:
        metrics.load.requests[fleet.name] = fleet.usual
        try:
            deployed = fleets.create(client, one.manifests)
            until(f"{fleet.name} is ready", 180, lambda: rolled_out(client.get(deployed).json()))
            time.sleep(pause)
            metrics.load.requests[fleet.name] = fleet.most * TARGET
            return list(looks(client, deployed, lambda seen: seen["status"]["readyReplicas"] == fleet.most, longest))
        finally:
            fleets.remove(client, fleet.name)


def roll_out(metrics: Source, one: Case) -> list[Look]:
    """A change of all pods while the load is just what its replicas take."""
    name = one.fleet.name
    with connect(credentials.ADMIN) as client:
        metrics.load.requests[name] = one.replicas * TARGET
        try:
            deployed = fleets.create(client, one.manifests)
            until(f"{name} is ready", 300, lambda: rolled_out(client.get(deployed).json()))
            fleets.change_pods(client, deployed, one.changed)
            return list(looks(client, deployed, rolled_out, 1200))
        finally:
            fleets.remove(client, name)


def looks(client: httpx.Client, deployed: str, done: Callable[[Any], bool], longest: float) -> Generator[Look]:
    """Looks at a Deployment until it is done."""
    started = time.monotonic()
    while True:
        seen = client.get(deployed).raise_for_status().json()
        seconds = time.monotonic() - started
        yield Look(seconds=seconds, wanted=seen["spec"]["replicas"], ready=seen["status"].get("readyReplicas", 0))
        if done(seen):
            return
        assert seconds < longest, f"{deployed} after {longest} s: {seen['status']}"
        time.sleep(LOOK_SECONDS)


HEADER = "replicas    target                     measured   at most   wanted"


def row(fleet: Fleet, seen: Sequence[Look]) -> str:
    """A line of the table."""
    how = "CPU 50 %, default policy" if fleet.peer else "requests a second"
    formula = "" if fleet.peer else f"{at_most(fleet):.0f} s"
    return f"{fleet.least:>4} to {fleet.most:<4} {how:<25} {seen[-1].seconds:>6.1f} s {formula:>9}   {steps(seen)}"


def steps(seen: Sequence[Look]) -> str:
    """What was wanted, and when."""
    changed = (after for before, after in pairwise(seen) if after.wanted != before.wanted)
    return ", ".join(f"{look.wanted} at {look.seconds:.0f} s" for look in changed)


def at_most(fleet: Fleet) -> float:
    """Seconds by the formula, without the lag of a metric that knows at once, for a jump just after a look."""
    rise = fleet.plan.scale_up
    assert rise is not None
    created_at_once = min(BURST, rise.replicas_after - rise.replicas_before) / CREATED_PER_SECOND
    return float(rise.time.seconds - METRIC_LAG.seconds) - created_at_once + SLACK_SECONDS
