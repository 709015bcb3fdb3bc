"""Asking a model that may have no pods: until it answers, no faster than it says, and not for ever."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from infra.reader import retry_after_seconds, until_answered


@dataclass(frozen=True)
class Answer:
    status_code: int
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass
class Model:
    """Sleeps for its first answers; time passes only where somebody waits for it."""

    answers: list[Answer]
    waits: list[float] = field(default_factory=list[float])

    def ask(self) -> Answer:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def clock(self) -> float:
        return sum(self.waits)

    def asked(self, patience: float = 300) -> Answer:
        return until_answered(self.ask, patience_seconds=patience, clock=self.clock, sleep=self.waits.append)


def test_who_asks_a_sleeping_model_gets_the_answer_once_it_is_awake() -> None:
    model = Model([*[Answer(503)] * 20, Answer(200)])
    assert model.asked().status_code == 200
    assert len(model.waits) == 20


@pytest.mark.parametrize("status", [200, 400, 404, 429, 500, 502])
def test_any_other_answer_is_one(status: int) -> None:
    model = Model([Answer(status)])
    assert (model.asked().status_code, model.waits) == (status, [])


def test_pauses_grow_up_to_five_seconds() -> None:
    model = Model([*[Answer(503)] * 12, Answer(200)])
    model.asked()
    assert 0.1 <= model.waits[0] <= 0.2
    assert all(2.5 <= wait <= 5 for wait in model.waits[6:])


def test_the_model_may_say_how_long_to_wait() -> None:
    model = Model([Answer(503, {"Retry-After": "17"}), Answer(200)])
    model.asked()
    assert model.waits == [17.0]


def test_patience_ends_with_the_last_answer_and_without_a_wait_for_nothing() -> None:
    model = Model([Answer(503, {"Retry-After": "40"})])
    assert model.asked(100).status_code == 503
    assert model.waits == [40.0, 40.0]


def test_a_date_is_understood_too() -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    assert 25 < retry_after_seconds({"Retry-After": soon}) <= 30


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("", 0), ("soon", 0), ("-3", 0), ("86400", 60), ("Wed, 21 Oct 2015 07:28:00 GMT", 0), ("Wed, 21 Oct 2015", 0)],
)
def test_nonsense_the_past_and_days_do_not_count(said: str, seconds: float) -> None:
    assert retry_after_seconds({"Retry-After": said}) == seconds
