"""The verbs of the embedded default: `python -m local up|down|status|app|clean`, run by make."""

import fcntl
import shutil
import sys
from collections.abc import Generator
from contextlib import contextmanager

from rich.console import Console

from local import paths
from local.progress import LocalError


def main(arguments: list[str]) -> int:
    """Runs one verb; every failure is one screen.

    Returns:
        Exit status: 0, 1 for a failure that was explained, 2 for an unknown verb, 130 when interrupted.
    """
    verbs = {"up": _up, "down": _down, "status": _status, "app": _app, "clean": _clean}
    if len(arguments) != 1 or arguments[0] not in verbs:
        print(f"usage: python -m local {'|'.join(verbs)}", file=sys.stderr)
        return 2
    console = Console(highlight=False)
    try:
        verbs[arguments[0]](console)
    except LocalError as error:
        return _failed(str(error))
    except KeyboardInterrupt:
        _failed("interrupted. `make up` goes on from here, `make down` removes what is there.")
        return 130
    return 0


def _failed(text: str) -> int:
    print(f"error: {text}" if not text.startswith("error") else text, file=sys.stderr, flush=True)
    return 1


def _up(console: Console) -> None:
    # Imports stay with their verb: `down` must work whatever state the rest is in, and starts at once.
    from infra.finding import StackFileError  # noqa: PLC0415 - see above
    from local.up import up  # noqa: PLC0415 - see above

    with _alone("up"):
        try:
            up(console)
        except StackFileError as error:
            raise LocalError(str(error)) from None


def _down(console: Console) -> None:
    from local.cluster import lifecycle  # noqa: PLC0415 - see _up

    with _alone("down"):
        lifecycle.stop(lambda line: console.print(line, markup=False))
        shutil.rmtree(paths.LOCAL, ignore_errors=True)


def _status(console: Console) -> None:
    from local.status import show  # noqa: PLC0415 - see _up

    show(console)


def _app(_: Console) -> None:
    from local.app import run  # noqa: PLC0415 - see _up

    run()


def _clean(console: Console) -> None:
    _down(console)
    shutil.rmtree(paths.CACHE, ignore_errors=True)


@contextmanager
def _alone(verb: str) -> Generator[None]:
    """Only one `up` or `down` of this checkout at a time."""
    lock_file = paths.ROOT / ".venv" / ".tfk8s.lock"
    with lock_file.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            message = f"another `make up` or `make down` of this checkout is running; `make {verb}` did nothing."
            raise LocalError(f"{message}\nWait for it, or end it with Ctrl-C where it runs.") from None
        yield


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
