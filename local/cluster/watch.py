"""Follows a collection of the API server for as long as the process runs, and writes status back."""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

import httpx

from local.cluster.api import Object

RETRY_SECONDS = 1.0
"""Pause after a failed call; the API server is a neighbour on the loopback."""
_TIMEOUT = httpx.Timeout(10.0, read=330.0)
"""The API server ends a watch after `timeoutSeconds`, before silence is taken for a dead connection."""
_WATCH = {"watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": "300"}
_GONE = 410
_SERVER_ERROR = 500
_TRIES = 30


@dataclass(frozen=True)
class Listed:
    """The whole collection, at the start and whenever changes were missed."""

    objects: list[Object]


@dataclass(frozen=True)
class Changed:
    """One object was added or modified."""

    object: Object


@dataclass(frozen=True)
class Deleted:
    """One object is gone."""

    object: Object


Event = Listed | Changed | Deleted


async def watch(client: httpx.AsyncClient, path: str, **parameters: str) -> AsyncGenerator[Event]:
    """Yield the collection and then its changes, without end.

    A broken or ended connection is resumed where it was. Only if the API server no longer remembers that point is the
    collection listed again. While the API server is away nothing is yielded.

    Args:
        client: Client of the API server.
        path: Path of the collection, such as `/api/v1/services`.
        **parameters: Further query parameters, such as `fieldSelector`.
    """
    version = ""
    while True:
        try:
            if not version:
                answer = (await client.get(path, params=parameters)).raise_for_status().json()
                version = answer["metadata"]["resourceVersion"]
                yield Listed(answer["items"])
            query = {**parameters, **_WATCH, "resourceVersion": version}
            async with client.stream("GET", path, params=query, timeout=_TIMEOUT) as stream:
                stream.raise_for_status()
                async for line in stream.aiter_lines():
                    event: dict[str, Any] = json.loads(line)
                    if event["type"] == "ERROR":
                        version = ""
                        break
                    version = event["object"]["metadata"]["resourceVersion"]
                    if event["type"] != "BOOKMARK":
                        yield Deleted(event["object"]) if event["type"] == "DELETED" else Changed(event["object"])
        except httpx.HTTPStatusError as error:
            if error.response.status_code == _GONE:
                version = ""
            await asyncio.sleep(RETRY_SECONDS)
        except (httpx.TransportError, ValueError):
            await asyncio.sleep(RETRY_SECONDS)


async def merge_status(client: httpx.AsyncClient, path: str, status: Object) -> None:
    """Merge into an object's status; a refusal is only told, since the next event of the object brings another try.

    Args:
        client: Client of the API server.
        path: Path of the object, without `/status`.
        status: What to merge into `status`.
    """
    headers = {"Content-Type": "application/merge-patch+json"}
    trouble = ""
    for _ in range(_TRIES):
        try:
            answer = await client.patch(f"{path}/status", headers=headers, json={"status": status})
        except httpx.TransportError as error:
            trouble = repr(error)
        else:
            if answer.is_success:
                return
            trouble = answer.text
            if answer.status_code < _SERVER_ERROR:
                break
        await asyncio.sleep(RETRY_SECONDS)
    print(f"{path}: status not written: {trouble}", file=sys.stderr, flush=True)
