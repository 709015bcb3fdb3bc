"""How a container of ours ends: one documented code, and one clear line as the last one of its log.

The pods' `terminationMessagePolicy` is FallbackToLogsOnError: the end of the log is what Kubernetes keeps as the reason
and what a user of `pulumi up` reads. Job and kubelet do not tell the codes apart; people and tests do.
"""

import os
import signal
import sys
from collections.abc import Callable
from enum import IntEnum
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

MESSAGE_FILE: Final = Path("/dev/termination-log")
"""What a container writes here is kept in its pod's status: the default `terminationMessagePath`."""

MESSAGE_BYTES: Final = 4096
"""Most that Kubernetes keeps of it."""


class Exit(IntEnum):
    """Exit codes of training runs and of the init step of serving pods."""

    OK = 0
    """Published, or published already; for the init step: the version is there and whole."""

    BAD_INPUT = 2
    """Environment, definition or arguments are wrong; nothing was read or written."""

    REFUSED = 3
    """The version is published already, from another definition, and is never rewritten; or the data has changed under
    the unfinished run. Of a reproduction: definition or data is not the one the version was trained from."""

    NO_GPU = 4
    """TensorFlow sees fewer GPUs than the run asked for."""

    STORE = 5
    """The store cannot be read or written, is full, or holds a damaged or no such version."""

    FETCH = 6
    """The archive could not be fetched, or is not the one that was asked for."""

    INTERNAL = 70
    """A defect of ours; the traceback stands above the last line (EX_SOFTWARE of sysexits.h)."""

    PEER_LOST = 75
    """Another worker of the run was lost: the training starts again from its newest checkpoint (EX_TEMPFAIL). The
    watcher takes it as the order to do so; a container never ends with it."""

    STALLED = 76
    """Started again and again, the training made no step within the stall timeout."""

    TERMINATED = 143
    """Stopped by SIGTERM: deadline, deletion, eviction or drain (128 + 15, as a shell counts)."""


class Failure(Exception):
    """Ends the container with a code; the message says what, where, the numbers and what to do."""

    def __init__(self, code: Exit, message: str) -> None:
        self.code = code
        super().__init__(message)


def say(text: str) -> None:
    """Write one line of progress to stdout, at once."""
    print(text, flush=True)


def leave_message(text: str, file: Path = MESSAGE_FILE) -> bool:
    """Leave a message in the pod's status, beside the log; outside of a pod nothing is written.

    Returns:
        Whether it is short enough to be kept as a whole; else nothing is written.
    """
    message = text.encode()
    if len(message) > MESSAGE_BYTES:
        return False
    if file.exists():
        file.write_bytes(message)
    return True


def end(code: int, error: str = "") -> NoReturn:
    """End the process now, with `error: …` as the log's last line if there was one.

    The code is one of Exit's, or 128 and the number of the signal that killed what this process stands for.

    Interpreter shutdown is skipped: TensorFlow's threads can hold it up, and could write after the last line.
    """
    sys.stdout.flush()
    if error:
        print("error:", " ".join(error.split()), file=sys.stderr, flush=True)
    os._exit(code)


def on_termination(what: str, leave_clean: Callable[[], None]) -> None:
    """Make SIGTERM run `leave_clean` and end the process.

    Without a handler the kernel drops SIGTERM for the first process of a container, and the pod would last until its
    grace period is over.

    Args:
        what: What is interrupted, for the last line of the log.
        leave_clean: Removes whatever is half-written. It runs between two bytecodes of the main thread.
    """

    def stop(_signal: int, _frame: FrameType | None) -> None:
        leave_clean()
        end(Exit.TERMINATED, f"{what} was stopped by SIGTERM; nothing half-written is left behind")

    signal.signal(signal.SIGTERM, stop)
