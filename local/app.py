"""`make app`: the example examples/digit-pad on the running platform, as anybody would start a copy of it."""

import json
import os
import socket
import sys
from collections.abc import Mapping
from typing import NoReturn, cast

import httpx

from local import paths
from local.progress import LocalError

DIGIT_PAD = paths.ROOT / "examples" / "digit-pad"
MODEL = "digits"
PORT = 8080
_SECONDS = 3.0
"""How long the platform may take to say that it is there."""


def run(environment: Mapping[str, str] | None = None) -> NoReturn:
    """Become the application; Ctrl-C then ends it and nothing else.

    Args:
        environment: In place of the process's own; `PORT` in it chooses the port.

    Raises:
        LocalError: The platform does not run, or the port is no port or taken.
    """
    chosen = dict(os.environ if environment is None else environment)
    port = _free_port(chosen.get("PORT") or str(PORT))
    _require_platform()
    words = ["-m", "digit_pad", "--outputs", str(paths.OUTPUTS), "--model", MODEL, "--port", str(port)]
    words += ["--feedback", str(paths.FEEDBACK)]
    sys.stdout.flush()
    # The reader it needs is in this Python already: the checkout is installed there.
    os.execve(sys.executable, [sys.executable, *words], {**chosen, "PYTHONPATH": str(DIGIT_PAD)})  # noqa: S606  no shell


def _free_port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 65535:  # noqa: PLR2004  the highest port there is
        raise LocalError(f"PORT is {text!r}: must be a number from 1 to 65535")
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((paths.LOOPBACK, int(text)))
        except OSError as error:
            reason = f"port {text} on {paths.LOOPBACK} cannot be taken: {error.strerror}."
            raise LocalError(f"{reason}\nChoose another one: `make app PORT=8081`.") from None
    return int(text)


def _require_platform() -> None:
    try:
        outputs = cast("Mapping[str, Mapping[str, Mapping[str, str]]]", json.loads(paths.OUTPUTS.read_text()))
        url = outputs["models"][MODEL]["predict_url"].removesuffix(":predict")
    except FileNotFoundError:
        raise LocalError("the platform does not run: start it with `make up`, then run `make app` again.") from None
    except (KeyError, TypeError, ValueError):
        fix = "put it back into the stack file and run `make up`, then `make app` again."
        raise LocalError(f"the stack serves no model {MODEL!r}, which the page asks: {fix}") from None
    try:
        httpx.get(url, timeout=_SECONDS, trust_env=False)
    except httpx.TransportError as error:
        reason = f"the platform was started, but {url} does not answer: {error}"
        raise LocalError(f"{reason}\n`make status` shows what runs, `make up` brings the rest up again.") from None
