"""A model that nobody asks comes to no pods, and who asks first is answered: Prometheus, adapter and gateway are real.

Takes about twenty minutes, most of it the autoscaler's five minutes of waiting.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Generator
from typing import Any

import httpx
import pytest
from digit_pad.model import Unavailable, ask
from digit_pad.outputs import OutputsFile

from infra.plan import METRIC_LAG, SYNC
from infra.reader import read_outputs, until_answered
from infra.settings import Duration
from local import paths
from tests.e2e.counted import asked, prometheus
from tests.e2e.platform import Platform, make, until
from tests.e2e.test_b_scaling import example

STABILIZATION_SECONDS = 300
"""The autoscaler takes away only what it did not want for so long."""

AGAIN_SECONDS = 1.0
"""Until the example's page asks again for what its server could not have answered (page.html, AGAIN_MS)."""

PAUSE_SECONDS = 5
"""Longest of a caller between two questions: that of `until_answered`."""

SLACK_SECONDS = 10
"""The API server's, the kubelet's and the gateway's own, on two cores that do other work too."""

PIXELS = [[0.0] * 8] * 8

Note = Callable[[httpx.Response], None]
"""Is told each answer as it comes."""


@pytest.fixture(scope="module")
def config() -> dict[str, Any]:
    """The example, with no replica at the least."""
    config = example()
    config["tfk8s:cluster"]["featureGates"] = {"HPAScaleToZero": True}
    config["tfk8s:models"]["digits"]["autoscaling"]["minReplicas"] = 0
    return config


@pytest.fixture(scope="module")
def platform(config: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Generator[Platform]:
    """It, just brought up, and so asked once."""
    assert make("down").status == 0
    platform = Platform(tmp_path_factory.mktemp("overrides"))
    up = platform.up(config)
    assert up.status == 0, up.text
    yield platform
    assert make("down").status == 0


def by_the_reader(note: Note) -> None:
    """As docs/scaling.md has it."""
    url = read_outputs(paths.OUTPUTS.read_text()).models["digits"].predict_url
    with httpx.Client(trust_env=False, event_hooks={"response": [note]}) as client:
        until_answered(lambda: client.post(url, json={"instances": [PIXELS]}))


def by_the_example(note: Note) -> None:
    """As the server of the example's page does for as long as the page is open."""

    async def noted(response: httpx.Response) -> None:
        note(response)

    async def page() -> None:
        where = OutputsFile(paths.OUTPUTS)
        async with httpx.AsyncClient(trust_env=False, event_hooks={"response": [noted]}) as client:
            while True:
                try:
                    await ask(client, where, PIXELS)
                except Unavailable:
                    await asyncio.sleep(AGAIN_SECONDS)
                else:
                    return

    asyncio.run(asyncio.wait_for(page(), STABILIZATION_SECONDS))


def asleep(platform: Platform) -> None:
    """Wait until no pod is left of the model that nobody asks."""
    longest = STABILIZATION_SECONDS + float(METRIC_LAG.seconds + SYNC.seconds) + SLACK_SECONDS
    began = time.monotonic()
    until("nobody asks, so nobody is there", longest, lambda: platform.replicas() == 0 and not platform.serving_pods())
    print(f"\n0 replicas after {time.monotonic() - began:.0f} s without a request")


@pytest.mark.parametrize("caller", [by_the_reader, by_the_example])
def test_who_asks_first_is_answered(platform: Platform, config: dict[str, Any], caller: Callable[[Note], None]) -> None:
    asleep(platform)
    statuses = list[int]()
    began = time.monotonic()
    caller(lambda answer: statuses.append(answer.status_code))
    answered = time.monotonic() - began
    [series] = asked(prometheus(platform), 'tfk8s_model_requests_per_second{model="digits"}')
    print(f"{caller.__name__}: answered after {answered:.1f} s, {dict(Counter(statuses))}; rate {series['value'][1]}")
    assert set(statuses[:-1]) == {503}
    assert statuses[-1] == 200
    cold_start = Duration.parse(config["tfk8s:models"]["digits"]["coldStart"])
    longest = float(METRIC_LAG.seconds + SYNC.seconds + cold_start.seconds)
    assert answered <= longest + PAUSE_SECONDS + SLACK_SECONDS


def test_a_second_up_wakes_it_to_predict_and_changes_nothing(platform: Platform, config: dict[str, Any]) -> None:
    asleep(platform)
    again = platform.up(config)
    assert set(again.stack_changes()) == {"unchanged"}, again.text
    assert again.status == 0, again.text
