"""HTTP around the serving stand-in's API: keep-alive, chunks, broken clients. Over a socket pair, no network."""

import socket
import threading
from collections.abc import Callable
from typing import cast

import pytest

from local.images.serving import httpd
from local.images.serving.rest import Answer

Exchange = Callable[[bytes], str]


class FakeServer:
    def answer(self, method: str, path: str, body: bytes) -> Answer:
        return Answer(status=200, body=f"{method} {path} {body.decode()}".encode())


@pytest.fixture
def exchange(monkeypatch: pytest.MonkeyPatch) -> Exchange:
    monkeypatch.setattr(httpd.Handler, "disable_nagle_algorithm", False)  # a socket pair has no TCP options

    def send(data: bytes) -> str:
        client, server = socket.socketpair()

        def handle() -> None:
            with server:
                httpd.Handler(server, ("client", 0), cast("httpd.RestServer", FakeServer()))

        thread = threading.Thread(target=handle, daemon=True)
        thread.start()
        with client:
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
            client.settimeout(2)
            received = b"".join(iter(lambda: client.recv(65536), b""))
        thread.join(2)
        return received.decode()

    return send


def test_a_connection_answers_one_request_after_another(exchange: Exchange) -> None:
    request = b"POST /a?q=1 HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi"
    text = exchange(request + request)
    assert text.count("HTTP/1.1 200") == 2
    assert text.count("POST /a hi") == 2
    assert "Content-Type: application/json" in text


def test_a_chunked_body_is_put_together(exchange: Exchange) -> None:
    text = exchange(
        b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nTrailer: x\r\n\r\n"
    )
    assert "POST /a hello" in text


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"Content-Length: x", 400),
        (b"Content-Length: -1", 400),
        (b"Content-Length: 10", 400),
        (b"Content-Length: 99999999999", 413),
        (b"Transfer-Encoding: chunked", 400),
    ],
)
def test_a_broken_body_is_refused_and_the_connection_closed(exchange: Exchange, head: bytes, status: int) -> None:
    text = exchange(b"POST /a HTTP/1.1\r\n" + head + b"\r\n\r\nzz")
    assert f"HTTP/1.1 {status}" in text
    assert "Connection: close" in text


def test_head_gets_no_body(exchange: Exchange) -> None:
    assert exchange(b"HEAD /a HTTP/1.1\r\n\r\n").endswith("\r\n\r\n")
