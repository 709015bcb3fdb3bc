"""One number, podsPerGpu, from the stack file to the six places that must agree on it, in every mode."""

import functools
import json
import re
from dataclasses import dataclass
from typing import Any

import pytest

from infra.checks import examine
from ops.stackfile import ROOT
from tests.unit.recorder import Recorder, record_changed
from tests.unit.words import SWEEP, TODAY, changed

PODS = 4
PRICE = ("policy.prices", {"cpuCore": "0 EUR", "memoryGib": "0 EUR", "gpu": "1 EUR"})
QUOTA = {"requests": {"cpu": 9, "memory": "9Ti", "gpu": 9}, "limits": {"cpu": 9, "memory": "9Ti"}}
PLUGIN = "core/v1:ConfigMap", "nvidia-device-plugin-config"


@dataclass(frozen=True)
class Places:
    """What the six places say."""

    sharing: dict[str, int] | None
    """The plugin's: replicas of a device, by its way of sharing."""

    mig_strategy: str
    asked: str
    """The resource that pods ask for, one of each."""

    memory: str | None
    """Share of a device's memory: of the server's flag, and of the variable of training and sweep."""

    growth: str | None
    """TF_FORCE_GPU_ALLOW_GROWTH of all three."""

    quota: str
    """The key that counts the devices."""

    price: str
    """Per hour of one pod with one device, of 1 EUR."""


WHOLE = Places(None, "none", "nvidia.com/gpu", None, None, "requests.nvidia.com/gpu", "1 EUR")
EXPECTED = {
    "exclusive": WHOLE,
    "timeSlicing": Places(
        {"timeSlicing": PODS}, "none", "nvidia.com/gpu.shared", "0.25", "true", "requests.nvidia.com/gpu.shared",
        "0.25 EUR",
    ),
    "mps": Places(
        {"mps": PODS}, "none", "nvidia.com/gpu.shared", "0.25", "true", "requests.nvidia.com/gpu.shared", "0.25 EUR"
    ),
    "mig": Places(None, "single", *(WHOLE.asked, None, None, WHOLE.quota, WHOLE.price)),
}  # fmt: skip


def gpu(mode: str) -> dict[str, object]:
    return {"mode": mode, **({"podsPerGpu": PODS} if EXPECTED[mode].sharing else {})}


@functools.cache
def platform(mode: str) -> Recorder:
    sweep = {**SWEEP, "gpus": 1, "parallelism": 1}
    return record_changed(
        ("gpu", gpu(mode)),
        ("trainingJobs.digits.gpus", 1),
        ("sweeps", {"search": sweep}),
        ("tenants.train.quota", QUOTA),
        PRICE,
    )


def said_by(mode: str) -> Places:
    """What each place says; where training, sweep and server must agree, that they do."""
    recorded = platform(mode)
    plugin = json.loads(recorded.one(*PLUGIN).inputs["data"]["config.yaml"])
    sharing = plugin.get("sharing")
    containers = [
        recorded.one(kind, name).inputs["spec"]["template"]["spec"]["containers"][0]
        for kind, name in (
            ("batch/v1:Job", "digits-v3"), ("batch/v1:Job", "search-sweep"), ("apps/v1:Deployment", "digits-v3")
        )
    ]  # fmt: skip
    asked, memory, growth = set[str](), set[str | None](), set[str | None]()
    for container in containers:
        limits, requests = (container["resources"][kind] for kind in ("limits", "requests"))
        [device] = {name for name in limits if "/" in name}
        assert limits[device] == requests[device] == "1"
        asked.add(device)
        variables: dict[str, Any] = {one["name"]: one.get("value") for one in container["env"]}
        growth.add(variables.get("TF_FORCE_GPU_ALLOW_GROWTH"))
        flags = dict(re.findall(r"--(\S+)=(\S+)", " ".join(container.get("args") or [])))
        memory.add(variables.get("TFK8S_GPU_MEMORY_FRACTION", flags.get("per_process_gpu_memory_fraction")))
    quotas = [one.inputs["spec"]["hard"] for one in recorded.all("core/v1:ResourceQuota")]
    [key] = {key for hard in quotas for key in hard if "/" in key}
    prices = {
        recorded.outputs["training"]["digits"]["price_per_hour"],
        recorded.outputs["sweeps"]["search"]["price_per_hour"],
        recorded.outputs["models"]["digits"]["price_per_hour_min"],
    }
    return Places(
        sharing={way: words["resources"][0]["replicas"] for way, words in sharing.items()} if sharing else None,
        mig_strategy=plugin["flags"]["migStrategy"],
        asked=only(asked),
        memory=only(memory),
        growth=only(growth),
        quota=key,
        price=only(prices),
    )


def only(values: set[Any]) -> Any:
    [value] = values
    return value


@pytest.mark.parametrize("mode", EXPECTED)
def test_one_number_reaches_plugin_request_memory_growth_quota_and_price(mode: str) -> None:
    assert said_by(mode) == EXPECTED[mode]


@pytest.mark.parametrize("mode", ["exclusive", "mig"])
def test_where_nothing_is_shared_the_number_is_refused(mode: str) -> None:
    words = changed(("gpu", {"mode": mode, "podsPerGpu": PODS}), ("trainingJobs.digits.gpus", 1))
    assert [finding.check for finding in examine(words, TODAY).findings] == ["gpu-sharing"]


def test_the_page_says_what_the_program_does() -> None:
    text = (ROOT / "docs" / "gpu-sharing.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", text, re.MULTILINE))
    assert rows == {mode: row(said_by(mode)) for mode in EXPECTED}


def row(said: Places) -> str:
    plugin = f"`migStrategy: {said.mig_strategy}`"
    if said.sharing is not None:
        [(way, replicas)] = said.sharing.items()
        plugin = f"`sharing.{way}.resources[0].replicas: {replicas}`"
    memory = "all" if said.memory is None else f"`{said.memory}`"
    growth = "no" if said.growth is None else "yes"
    return f"{plugin} | `{said.asked}: 1` | {memory} | {growth} | `{said.quota}` | {said.price}"
