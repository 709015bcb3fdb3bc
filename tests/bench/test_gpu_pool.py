"""Four tenants' GPUs, each its own and in one pool: real Kueue on pretend nodes, beside the simulation of the same."""

import copy
import functools
import operator
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from statistics import mean

import httpx
import pytest

from local.cluster import credentials
from local.cluster.api import connect
from tests.bench import admission, pretend
from tests.bench.jobs import Job, jobs
from tests.bench.replay import MEAN_RUN, Setting, Stage, replay, schedulers, stage
from tests.bench.simulation import simulate
from tests.e2e.manifests import Kinds
from tests.lint.crds import read_crds
from tests.lint.manifests import custom_against

SETTINGS = (
    Setting(gpus=16, pooled=False, placement="packed"),
    Setting(gpus=16, pooled=True, placement="packed"),
    Setting(gpus=32, pooled=False, placement="packed"),
    Setting(gpus=32, pooled=True, placement="packed"),
    Setting(gpus=32, pooled=True, placement="spread"),
    Setting(gpus=64, pooled=True, placement="packed"),
)
"""Side by side in one cluster."""
LOAD, SEED, MEAN_RUNS = 0.9, 3, 6
"""Of the trace that is replayed: what it offers in the long run, and how many mean runs long jobs come."""
MOST_SECONDS = 500
ALLOWED = 0.15
"""Largest difference of measured and simulated mean wait, in mean runs. Their 90th percentile is the wait of one job of
48, which one stop more or less moves by half a mean run."""


@pytest.fixture(scope="module")
def client(cluster: None, tmp_path_factory: pytest.TempPathFactory) -> Generator[httpx.Client]:
    nodes = [labels for setting in SETTINGS for labels in setting.node_labels]
    directory = tmp_path_factory.mktemp("pool")
    with (
        connect(credentials.ADMIN) as client,
        admission.kueue(client, directory),
        schedulers(directory),
        pretend.nodes(client, nodes, directory / "kwok.log"),
    ):
        yield client


@pytest.fixture(scope="module")
def stages(client: httpx.Client) -> list[Stage]:
    """Every setting in the cluster."""
    kinds, made = Kinds(client), [stage(setting) for setting in SETTINGS]
    for one in made:
        for manifest in one.manifests:
            client.post(kinds.collection(manifest), json=manifest).raise_for_status()
    return made


def trace(gpus: int) -> list[Job]:
    drawn = jobs(gpus=gpus, load=LOAD, pattern="even", seed=SEED, number=1000)
    return [job for job in drawn if job.arrival < MEAN_RUNS]


def test_kueues_definitions_judge_the_rendered_pool_offline_too() -> None:
    assert list(custom_against("pool", read_crds(admission.definitions()))) == []


QUOTA = ("spec", "resourceGroups", 0, "flavors", 0, "resources", 0)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("spec", "cohort"), "lab", 'unknown field "spec.cohort"'),
        (("spec", "queueingStrategy"), "Fast", 'Unsupported value: "Fast"'),
        ((*QUOTA, "nominalQuota"), "-1", "must be greater than or equal to 0"),
        ((*QUOTA, "name"), "tpu", "coveredResources"),
    ],
    ids=["a field of another version", "an unknown value", "a negative quota", "a quota that is not covered"],
)
def test_kueue_takes_the_programs_objects_and_refuses_broken_ones(
    client: httpx.Client, stages: list[Stage], path: tuple[str | int, ...], value: str, said: str
) -> None:
    queue = next(one for one in stages[0].manifests if one["kind"] == "ClusterQueue")
    sent = copy.deepcopy(queue)
    sent["metadata"]["name"] = "another"
    parameters = {"dryRun": "All", "fieldValidation": "Strict"}
    collection = Kinds(client).collection(sent)
    client.post(collection, json=sent, params=parameters).raise_for_status()
    *parents, last = path
    functools.reduce(operator.getitem, parents, sent)[last] = value
    answer = client.post(collection, json=sent, params=parameters)
    assert 400 <= answer.status_code < 500
    assert said in answer.json()["message"]


def test_waits_in_the_cluster_are_those_of_the_simulation(stages: list[Stage]) -> None:
    traces = [trace(one.setting.gpus) for one in stages]
    left = replay(stages, traces, MOST_SECONDS)
    compared = [Compared.of(one, jobs_) for one, jobs_ in zip(stages, traces, strict=True)]
    print("", HEADER, *(one.row() for one in compared), sep="\n", flush=True)
    assert not left
    for one in compared:
        assert abs(mean(one.measured) - mean(one.simulated)) <= ALLOWED, one.row()
    tails = {one.setting: one.measured_tail for one in compared}
    for gpus in (16, 32):
        apart, pooled = (Setting(gpus=gpus, pooled=one, placement="packed") for one in (False, True))
        assert tails[pooled] < tails[apart]


HEADER = (
    f"{'':<16}{'jobs':>5}{'mean wait':>10}{'simulated':>10}{'p90 wait':>10}{'simulated':>10}"
    f"{'stops':>7}{'simulated':>10}{'no node':>9}{'simulated':>10}"
)


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One setting in the cluster and in the simulation; waits in mean runs."""

    setting: Setting
    measured: list[float]
    simulated: list[float]
    stops: int
    simulated_stops: int
    stuck: float
    simulated_stuck: float

    @classmethod
    def of(cls, stage: Stage, jobs_: Sequence[Job]) -> "Compared":
        setting, seen = stage.setting, stage.seen.values()
        # A pretend pod has no checkpoint: it begins anew.
        outcome = simulate(
            jobs_, gpus=setting.gpus, pooled=setting.pooled, placement=setting.placement, keeps=lambda _: 0.0
        )
        work = sum(job.gpus * job.duration for job in jobs_)
        return cls(
            setting=setting,
            measured=sorted(one.wait for one in seen),
            simulated=sorted(run.wait for run in outcome.runs),
            stops=sum(one.pods - 1 for one in seen),
            simulated_stops=sum(run.stops for run in outcome.runs),
            stuck=sum(one.nodeless / MEAN_RUN * one.job.gpus for one in seen) / work,
            simulated_stuck=outcome.stuck,
        )

    @property
    def measured_tail(self) -> float:
        return tail(self.measured)

    @property
    def simulated_tail(self) -> float:
        return tail(self.simulated)

    def row(self) -> str:
        return (
            f"{self.setting.name:<16}{len(self.measured):>5}{mean(self.measured):>10.2f}{mean(self.simulated):>10.2f}"
            f"{self.measured_tail:>10.2f}{self.simulated_tail:>10.2f}{self.stops:>7}{self.simulated_stops:>10}"
            f"{self.stuck:>9.1%}{self.simulated_stuck:>10.1%}"
        )


def tail(waits: Sequence[float]) -> float:
    """The wait that nine jobs of ten stay below; `waits` are sorted."""
    return waits[int(len(waits) * 0.9)]
