"""The words of a stack file, and of a file that replaces some of them. Imports no Pulumi.

`TFK8S_OVERRIDES=mine.yaml pulumi up -s dev` tries a committed stack on a cluster of one's own: the file looks like a
stack file, and each `tfk8s:` key in its `config` replaces the whole value of that key.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from ruamel.yaml import YAML, YAMLError

from infra.finding import Finding, StackFileError

VARIABLE = "TFK8S_OVERRIDES"
PREFIX = "tfk8s:"

_yaml = YAML(typ="safe", pure=True)

Words = Mapping[str, object]


@dataclass(frozen=True, kw_only=True)
class Overrides:
    """What a file says instead of the stack file."""

    file: Path
    words: Words
    """Values by key, without the `tfk8s:` in front."""

    def warning(self) -> str:
        """Says that not everything comes from the stack file."""
        keys = ", ".join(PREFIX + key for key in self.words)
        return f"{VARIABLE}: {self.file} replaces {keys} of the stack file"


def read_overrides(environment: Mapping[str, str]) -> Overrides | None:
    """The overrides the environment names, if any.

    Raises:
        StackFileError: The file is missing, is no stack file, or holds keys of others or sealed secrets.
    """
    name = environment.get(VARIABLE)
    if not name:
        return None
    file = Path(name)
    config = _config(file)
    foreign = [key for key in config if not key.startswith(PREFIX)]
    if foreign or not config:
        said = f"its config holds {', '.join(foreign)}" if foreign else "it overrides nothing"
        raise _refused(file, said, f"give it a mapping `config:` with keys such as {PREFIX}cluster, and no others")
    sealed = next(_sealed(config, ()), None)
    if sealed is not None:
        raise _refused(
            file,
            f"{'.'.join(sealed)} is sealed, and only the engine opens what is sealed, in stack files alone",
            "leave the secret in the stack file, and override keys without one",
        )
    return Overrides(file=file, words=_without_prefix(config))


def stack_file_words(file: Path, environment: Mapping[str, str]) -> Words:
    """What the engine would hand to the program for this stack file: its `tfk8s:` keys, overrides applied.

    Secret values stay as they are written (`secure: …`).

    Raises:
        StackFileError: One of the two files is missing or is no stack file.
    """
    overrides = read_overrides(environment)
    return {**_without_prefix(_config(file)), **(overrides.words if overrides else {})}


def _config(file: Path) -> Words:
    try:
        content = cast("object", _yaml.load(file.read_text(encoding="utf-8")))  # pyright: ignore[reportUnknownMemberType] - untyped parameter of ruamel.yaml
    except OSError as error:
        raise _refused(file, f"cannot be read: {error.strerror}", "check the path") from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise _refused(file, f"is not YAML: {error}", "correct it") from None
    config = cast("Words", content).get("config") if isinstance(content, Mapping) else None
    if not isinstance(config, Mapping):
        raise _refused(file, "has no mapping `config:` at its top", "write it like a Pulumi.<stack>.yaml")
    return {str(key): value for key, value in cast("Mapping[object, object]", config).items()}


def _sealed(value: object, keys: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if isinstance(value, Mapping):
        words = cast("Mapping[object, object]", value)
        if set(words) == {"secure"}:
            yield keys
        for key, inner in words.items():
            yield from _sealed(inner, (*keys, str(key)))


def _without_prefix(config: Words) -> Words:
    return {key.removeprefix(PREFIX): value for key, value in config.items() if key.startswith(PREFIX)}


def _refused(file: Path, message: str, fix: str) -> StackFileError:
    return StackFileError([Finding(check="settings", severity="error", path=str(file), message=message, fix=fix)])
