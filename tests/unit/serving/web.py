"""A web server on the loopback address that answers as it is told."""

from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler


@dataclass
class Web:
    """What the server answers, by path; and what it was asked."""

    url: str = ""
    bodies: dict[str, bytes] = field(default_factory=dict[str, bytes])
    redirects: dict[str, str] = field(default_factory=dict[str, str])
    announced: dict[str, int] = field(default_factory=dict[str, int])
    """Content-Length where it is not the body's; below 0: none is sent."""

    asked: list[str] = field(default_factory=list[str])


def handler(web: Web) -> type[BaseHTTPRequestHandler]:
    """The class that answers for `web`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            web.asked.append(self.path)
            path = self.path.split("?")[0]
            if path in web.redirects:
                self.send_response(302)
                self.send_header("Location", web.redirects[path])
                self.send_header("Content-Length", "0")
                self.end_headers()
            elif path in web.bodies:
                self.send_response(200)
                length = web.announced.get(path, len(web.bodies[path]))
                if length >= 0:
                    self.send_header("Content-Length", str(length))
                self.end_headers()
                self.wfile.write(web.bodies[path])
            else:
                self.send_error(404)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    return Handler
