"""Stands in for what the page asks: outputs as the stack `local` exports them, and a model that answers by script."""

import copy
import json
from collections.abc import Sequence
from typing import Any

import httpx
from digit_pad.outputs import Served

from tests.unit.recorder import committed_platform

URL = "http://model.test/v1/models/digits:predict"
PROBABILITIES = [0.01] * 7 + [0.91, 0.01, 0.01]


def outputs(version: int = 1, **more_models: int) -> str:
    """The text of an outputs file."""
    written: Any = copy.deepcopy(dict(committed_platform("local").outputs))
    written["models"]["digits"] |= {"version": version, "predict_url": URL}
    for name, other in more_models.items():
        written["models"][name] = {**written["models"]["digits"], "version": other}
    return json.dumps(written)


def said(probabilities: Sequence[object] = PROBABILITIES) -> httpx.Response:
    return httpx.Response(200, json={"predictions": [list(probabilities)]})


class Model(httpx.MockTransport):
    """Gives these answers in turn, the last one for ever, and keeps what it was asked."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.asked: list[Any] = []
        self._answers = list(answers)
        super().__init__(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(json.loads(request.content))
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)


class Fixed:
    """A stack whose versions are these in turn, the last one for ever."""

    def __init__(self, *versions: int) -> None:
        self._versions = list(versions or (1,))

    def served(self) -> Served:
        return Served("digits", self._versions.pop(0) if len(self._versions) > 1 else self._versions[0], URL)
