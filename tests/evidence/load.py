"""Requests at a constant rate through the gateway, sent whether or not earlier ones are answered, and every answer."""

import base64
import json
import math
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import httpx

from local import paths, tools
from local.progress import to_stdout
from training.data import load

URL = f"http://{paths.LOOPBACK}:{paths.GATEWAY_PORT}/v1/models/digits:predict"
DIGITS = 16
"""Held-out digits that are asked for in turn."""

TIMEOUT_SECONDS = 30
_SAME = 1e-5
"""Largest difference of two probabilities that are the same."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What became of one request."""

    sent: float
    """Seconds of the epoch."""

    seconds: float
    """From when it was due to the end of its answer."""

    failure: str | None
    """Why it counts as failed: no answer, another status than 200, or a wrong answer."""


def bodies() -> list[str]:
    """The digits as requests of one each."""
    images = load().test.images[:DIGITS]
    return [json.dumps({"instances": [image.tolist()]}) for image in images]


def probabilities() -> list[list[float]]:
    """What the version that serves alone now says of each digit, [digit][class]."""
    answers = [httpx.post(URL, content=body, timeout=TIMEOUT_SECONDS).raise_for_status() for body in bodies()]
    return [answer.json()["predictions"][0] for answer in answers]


class Load:
    """vegeta, from entering to leaving the block; then it has answers."""

    def __init__(self, scratch: Path, name: str, rate: int, expected: Sequence[Sequence[Sequence[float]]]) -> None:
        """Take how it is run.

        Args:
            scratch: Where its files go.
            name: Of the files.
            rate: Requests a second.
            expected: Probabilities of each version that may answer, [version][digit][class].
        """
        self._vegeta = str(tools.vegeta(to_stdout))
        self._targets, self._results = scratch / f"{name}.targets", scratch / f"{name}.results"
        self._rate, self._expected = rate, expected
        self.answers: list[Answer] = []

    def __enter__(self) -> Self:
        lines = [
            {"method": "POST", "url": f"{URL}?digit={number}", "body": base64.b64encode(body.encode()).decode()}
            for number, body in enumerate(bodies())
        ]
        self._targets.write_text("\n".join(map(json.dumps, lines)))
        # In the background of a shell SIGINT may be ignored, by which it is told to stop.
        command = ["env", "--default-signal=INT", self._vegeta, "attack", "-format=json", f"-targets={self._targets}"]
        command += [f"-rate={self._rate}/1s", "-duration=0", f"-timeout={TIMEOUT_SECONDS}s"]
        self._process = subprocess.Popen([*command, f"-output={self._results}"])
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGINT)
        self._process.wait(timeout=2 * TIMEOUT_SECONDS)
        encode = [self._vegeta, "encode", "-to=json", str(self._results)]
        encoded = subprocess.run(encode, stdout=subprocess.PIPE, check=True).stdout
        self.answers = sorted((self._judged(json.loads(line)) for line in encoded.splitlines()), key=lambda a: a.sent)

    def _judged(self, result: Any) -> Answer:
        return Answer(
            sent=datetime.fromisoformat(_microseconds(result["timestamp"])).timestamp(),
            seconds=result["latency"] / 1e9,
            failure=self._failure(result),
        )

    def _failure(self, result: Any) -> str | None:
        if result["code"] != httpx.codes.OK:
            return f"{result['code']} {result['error']}"
        digit = int(result["url"].rpartition("=")[2])
        [found] = json.loads(base64.b64decode(result["body"]))["predictions"]
        if any(_same(found, version[digit]) for version in self._expected):
            return None
        return f"digit {digit}: {found}"


def _same(found: Sequence[float], expected: Sequence[float]) -> bool:
    return len(found) == len(expected) and all(
        math.isclose(one, other, abs_tol=_SAME) for one, other in zip(found, expected, strict=True)
    )


def _microseconds(timestamp: str) -> str:
    """Go writes up to nine digits of a second, and none of trailing zeros; Python before 3.13 reads three or six."""
    seconds, _, rest = timestamp.rstrip("Z").partition(".")
    return f"{seconds}.{rest[:6]:0<6}+00:00"
