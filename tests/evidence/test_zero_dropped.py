"""Requests through the gateway while the platform changes under them: none may be lost, and without the drain some are.

Takes about half an hour, and writes docs/evidence.md and its picture.
"""

import copy
import signal
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pytest

from local import paths
from tests.e2e.platform import Platform, make, signal_one, words
from tests.evidence.load import Answer, Load, probabilities
from tests.evidence.report import REST, Control, during, p99, write
from tests.evidence.served import MEMORY, Served, served

RATE, CONTROL_RATE = 150, 50
REQUESTS: Final = 100_000
RESTARTS, UPDATES, SCALINGS, PROMOTIONS = 4, 6, 5, 3
MOST_REPLACEMENTS = 5
P99_TIMES = 2
"""p99 under a rollout over p99 at rest, at most."""


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Generator[Platform]:
    """Versions 1 and 2 lie in the store, and 1 is served."""
    assert make("down").status == 0
    platform = Platform(tmp_path_factory.mktemp("overrides"))
    for version in (1, 2):
        config = words()
        config["tfk8s:trainingJobs"]["digits"]["version"] = version
        config["tfk8s:trainingJobs"]["digits"]["seed"] = version
        config["tfk8s:models"]["digits"]["tracks"]["stable"]["version"] = version
        assert platform.up(config).status == 0
    yield platform
    assert make("down").status == 0


@pytest.fixture(scope="module")
def model(platform: Platform) -> Served:
    return Served(platform)


@pytest.fixture(scope="module")
def expected(model: Served) -> list[list[list[float]]]:
    """Probabilities of versions 1 and 2, [version][digit][class], by their servers when nothing happens."""
    found: list[list[list[float]]] = []
    for version in (2, 1):
        model.up(served(version), 2)
        found.append(probabilities())
    return found


RESULTS: dict[str, Any] = {}
"""What the tests found, for the page that the last one writes."""


def test_no_request_is_lost_while_everything_changes(
    model: Served, expected: list[list[list[float]]], tmp_path: Path
) -> None:
    with Load(tmp_path, "changes", RATE, expected) as load:
        begun = time.time()
        with model.event(REST):
            time.sleep(60)
        for _ in range(RESTARTS):
            with model.event("restart"):
                model.restart("digits-v1")
                model.settle(2)
        for number in range(UPDATES):
            with model.event("rolling update"):
                model.up(served(1, memory=MEMORY[(number + 1) % 2]), 2)
        for _ in range(SCALINGS):
            with model.event("scale-up"):
                model.up(served(1, replicas=3), 3)
            with model.event("scale-down"):
                model.up(served(1), 2)
        stable = 1
        for _ in range(PROMOTIONS):
            other = 3 - stable
            with model.event("canary starts"):
                model.up(served(stable, other, weight=10), 4)
            with model.event("rollback"):
                model.up(served(stable), 2)
            with model.event("canary starts"):
                model.up(served(stable, other, weight=50), 4)
            with model.event("promotion"):
                model.up(served(other), 2)
            stable = other
        for pod in model.names():
            with model.event("eviction"):
                model.evict(pod)
                model.settle(2)
        time.sleep(max(0.0, begun + REQUESTS / RATE + 1 - time.time()))
    assert set(model.again(served(stable))) == {"unchanged"}
    RESULTS["answers"], RESULTS["events"] = load.answers, model.events
    failed = [one.failure for one in load.answers if one.failure]
    print(f"\n{len(load.answers)} requests, {len(failed)} failed")
    assert len(load.answers) >= REQUESTS
    assert failed == []


def without_drain(spec: Any) -> None:
    """No preStop, and a server that is not the container's first process, as under an init: SIGTERM ends it at once."""
    pod = spec["template"]["spec"]
    del pod["containers"][0]["lifecycle"]
    pod["shareProcessNamespace"] = True


def without_readiness(spec: Any) -> None:
    """A pod counts as ready when its container runs."""
    [container] = spec["template"]["spec"]["containers"]
    del container["readinessProbe"], container["startupProbe"]


def without_surge(spec: Any) -> None:
    """The old pod goes before the new one is there."""
    spec["strategy"] = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}


