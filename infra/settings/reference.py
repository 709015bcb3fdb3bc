"""An image reference taken apart, as Docker and containerd read it."""

import re
from dataclasses import dataclass
from typing import Final, Self

_LOOPBACK: Final = re.compile(r"(127\.[0-9.]+|localhost)(:[0-9]+)?")


@dataclass(frozen=True, kw_only=True)
class Reference:
    """`repository:tag@digest`; tag and digest may be missing."""

    repository: str
    """With its registry, as written."""

    tag: str | None
    digest: str | None
    """`sha256:` and 64 hexadecimal digits."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Takes a reference apart; a colon before the last slash is the registry's port."""
        name, _, digest = text.partition("@")
        directory, slash, last = name.rpartition("/")
        last, _, tag = last.partition(":")
        return cls(repository=directory + slash + last, tag=tag or None, digest=digest or None)

    @property
    def tagged(self) -> str:
        """Without the digest."""
        return f"{self.repository}:{self.tag}" if self.tag else self.repository

    @property
    def local(self) -> bool:
        """The registry is on this machine: nobody else moves its tags, and it speaks plain HTTP."""
        return _LOOPBACK.fullmatch(self.repository.partition("/")[0]) is not None
