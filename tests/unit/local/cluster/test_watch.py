"""Following a collection."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from local.cluster import watch as watching
from local.cluster.watch import Changed, Deleted, Event, Listed, merge_status, watch


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "RETRY_SECONDS", 0)


def listing(version: str, *names: str) -> httpx.Response:
    items = [{"metadata": {"name": name}} for name in names]
    return httpx.Response(200, json={"metadata": {"resourceVersion": version}, "items": items})


def stream(*events: tuple[str, str, str]) -> httpx.Response:
    lines = [{"type": kind, "object": {"metadata": {"name": name, "resourceVersion": v}}} for kind, name, v in events]
    return httpx.Response(200, text="".join(json.dumps(line) + "\n" for line in lines))


def follow(count: int, *answers: httpx.Response | Exception) -> tuple[list[Event], list[httpx.URL]]:
    """The first `count` events and all requests, when the API server gives these answers in turn."""
    left, asked = list(answers), list[httpx.URL]()

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url)
        reply = left.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def collect() -> list[Event]:
        client = httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="https://cluster")
        events: list[Event] = []
        async with client, asyncio.timeout(5):
            generator: AsyncIterator[Event] = watch(client, "/api/v1/services")
            async for event in generator:
                events.append(event)
                if len(events) == count:
                    break
        return events

    return asyncio.run(collect()), asked


def test_collection_comes_first_and_then_its_changes() -> None:
    events, asked = follow(3, listing("5", "a"), stream(("MODIFIED", "a", "6"), ("DELETED", "a", "7")))
    assert [type(event) for event in events] == [Listed, Changed, Deleted]
    assert asked[1].params["resourceVersion"] == "5"


def test_ended_watch_is_resumed_where_it_was() -> None:
    events, asked = follow(3, listing("5"), stream(("ADDED", "a", "6")), stream(("ADDED", "b", "7")))
    assert [type(event) for event in events] == [Listed, Changed, Changed]
    assert asked[2].params["resourceVersion"] == "6"


def test_bookmark_moves_the_point_to_resume_from_and_is_no_event() -> None:
    events, asked = follow(2, listing("5"), stream(("BOOKMARK", "", "9")), stream(("ADDED", "a", "10")))
    assert [type(event) for event in events] == [Listed, Changed]
    assert asked[2].params["resourceVersion"] == "9"


def test_broken_connection_is_resumed_without_a_new_list() -> None:
    events, asked = follow(2, listing("5"), httpx.ConnectError("down"), stream(("ADDED", "a", "6")))
    assert [type(event) for event in events] == [Listed, Changed]
    assert asked[2].params["resourceVersion"] == "5"


@pytest.mark.parametrize("gone", [httpx.Response(410), httpx.Response(200, text='{"type": "ERROR", "object": {}}\n')])
def test_forgotten_point_means_a_new_list(gone: httpx.Response) -> None:
    events, asked = follow(2, listing("5"), gone, listing("8"))
    assert [type(event) for event in events] == [Listed, Listed]
    assert "watch" not in asked[2].params


def merge(answer: Callable[[int], httpx.Response]) -> int:
    """How often a status is sent until `merge_status` is content or gives up."""
    calls = 0

    def handle(_: httpx.Request) -> httpx.Response:
        nonlocal calls
        calls += 1
        return answer(calls)

    async def inside() -> None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(handle), base_url="https://cluster") as client:
            await merge_status(client, "/api/v1/nodes/n", {"a": 1})

    asyncio.run(inside())
    return calls


def test_status_is_sent_again_while_the_server_is_in_trouble() -> None:
    assert merge(lambda call: httpx.Response(200 if call == 3 else 503)) == 3


def test_refused_status_is_told_and_not_sent_again(capsys: pytest.CaptureFixture[str]) -> None:
    assert merge(lambda _: httpx.Response(403, text="no")) == 1
    assert "/api/v1/nodes/n: status not written: no" in capsys.readouterr().err
