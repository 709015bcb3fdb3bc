"""HTTP/1.1 around the REST API: keep-alive, bounded bodies, slow and broken clients."""

import logging
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .config import MonitoringConfig
from .metrics import Metrics
from .rest import Answer, RestApi

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 256 * 1024 * 1024
"""A larger request is refused with 413: JSON of this size takes gigabytes once parsed."""

MAX_LINE_BYTES = 1024
"""Longest line that introduces a chunk of a chunked body."""


class BodyError(Exception):
    """The request's body cannot be read; carries the HTTP status to answer with."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: "RestServer"  # pyright: ignore[reportIncompatibleVariableOverride] (this handler serves that server only)
    timeout = 60.0
    """Seconds that a client may take for each read, and that an idle connection is kept."""
    disable_nagle_algorithm = True
    """Answers are small, and somebody waits for them."""
    wbufsize = -1
    """Headers and body leave in one packet."""

    def _handle(self) -> None:
        try:
            body = self._body()
        except BodyError as error:
            self.close_connection = True
            self._send(Answer(status=error.status, body=f"{error}\n".encode(), content_type="text/plain"))
            return
        self._send(self.server.answer(self.command, self.path.partition("?")[0], body))

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = do_OPTIONS = _handle

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self._chunked_body()
        text = self.headers.get("Content-Length", "0")
        if not (text.isascii() and text.isdecimal()):
            raise BodyError(400, f"bad Content-Length: {text[:40]!r}")
        return self._read(int(text), 0)

    def _read(self, length: int, before: int) -> bytes:
        if before + length > MAX_BODY_BYTES:
            raise BodyError(413, f"the request's body is larger than {MAX_BODY_BYTES} bytes")
        data = self.rfile.read(length)
        if len(data) < length:
            raise BodyError(400, f"the request's body ended after {len(data)} of {length} bytes")
        return data

    def _chunked_body(self) -> bytes:
        chunks: list[bytes] = []
        while True:
            size = self.rfile.readline(MAX_LINE_BYTES).partition(b";")[0].strip()
            try:
                length = int(size, 16)
            except ValueError:
                raise BodyError(400, f"bad chunk size: {size[:40]!r}") from None
            chunks.append(self._read(length, sum(map(len, chunks))) if length > 0 else b"")
            line = self.rfile.readline(MAX_LINE_BYTES)
            if length <= 0:
                while line.strip():  # trailers
                    line = self.rfile.readline(MAX_LINE_BYTES)
                return b"".join(chunks)

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:
        """A line a request would be noise; the metrics count them."""


class RestServer(ThreadingHTTPServer):
    """Serves the REST API, and the metrics where the monitoring configuration says."""

    daemon_threads = True
    request_queue_size = 1024

    def __init__(
        self, address: tuple[str, int], api: RestApi, metrics: Metrics, monitoring: MonitoringConfig, threads: int
    ) -> None:
        """Listen, and answer once `serve_forever` runs.

        Args:
            address: Host and port.
            api: Answers.
            metrics: Shown at `monitoring.path`.
            monitoring: Whether and where.
            threads: Requests worked on at a time; others wait.
        """
        self._api = api
        self._metrics = metrics
        self._monitoring = monitoring
        self._slots = threading.BoundedSemaphore(max(threads, 1))
        super().__init__(address, Handler)

    def answer(self, method: str, path: str, body: bytes) -> Answer:
        """Answer a request when a slot is free."""
        if self._monitoring.enable and path == self._monitoring.path:
            return Answer(status=200, body=self._metrics.page().encode(), content_type="text/plain")
        with self._slots:
            return self._api.answer(method, path, body)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is not news."""
        log.debug("connection of %s ended early", client_address, exc_info=True)