CONTROLS: Mapping[str, Callable[[Any], None]] = {
    "no preStop, under an init": without_drain,
    "no readiness probe": without_readiness,
    "maxUnavailable: 1 on one replica": without_surge,
}
"""What is taken from a Deployment of one replica; then its pods are replaced."""


@pytest.fixture(scope="module")
def alone(model: Served, expected: list[list[list[float]]]) -> Any:
    """The Deployment of version 1 with one replica."""
    model.up(served(1, replicas=1), 1)
    return model.deployment("digits-v1")


def keep(name: str, answers: list[Answer], replacements: int) -> None:
    """For the page, once it was what it should be."""
    control = Control(name=name, replacements=replacements, answers=answers)
    print(control.row())
    RESULTS.setdefault("controls", []).append(control)


def lost(model: Served, spec: Any, expected: list[list[list[float]]], scratch: Path) -> list[Answer]:
    """Answers while the Deployment of version 1 becomes this."""
    with Load(scratch, "control", CONTROL_RATE, expected) as load:
        time.sleep(5)
        model.replace("digits-v1", spec)
        time.sleep(2)
        model.settle(1)
        time.sleep(5)
    return load.answers


def test_with_it_the_same_change_loses_none(
    model: Served, alone: Any, expected: list[list[list[float]]], tmp_path: Path
) -> None:
    changed = copy.deepcopy(alone["spec"])
    changed["template"]["metadata"]["annotations"] = {"restarted": "as it is"}
    answers = lost(model, changed, expected, tmp_path)
    assert [one.failure for one in answers if one.failure] == []
    keep("as the program makes it", answers, 1)


def gateway_process() -> int:
    """This machine's id of Traefik, 0 if there is none."""
    entry = f"--entryPoints.web.address={paths.LOOPBACK}:{paths.GATEWAY_PORT}".encode()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # gone meanwhile
            if entry in (process / "cmdline").read_bytes().split(b"\0"):
                return int(process.name)
    return 0


def test_a_restart_of_the_gateway_itself(
    model: Served, alone: Any, expected: list[list[list[float]]], tmp_path: Path
) -> None:
    with Load(tmp_path, "gateway", CONTROL_RATE, expected) as load:
        time.sleep(5)
        signal_one(gateway_process(), signal.SIGTERM)
        time.sleep(20)
    RESULTS["gateway"] = load.answers
    assert load.answers[-1].failure is None, "it answers again"
    print(Control(name="a restart of the gateway", replacements=1, answers=load.answers).row())


@pytest.mark.parametrize("control", CONTROLS)
def test_without_it_requests_are_lost(
    model: Served, alone: Any, expected: list[list[list[float]]], control: str, tmp_path: Path
) -> None:
    changed = copy.deepcopy(alone["spec"])
    CONTROLS[control](changed)
    model.replace("digits-v1", changed)
    model.settle(1)
    answers: list[Answer] = []
    replacements = 0
    # Without a drain it is a race, which the gateway may win.
    while replacements < MOST_REPLACEMENTS and not any(one.failure for one in answers):
        replacements += 1
        changed["template"]["metadata"]["annotations"] = {"restarted": str(replacements)}
        answers += lost(model, changed, expected, tmp_path)
    assert any(one.failure for one in answers)
    keep(control, answers, replacements)


def test_the_page_is_written() -> None:
    assert set(RESULTS) == {"answers", "events", "controls", "gateway"}, "only where all the others passed"
    assert len(RESULTS["controls"]) == len(CONTROLS) + 1
    of_controls = {"control_rate": CONTROL_RATE, "most_replacements": MOST_REPLACEMENTS}
    write(RESULTS["answers"], RESULTS["events"], RESULTS["controls"], RESULTS["gateway"], of_controls)


def test_p99_under_a_rollout_is_at_most_twice_that_at_rest() -> None:
    """Of restarts: an engine that computes on the servers' own two cores is not what a cluster has."""
    rest, restart = (p99(during(kind, RESULTS["answers"], RESULTS["events"])) for kind in (REST, "restart"))
    print(f"\np99 {restart * 1e3:.1f} ms under a restart, {rest * 1e3:.1f} ms at rest")
    assert restart <= P99_TIMES * rest
