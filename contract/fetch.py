"""The environment of a serving pod's init step: one table, written by the program and read by the image."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from contract.run import LARGEST_VERSION, NAME, RunError

OPTIONAL: Final = "optional"
"""What TFK8S_WARMUP says where a version without warm-up requests is served too."""

_SHA256: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class FetchEnvironment:
    """Which version must lie whole in a directory before the server starts, and where to fetch it if it does not.

    Raises:
        RunError: With every problem at once, by the variable's name.
    """

    model: str
    version: int
    directory: str
    """TFK8S_MODEL_DIR: the directory that must hold `<model>/<version>`."""

    url: str = ""
    """TFK8S_FETCH_URL: https address of an archive of the version; empty where the version lies in the store."""

    sha256: str = ""
    """TFK8S_FETCH_SHA256: of the archive, as 64 lower-case hexadecimal digits; given just when `url` is."""

    needs_warmup: bool = True
    """TFK8S_WARMUP is not `optional`: a version without requests to warm it up (contract.store.WARMUP) is refused."""

    def __post_init__(self) -> None:
        problems: list[str] = []
        if not NAME.fullmatch(self.model):
            problems.append(f"TFK8S_MODEL is {self.model!r}: must be a name of a-z, 0-9 and -")
        if not 1 <= self.version <= LARGEST_VERSION:
            problems.append(f"TFK8S_VERSION is {self.version}: must be a whole number from 1 to 2^63-1")
        if not self.directory.startswith("/"):
            problems.append(f"TFK8S_MODEL_DIR is {self.directory!r}: must be an absolute path")
        if bool(self.url) != bool(self.sha256):
            missing = "TFK8S_FETCH_SHA256" if self.url else "TFK8S_FETCH_URL"
            problems.append(f"{missing} is missing: an archive needs both its address and its SHA-256")
        if self.url and not _is_plain_https(self.url):
            problems.append("TFK8S_FETCH_URL must be an https address without user and password in it")
        if self.sha256 and not _SHA256.fullmatch(self.sha256):
            problems.append(f"TFK8S_FETCH_SHA256 is {self.sha256!r}: must be 64 lower-case hexadecimal digits")
        if problems:
            raise RunError(problems)

    def to_env(self) -> dict[str, str]:
        """The container's variables, for the program."""
        variables = {
            "TFK8S_MODEL": self.model,
            "TFK8S_VERSION": str(self.version),
            "TFK8S_MODEL_DIR": self.directory,
        }
        if not self.needs_warmup:
            variables["TFK8S_WARMUP"] = OPTIONAL
        return variables | ({"TFK8S_FETCH_URL": self.url, "TFK8S_FETCH_SHA256": self.sha256} if self.url else {})

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "FetchEnvironment":
        """Read the variables, in the image.

        Raises:
            RunError: With every problem at once, by the variable's name.
        """
        needed = ("TFK8S_MODEL", "TFK8S_VERSION", "TFK8S_MODEL_DIR")
        problems = [f"{name} is missing" for name in needed if name not in env]
        version = env.get("TFK8S_VERSION", "1")
        if not re.fullmatch(r"[0-9]{1,20}", version):
            problems.append(f"TFK8S_VERSION is {version!r}: must be a whole number from 1 to 2^63-1")
            version = "1"
        warmup = env.get("TFK8S_WARMUP", OPTIONAL)
        if warmup != OPTIONAL:
            problems.append(f"TFK8S_WARMUP is {warmup!r}: must be {OPTIONAL} or absent")
        try:
            # Stand-ins for what is missing keep the other checks going; the problem itself is noted.
            fetch = cls(
                model=env.get("TFK8S_MODEL", "missing"),
                version=int(version),
                directory=env.get("TFK8S_MODEL_DIR", "/missing"),
                url=env.get("TFK8S_FETCH_URL", ""),
                sha256=env.get("TFK8S_FETCH_SHA256", ""),
                needs_warmup="TFK8S_WARMUP" not in env,
            )
        except RunError as error:
            raise RunError(problems + list(error.problems)) from None
        if problems:
            raise RunError(problems)
        return fetch


def _is_plain_https(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme == "https" and bool(parts.hostname) and parts.username is None and parts.port != 0
    except ValueError:  # a port that is no number, or brackets that do not close
        return False
