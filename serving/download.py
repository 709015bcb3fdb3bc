"""Fetch one file by https into a bounded file, and keep it only if it is the one that was asked for."""

import hashlib
import http.client
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO, Final
from urllib.parse import urlsplit

from contract.exits import Exit, Failure

LIMIT_BYTES: Final = 4 * 2**30
"""Largest archive: it lands on the node's disk, which all its pods share. A SavedModel's graph itself ends at 2 GiB."""

SILENCE_SECONDS: Final = 30
"""Longest wait for a connection or for the next bytes."""

DEADLINE_SECONDS: Final = 30 * 60
"""Longest download: LIMIT_BYTES at 2.4 MB/s. A slower one ends with a reason, and the pod starts again."""

CHUNK_BYTES: Final = 2**20


class _HttpsOnly(urllib.request.HTTPRedirectHandler):
    """Follows redirects to https only: the digest protects the content, not what the way there gives away."""

    def redirect_request(  # noqa: PLR0917  the base class's signature
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        if urlsplit(newurl).scheme != "https":
            raise Failure(Exit.FETCH, f"{shown(req.full_url)} redirects to {shown(newurl)}, which is not https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def shown(url: str) -> str:
    """A URL without its query, which may be a signature: fit for a log."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{parts.path}"


def download(
    url: str,
    sha256: str,
    target: Path,
    *,
    limit_bytes: int = LIMIT_BYTES,
    silence_seconds: float = SILENCE_SECONDS,
    deadline_seconds: float = DEADLINE_SECONDS,
) -> int:
    """Write the file at a URL to `target` and return its size in bytes.

    Certificates are checked against the system's authorities, or those of SSL_CERT_FILE; https_proxy is honoured.

    Raises:
        Failure: Not reachable, an answer other than 200, too large, too slow, cut off, or another digest.
        OSError: `target` cannot be written.
    """
    opener = urllib.request.build_opener(_HttpsOnly())
    # The scheme is https: contract.fetch has seen to it, and _HttpsOnly sees to redirects.
    request = urllib.request.Request(url, headers={"User-Agent": "tfk8s"})  # noqa: S310 - the address was checked to be https
    deadline = time.monotonic() + deadline_seconds
    try:
        answer = opener.open(request, timeout=silence_seconds)
    except urllib.error.HTTPError as error:
        raise Failure(Exit.FETCH, f"{shown(url)} answered {error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException) as error:
        raise Failure(Exit.FETCH, f"{shown(url)} cannot be reached: {getattr(error, 'reason', error)}") from error
    with answer, target.open("wb") as file:
        announced = answer.length or 0
        size, digest = 0, hashlib.sha256()
        if announced > limit_bytes:
            raise Failure(Exit.FETCH, f"{shown(url)} has {announced} bytes, more than the limit of {limit_bytes}")
        while chunk := _next(answer, url, size):
            size += len(chunk)
            digest.update(chunk)
            if size > limit_bytes:
                raise Failure(Exit.FETCH, f"{shown(url)} has more than the limit of {limit_bytes} bytes")
            if time.monotonic() > deadline:
                raise Failure(Exit.FETCH, f"{shown(url)} is too slow: {size} bytes came in {deadline_seconds:.0f} s")
            file.write(chunk)
    if size < announced:
        raise Failure(Exit.FETCH, f"{shown(url)} was cut off after {size} of {announced} bytes")
    if digest.hexdigest() != sha256:
        raise Failure(
            Exit.FETCH, f"{shown(url)} has SHA-256 {digest.hexdigest()} ({size} bytes), asked for was {sha256}"
        )
    return size


def _next(answer: http.client.HTTPResponse, url: str, size: int) -> bytes:
    try:
        return answer.read1(CHUNK_BYTES)
    except (OSError, http.client.HTTPException) as error:
        raise Failure(Exit.FETCH, f"{shown(url)} broke off after {size} bytes: {error}") from error
