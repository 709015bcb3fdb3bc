"""`python -m digit_pad --outputs outputs.json`: serves the page on this machine."""

import argparse
import socket
import sys
from pathlib import Path

import uvicorn

from digit_pad.app import make_app
from digit_pad.feedback import Feedback
from digit_pad.outputs import NoModelError, OutputsFile

HOST = "127.0.0.1"
STOP_SECONDS = 1


def main(arguments: list[str] | None = None) -> int:
    """Serve until interrupted.

    Returns:
        Exit status: 0, also after Ctrl-C; 1 for a failure that was explained.
    """
    parser = argparse.ArgumentParser(prog="python -m digit_pad", description="Draw a digit, see what the model says.")
    parser.add_argument("--outputs", type=Path, required=True, help="file with `pulumi stack output --json`")
    parser.add_argument("--model", help="name of the model; needed where the stack serves several")
    parser.add_argument(
        "--port", type=_port, default=8080, help="port on 127.0.0.1; 0 takes a free one (default: 8080)"
    )
    parser.add_argument(
        "--feedback", type=Path, metavar="FILE", help="ask what was drawn, and keep it here for `tfk8s judge`"
    )
    options = parser.parse_args(arguments)
    try:
        outputs = OutputsFile(options.outputs, options.model)
        feedback = Feedback(options.feedback) if options.feedback else None
        listening = _listen(options.port)
    except (NoModelError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    served = outputs.served()
    print(f"digit pad:  http://{HOST}:{listening.getsockname()[1]}  (Ctrl-C ends it)", flush=True)
    print(f"asks:       {served.name}, version {served.version}, at {served.predict_url}", flush=True)
    config = uvicorn.Config(
        make_app(outputs, feedback=feedback), log_level="warning", timeout_graceful_shutdown=STOP_SECONDS
    )
    try:
        uvicorn.Server(config).run(sockets=[listening])
    except KeyboardInterrupt:  # uvicorn stops in order, then passes the interrupt on
        print("\nended", flush=True)
    return 0


def _listen(port: int) -> socket.socket:
    """Take the port before anything else, to say plainly that it is taken.

    Raises:
        OSError: It is.
    """
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
    except OSError as error:
        listening.close()
        raise OSError(f"port {port} on {HOST} cannot be taken: {error.strerror}. Choose another with --port") from None
    return listening


def _port(text: str) -> int:
    if not text.isdigit() or int(text) > 65535:  # noqa: PLR2004  the highest port there is
        raise argparse.ArgumentTypeError(f"{text!r} is no port from 0 to 65535")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
