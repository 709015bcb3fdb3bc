"""Predicted times of rollouts against measured ones: the program's own objects on pretend nodes, real controllers."""

import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from infra.checks import examine
from infra.plan import ModelPlan
from local.cluster import credentials
from local.cluster.api import connect
from tests.bench import fleets, pretend
from tests.bench.fleets import LOOK_SECONDS, only, rolled_out
from tests.e2e.platform import until
from tests.unit.words import TODAY

NODES = 152
"""Room for 1,216 pods of one GPU each: 800 replicas, 200 that surge and 200 that drain."""
ALLOWED = 0.15
"""Largest difference of measured and predicted time, as a share of the measured one."""


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """A model with all its replicas, and how it is changed."""

    replicas: int
    surge: int | str
    cold_start: int
    """Seconds."""

    least: int = 3
    """minReplicas; above 1 a pod must be ready for minReadySeconds before it counts."""

    @property
    def name(self) -> str:
        return f"bench-{self.replicas}-{self.surge}-{self.least}".replace("%", "p")

    def words(self, request_timeout: str) -> dict[str, object]:
        """A stack with this model alone, in a tenant of the same name."""
        model = {
            "requestTimeout": request_timeout,
            "coldStart": f"{self.cold_start}s",
            "rollout": {"maxSurge": self.surge},
            "autoscaling": {"minReplicas": self.least, "maxReplicas": self.replicas},
        }
        return fleets.alone(self.name, model)


@dataclass(frozen=True, kw_only=True)
class Case:
    """What is sent to the cluster for a fleet, and what is predicted."""

    fleet: Fleet
    plan: ModelPlan
    manifests: list[Any]
    changed: dict[str, Any]
    """The pod template that is rolled out."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One rollout, predicted and seen."""

    case: Case
    seconds: float
    least_ready: int
    most_pods: int
    """At the same time, draining ones included."""

    @property
    def predicted(self) -> float:
        return float(self.case.plan.rollout.time.seconds)

    @property
    def error(self) -> float:
        return (self.predicted - self.seconds) / self.seconds

    def row(self) -> str:
        fleet, plan = self.case.fleet, self.case.plan
        return (
            f"{fleet.replicas:>8} {fleet.surge!s:>8} {fleet.cold_start:>8} s {plan.min_ready!s:>8} "
            f"{plan.rollout.waves:>5} {self.predicted:>7.0f} s {self.seconds:>6.1f} s {self.error:>+7.1%} "
            f"{self.least_ready:>11} {self.most_pods:>9} {plan.peak_pods:>9}"
        )


HEADER = "replicas maxSurge cold start minReady waves predicted  measured   error least ready most pods predicted"

SMALL = (
    Fleet(replicas=20, surge=1, cold_start=10, least=1),
    Fleet(replicas=10, surge=1, cold_start=10),
    Fleet(replicas=20, surge="25%", cold_start=30),
    Fleet(replicas=200, surge="25%", cold_start=60),
)
"""Rolled out at the same time; together they keep the controllers less busy than the large one alone."""
LARGE = (Fleet(replicas=800, surge="25%", cold_start=60),)


@pytest.fixture(scope="module")
def client(cluster: None, tmp_path_factory: pytest.TempPathFactory) -> Generator[httpx.Client]:
    log = tmp_path_factory.mktemp("kwok") / "log"
    with connect(credentials.ADMIN) as client, pretend.nodes(client, [{"fleet": "all"}] * NODES, log):
        yield client


@pytest.mark.parametrize("fleets", [SMALL, LARGE], ids=["small", "large"])
def test_rollouts_take_as_long_as_predicted_and_never_lack_a_replica(
    client: httpx.Client, fleets: tuple[Fleet, ...]
) -> None:
    # The program runs in one thread at a time.
    cases = [case(fleet) for fleet in fleets]
    with ThreadPoolExecutor(max_workers=len(cases)) as pool:
        measured = list(pool.map(measure, cases))
    print("", HEADER, *(one.row() for one in measured), sep="\n", flush=True)
    for one in measured:
        assert abs(one.error) <= ALLOWED, one.row()
        assert one.least_ready >= one.case.fleet.replicas, one.row()
        assert one.most_pods <= one.case.plan.peak_pods, one.row()


def case(fleet: Fleet) -> Case:
    """The fleet as the program renders it before and after a change of a word that changes the pods."""
    manifests, changed = fleets.objects(fleet.words("5s")), fleets.objects(fleet.words("6s"))
    deployment = only("Deployment", manifests)
    # As if the autoscaler had scaled it already: it has no metrics of pods that do not exist, and leaves them alone.
    deployment["spec"] |= {
        "replicas": fleet.replicas,
        "template": pretend.on_pretend_nodes(deployment["spec"]["template"], {pretend.COLD_START: "0"}),
    }
    return Case(
        fleet=fleet,
        plan=examine(fleet.words("6s"), TODAY).plan.models[fleet.name],
        manifests=manifests,
        changed=pretend.on_pretend_nodes(
            only("Deployment", changed)["spec"]["template"], {pretend.COLD_START: str(fleet.cold_start)}
        ),
    )


def measure(case: Case) -> Measured:
    """One rollout, from nothing to nothing."""
    with connect(credentials.ADMIN) as client:
        try:
            deployed = fleets.create(client, case.manifests)
            until(f"{case.fleet} is ready", 120, lambda: rolled_out(client.get(deployed).json()))
            return roll_out(client, deployed, case)
        finally:
            fleets.remove(client, case.fleet.name)


def roll_out(client: httpx.Client, deployed: str, case: Case) -> Measured:
    """Changes the pods, and looks on."""
    started = fleets.change_pods(client, deployed, case.changed)
    least_ready, most_pods = case.fleet.replicas, 0
    while True:
        seen = client.get(deployed).raise_for_status().json()
        seconds = time.monotonic() - started
        least_ready = min(least_ready, seen["status"].get("readyReplicas", 0))
        most_pods = max(most_pods, fleets.pods(client, case.fleet.name))
        if rolled_out(seen):
            return Measured(case=case, seconds=seconds, least_ready=least_ready, most_pods=most_pods)
        assert seconds < 2 * case.plan.rollout.time.seconds, f"{case.fleet} hangs: {seen['status']}"
        time.sleep(LOOK_SECONDS)
