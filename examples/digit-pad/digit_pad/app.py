"""The page and its endpoints."""

import base64
import hashlib
import json
import math
import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import httpx
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from digit_pad import drawing
from digit_pad.feedback import Feedback, FeedbackError
from digit_pad.model import CLASSES, Refused, Unavailable, Where, ask

PAGE = Path(__file__).with_name("page.html")
LARGEST_BODY = 256 * 1024
"""Bytes; the largest drawing that is taken has about half of that."""


def make_app(
    where: Where, transport: httpx.AsyncBaseTransport | None = None, feedback: Feedback | None = None
) -> Starlette:
    """Make the application.

    Args:
        where: Knows the model's address.
        transport: How to reach the model; over the network unless given.
        feedback: Keeps what people say they drew; they are not asked unless given.
    """
    page = PAGE.read_text()
    # No environment: a proxy of the machine has no business between the page and the model.
    client = httpx.AsyncClient(transport=transport, trust_env=False)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        async with client:
            yield

    async def show(_: Request) -> Response:
        return HTMLResponse(page, headers=_headers(page))

    async def model(_: Request) -> Response:
        served = where.served()
        asks = {"feedback": True} if feedback is not None else {}
        return JSONResponse(
            {"model": served.name, "version": served.version, **asks}, headers={"Cache-Control": "no-store"}
        )

    async def predict(request: Request) -> Response:
        try:
            strokes = drawing.parse(_fields(await _body(request))["strokes"])
        except drawing.DrawingError as error:
            return _error(400, str(error))
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it
        pixels = await run_in_threadpool(drawing.to_pixels, strokes)
        try:
            answer = await ask(client, where, pixels)
        except Unavailable as error:
            wait = math.ceil(error.retry_after_seconds)
            return _error(503, str(error), {"Retry-After": str(wait)} if wait else {})
        except Refused as error:
            return _error(502, str(error))
        return JSONResponse(
            {
                "digit": max(range(len(answer.probabilities)), key=answer.probabilities.__getitem__),
                "probabilities": answer.probabilities,
                "pixels": pixels,
                "model": answer.served.name,
                "version": answer.served.version,
                "tries": answer.tries,
                "modelMs": round(answer.model_ms, 1),
            }
        )

    async def keep(request: Request) -> Response:
        assert feedback is not None, "its route is there only with it"
        # Other sites' pages can send anything but JSON here, and must not label drawings.
        if request.headers.get("Content-Type") != "application/json":
            return _error(415, "the body must be application/json")
        try:
            fields = _fields(await _body(request))
            strokes = drawing.parse(fields["strokes"])
        except drawing.DrawingError as error:
            return _error(400, str(error))
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it
        digit = fields.get("label")
        if not isinstance(digit, int) or isinstance(digit, bool) or digit not in range(CLASSES):
            return _error(400, f'"label" must be a digit from 0 to {CLASSES - 1}')
        pixels = await run_in_threadpool(drawing.to_pixels, strokes)
        try:
            await run_in_threadpool(feedback.keep, pixels, digit)
        except FeedbackError as error:
            return _error(507, str(error))
        return JSONResponse({"kept": digit})

    routes = [Route("/", show), Route("/model", model), Route("/predict", predict, methods=["POST"])]
    if feedback is not None:
        routes.append(Route("/feedback", keep, methods=["POST"]))
    return Starlette(routes=routes, lifespan=lifespan)


async def _body(request: Request) -> bytes:
    """Read the body, but never more than is taken."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            raise drawing.DrawingError(f"the body is larger than {LARGEST_BODY // 1024} KiB")
    return bytes(body)


def _fields(body: bytes) -> dict[str, object]:
    """An object with strokes in it, whatever they are."""
    try:
        # RecursionError: nested deeper than Python reads.
        value = cast("object", json.loads(body))
    except (ValueError, RecursionError):
        raise drawing.DrawingError('the body must be JSON: {"strokes": [[[x, y], …], …]}') from None
    if not isinstance(value, dict) or "strokes" not in value:
        raise drawing.DrawingError('the body must be an object with "strokes"')
    return cast("dict[str, object]", value)


def _error(status: int, reason: str, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse({"error": reason}, status_code=status, headers=headers)


def _headers(page: str) -> dict[str, str]:
    """Only the page's own style and script run, and it talks to nobody but its server."""

    def hashed(tag: str) -> str:
        texts = cast("list[str]", re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL))
        return " ".join(
            f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in texts
        )

    policy = [
        "default-src 'none'",
        f"script-src {hashed('script')}",
        f"style-src {hashed('style')}",
        "connect-src 'self'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
    return {
        "Content-Security-Policy": "; ".join(policy),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-cache",
    }
