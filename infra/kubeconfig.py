"""Where a context leads, read from kubeconfigs by kubectl's own rules. Imports no Pulumi."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from ruamel.yaml import YAML, YAMLError

from infra.finding import Finding

_VARIABLE: Final = "KUBECONFIG"
_DEFAULT: Final = "~/.kube/config"
_FILES: Final = ("certificate-authority", "client-certificate", "client-key", "tokenFile")
"""Keys whose values are paths, counted from the directory of the kubeconfig."""

Words = Mapping[str, object]
_NOTHING: Final[Words] = {}


class ClusterError(Exception):
    """The cluster of a stack is another one than the stack file says, or cannot be asked; one finding says which."""

    def __init__(self, key: str, message: str, fix: str) -> None:
        path = f"tfk8s:cluster.{key}"
        self.finding: Final = Finding(check="cluster-identity", severity="error", path=path, message=message, fix=fix)
        super().__init__(f"nothing was changed, because the cluster is not certain\n{self.finding.text()}")


@dataclass(frozen=True, kw_only=True)
class Access:
    """The way to one API server."""

    file: Path
    """The kubeconfig that describes all of it."""

    context: str
    cluster: Words
    """What the kubeconfig says of the server: its URL, its certificate authority; paths are absolute."""

    user: Words
    """What it says of the log-in; empty where there is none."""

    @property
    def server(self) -> str:
        """URL of the API server."""
        return str(self.cluster.get("server", ""))

    def __str__(self) -> str:
        """For messages."""
        return f"context {self.context} of {self.file} ({self.server or 'no server'})"


def provider_file(kubeconfig: str | None, context: str, environment: Mapping[str, str]) -> str | None:
    """The kubeconfig to give to a provider; None where `~/.kube/config` is meant, its own default.

    A provider takes one file. Where KUBECONFIG lists several, it is the one that `find_access` follows.

    Raises:
        ClusterError: KUBECONFIG lists several, and the context is not to be found whole in one of them.
    """
    files = _files(kubeconfig, environment)
    if len(files) > 1:
        return str(find_access(kubeconfig, context, environment).file)
    return str(*files) if kubeconfig or environment.get(_VARIABLE) else None


def find_access(kubeconfig: str | None, context: str, environment: Mapping[str, str]) -> Access:
    """Follows a context to its server and log-in. Of several files, the first that has a name defines it.

    Source: https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/

    Args:
        kubeconfig: Path of one file; None for the files that KUBECONFIG lists, or else `~/.kube/config`.
        context: Its name.
        environment: Where KUBECONFIG is looked up.

    Raises:
        ClusterError: A file cannot be read, or the context is not to be found whole in one of them.
    """
    files = _files(kubeconfig, environment)
    read = {file: _read(file) for file in files if file.exists()}
    if not read:
        raise ClusterError(
            "kubeconfig",
            f"no kubeconfig: {_listed(files)} does not exist",
            "set tfk8s:cluster.kubeconfig or KUBECONFIG to the one that has the context " + context,
        )
    found = _first(read, "contexts", "context", context)
    if found is None:
        known = sorted(str(entry.get("name")) for words in read.values() for entry in _entries(words, "contexts"))
        raise ClusterError(
            "context",
            f"{_listed(read)} has no context {context!r}; it has {', '.join(known) or 'none'}",
            "name the right one, or give the kubeconfig that has it: tfk8s:cluster.kubeconfig or KUBECONFIG",
        )
    file, words = found
    parts: dict[str, Words] = {}
    for word in ("cluster", "user"):
        name = str(words.get(word) or "")
        # A context without a user is one without a log-in; one without a cluster leads nowhere.
        part = (file, _NOTHING) if word == "user" and not name else _first(read, f"{word}s", word, name)
        if part is None or part[0] != file:
            raise _apart(file, context, word, name, None if part is None else part[0])
        parts[word] = {key: _absolute(file, key, value) for key, value in part[1].items()}
    access = Access(file=file, context=context, cluster=parts["cluster"], user=parts["user"])
    if not access.server:
        raise ClusterError("context", f"{access}: its cluster has no server", "correct the kubeconfig")
    return access


def _files(kubeconfig: str | None, environment: Mapping[str, str]) -> tuple[Path, ...]:
    if kubeconfig is not None:
        return (Path(kubeconfig).expanduser(),)
    listed = [name for name in environment.get(_VARIABLE, "").split(os.pathsep) if name]
    return tuple(Path(name).expanduser() for name in listed or [_DEFAULT])


def _read(file: Path) -> Words:
    try:
        words = cast("object", YAML(typ="safe", pure=True).load(file.read_text(encoding="utf-8")))  # pyright: ignore[reportUnknownMemberType] - untyped parameter of ruamel.yaml
    except (OSError, YAMLError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not YAML"
        raise ClusterError(
            "kubeconfig", f"the kubeconfig {file} cannot be read: {reason}", "correct the file or its path"
        ) from None
    return cast("Words", words) if isinstance(words, Mapping) else _NOTHING


def _entries(words: Words, section: str) -> Sequence[Words]:
    entries = words.get(section)
    found = cast("list[object]", entries) if isinstance(entries, list) else []
    return [cast("Words", entry) for entry in found if isinstance(entry, Mapping)]


def _first(read: Mapping[Path, Words], section: str, word: str, name: str) -> tuple[Path, Words] | None:
    for file, words in read.items():
        for entry in _entries(words, section):
            if entry.get("name") == name:
                return file, cast("Words", entry.get(word) or _NOTHING)
    return None


def _absolute(file: Path, key: str, value: object) -> object:
    return str(file.absolute().parent / value) if key in _FILES and isinstance(value, str) and value else value


def _apart(file: Path, context: str, word: str, name: str, other: Path | None) -> ClusterError:
    if other is None:
        said = f"which nothing defines in {file}" if name else "so that it leads nowhere"
        return ClusterError(
            "context", f"context {context} of {file} names the {word} {name!r}, {said}", "correct the kubeconfig"
        )
    return ClusterError(
        "kubeconfig",
        f"context {context} is in {file}, but its {word} {name!r} comes from {other}; a provider takes one file",
        "write one (kubectl config view --flatten --minify --context CONTEXT > FILE) and name it here",
    )


def _listed(files: Sequence[Path] | Mapping[Path, object]) -> str:
    return " or ".join(str(file) for file in files)
