"""Asks the served model, again and again while a rollout, a restart or the network stands in the way."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, cast

import httpx

from digit_pad.outputs import Served
from infra.reader import retry_after_seconds

CLASSES = 10
DEADLINE_SECONDS = 5.0
"""From the question to the last moment of an answer; who draws has looked away by then."""

TRY_SECONDS = 2.0
"""Of one try: a server that hangs leaves time for another one."""

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.05, 0.8
PASSING = frozenset({502, 503, 504})
"""Answers of proxies and load balancers that have no server at the moment; 503 also while a model without pods wakes
up, for which the page asks again and again."""


class Unavailable(Exception):
    """Nobody answered within the deadline; the message says what happened last."""

    def __init__(self, message: str, retry_after_seconds: float) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds
        """How long whoever answered last asks to wait; 0 where it said nothing."""


class Refused(Exception):
    """The model answered, but no probabilities of ten digits: asking again gives the same."""


class Where(Protocol):
    """What knows the model's address of the moment."""

    def served(self) -> Served: ...  # noqa: D102  OutputsFile says it


@dataclass(frozen=True)
class Answer:
    """What the model said."""

    served: Served
    """As it was at the try that was answered."""

    probabilities: list[float]
    """Of the digits 0 to 9."""

    tries: int
    model_ms: float
    """Of the try that was answered."""


async def ask(
    client: httpx.AsyncClient,
    where: Where,
    pixels: list[list[float]],
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Answer:
    """Ask until it is answered or the deadline has passed. A prediction changes nothing, so it may be asked twice.

    Args:
        client: Its own timeout is not used.
        where: Asked before each try, so that one that has moved meanwhile is found.
        pixels: [8, 8], from 0 to 16.
        clock: Seconds.
        sleep: Waits.

    Raises:
        Unavailable: Nobody answered in time.
        Refused: The answer is no answer.
    """
    deadline, pause, tries = clock() + DEADLINE_SECONDS, FIRST_PAUSE_SECONDS, 0
    while True:
        served, start, asked_to_wait = where.served(), clock(), 0.0
        tries += 1
        try:
            timeout = min(TRY_SECONDS, max(0.1, deadline - start))
            answer = await client.post(served.predict_url, json={"instances": [pixels]}, timeout=timeout)
        except httpx.TransportError as error:
            problem = str(error) or type(error).__name__
        else:
            if answer.status_code not in PASSING:
                return Answer(served, _probabilities(answer), tries, (clock() - start) * 1000)
            problem, asked_to_wait = f"HTTP {answer.status_code}", retry_after_seconds(answer.headers)
        # Between half and all of the pause: pages that failed together should not come back together.
        wait = max(asked_to_wait, pause * random.uniform(0.5, 1))  # noqa: S311  nothing secret
        if clock() + wait >= deadline:
            said = f"{served.predict_url} did not answer {tries} tries in {DEADLINE_SECONDS:g} s: {problem}"
            raise Unavailable(said, asked_to_wait)
        await sleep(wait)
        pause = min(pause * 2, LONGEST_PAUSE_SECONDS)


def _probabilities(answer: httpx.Response) -> list[float]:
    if answer.is_error:
        raise Refused(f"{answer.url} answered HTTP {answer.status_code}: {answer.text[:200]}")
    try:
        row = cast("object", answer.json()["predictions"][0])
    except (ValueError, KeyError, IndexError, TypeError):
        raise Refused(f"{answer.url} answered something that is no prediction: {answer.text[:200]}") from None
    values = cast("list[object]", row) if isinstance(row, list) else []
    numbers = [float(value) for value in values if isinstance(value, int | float)]
    if len(numbers) != CLASSES or len(values) != CLASSES:
        raise Refused(f"{answer.url} is no model of ten digits: it answered {answer.text[:200]}")
    return numbers
