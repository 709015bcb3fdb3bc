"""Where the model is: the outputs of a stack in a file, read again whenever somebody has written it."""

from dataclasses import dataclass
from pathlib import Path

from infra.reader import OutputsError, read_outputs

WRITE_IT = "pulumi stack output --json -s STACK >"


class NoModelError(Exception):
    """The outputs cannot be had or name no such model; the message says what to do."""


@dataclass(frozen=True)
class Served:
    """A model as the stack serves it."""

    name: str
    version: int
    predict_url: str


class OutputsFile:
    """The file that `pulumi stack output --json` was written to."""

    def __init__(self, path: Path, model: str | None = None) -> None:
        """Read it for the first time.

        Args:
            path: The file.
            model: Name of the model to ask; may be left out where the stack serves only one.

        Raises:
            NoModelError: It cannot be read, is no stack's outputs, or has no such model.
        """
        self._path, self._model = path, model
        self._seen = _stamp(path)
        self._served = self._read()

    def served(self) -> Served:
        """The model as the file has it now; as it had it last while the file is missing or half written."""
        try:
            stamp = _stamp(self._path)
            if stamp != self._seen:
                self._served = self._read()
                self._seen = stamp
        except NoModelError:
            pass
        return self._served

    def _read(self) -> Served:
        try:
            models = read_outputs(self._path.read_text()).models
        except (OSError, UnicodeDecodeError) as error:
            raise NoModelError(f"cannot read {self._path}: {error}\nwrite it: {WRITE_IT} {self._path}") from None
        except OutputsError as error:
            raise NoModelError(f"{self._path}: {error}") from None
        name = self._model or (next(iter(models)) if len(models) == 1 else "")
        if name not in models:
            known = ", ".join(sorted(models)) or "none"
            asked = f"the stack serves no model {self._model!r}" if self._model else "which model is not said"
            raise NoModelError(f"{self._path}: {asked}: it serves {known}. Choose one with --model")
        return Served(name, models[name].version, models[name].predict_url)


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        status = path.stat()
    except OSError as error:
        raise NoModelError(f"cannot read {path}: {error.strerror}\nwrite it: {WRITE_IT} {path}") from None
    return (status.st_mtime_ns, status.st_size, status.st_ino)
