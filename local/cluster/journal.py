"""What the cluster changes on the machine, written down before it is changed.

It outlives every crash, so that `make down` knows what was there before and what is ours.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from local import paths
from local.private import write_private
from local.processes import Identity

FILE = paths.LOCAL / "host.json"


@dataclass
class Journal:
    """Everything outside `.local` that has to be undone."""

    directories: list[str] = field(default_factory=list)
    """Directories that were not there, parents first."""
    sysctls: dict[str, str] = field(default_factory=dict)
    """Values before the first start, by path under /proc/sys."""
    tables: list[str] = field(default_factory=list)
    """nftables tables that were not there, as `family name`."""
    process: list[int] = field(default_factory=list)
    """Process number and start time of the `unshare` that holds the cluster's namespaces."""

    @property
    def holder(self) -> Identity | None:
        """The process that holds the namespaces, as last recorded."""
        return Identity(*self.process) if self.process else None

    def save(self) -> None:
        """Write it; whole or not at all."""
        write_private(FILE, json.dumps(asdict(self), indent=2).encode())


def load(file: Path = FILE) -> Journal:
    """The installation's journal; an empty one if there is none."""
    try:
        return Journal(**json.loads(file.read_text()))
    except FileNotFoundError:
        return Journal()
