"""Asking goes on through what passes, and ends at what does not. No test waits: time is a number here."""

import asyncio

import httpx
import pytest
from digit_pad.model import DEADLINE_SECONDS, Answer, Refused, Unavailable, ask

from tests.unit.examples.stand_in import PROBABILITIES, Fixed, Model, said

PIXELS = [[0.0] * 8] * 8


class Time:
    """Passes only where somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def asked(model: Model, where: Fixed | None = None, time: Time | None = None) -> Answer:
    time = time or Time()

    async def one() -> Answer:
        async with httpx.AsyncClient(transport=model) as client:
            return await ask(client, where or Fixed(), PIXELS, clock=time.clock, sleep=time.sleep)

    return asyncio.run(one())


def test_an_answer_has_the_probabilities_and_the_version() -> None:
    model = Model(said())
    answer = asked(model, Fixed(4))
    assert (answer.probabilities, answer.served.version, answer.tries) == (PROBABILITIES, 4, 1)
    assert model.asked == [{"instances": [PIXELS]}]


@pytest.mark.parametrize(
    "passing",
    [
        httpx.ConnectError("refused"),
        httpx.ReadError("reset"),
        httpx.RemoteProtocolError("closed without an answer"),
        httpx.ReadTimeout("slow"),
        httpx.Response(502),
        httpx.Response(503),
        httpx.Response(504),
    ],
)
def test_what_passes_is_asked_again(passing: httpx.Response | Exception) -> None:
    assert asked(Model(passing, passing, said())).tries == 3


def test_pauses_grow_and_end_before_the_deadline() -> None:
    time = Time()
    with pytest.raises(Unavailable, match=r"did not answer \d+ tries in 5 s: refused"):
        asked(Model(httpx.ConnectError("refused")), time=time)
    assert time.slept[0] <= 0.05
    assert 0.4 <= max(time.slept) <= 0.8
    assert DEADLINE_SECONDS - 0.8 <= time.now < DEADLINE_SECONDS


def test_a_server_that_says_how_long_to_wait_is_asked_no_earlier() -> None:
    time = Time()
    sleepy = httpx.Response(503, headers={"Retry-After": "2"})
    assert asked(Model(sleepy, said()), time=time).tries == 2
    assert time.slept == [2.0]


def test_who_is_told_to_wait_longer_than_the_deadline_tells_so() -> None:
    with pytest.raises(Unavailable, match="did not answer 1 tries in 5 s: HTTP 503") as unavailable:
        asked(Model(httpx.Response(503, headers={"Retry-After": "30"})))
    assert unavailable.value.retry_after_seconds == 30


def test_the_address_is_looked_up_before_each_try() -> None:
    assert asked(Model(httpx.Response(503), said()), Fixed(1, 2)).served.version == 2


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (httpx.Response(400, text="input must be [8, 8]"), r"HTTP 400: input must be \[8, 8\]"),
        (httpx.Response(404, text="no such model"), "HTTP 404"),
        (httpx.Response(200, text="<html>"), "no prediction"),
        (httpx.Response(200, json={"predictions": []}), "no prediction"),
        (said([0.5, 0.5]), "no model of ten digits"),
        (said(["a"] * 10), "no model of ten digits"),
    ],
)
def test_what_stays_wrong_is_asked_once(answer: httpx.Response, reason: str) -> None:
    model = Model(answer)
    with pytest.raises(Refused, match=reason):
        asked(model)
    assert len(model.asked) == 1
