"""One supervised process of the cluster and its supervisor configuration."""

import hashlib
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

LOG_BYTES = 5 * 1024 * 1024
"""A process's log is cut at this size; one older piece is kept."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """A process that is kept running until the cluster goes."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    files: Sequence[Path] = ()
    """Configuration that it reads at its start only: when one changes, the process is started again."""


def supervisor_section(program: Program, logs: Path) -> str:
    """The program as a section of supervisord's configuration.

    A process that ends is started again at once, and given up after eight failures in a row within a second of
    its start. Its output goes to `<logs>/<name>.log`, capped.
    """
    lines = [
        f"[program:{program.name}]",
        f"command={_escape(shlex.join(program.command))}",
        "autorestart=true",
        "startsecs=1",
        "startretries=8",
        "redirect_stderr=true",
        f"stdout_logfile={_escape(str(logs / program.name))}.log",
        f"stdout_logfile_maxbytes={LOG_BYTES}",
        "stdout_logfile_backups=1",
    ]
    environment = dict(program.environment)
    if program.files:
        # The supervisor compares sections, not files.
        environment["TFK8S_CONFIG"] = hashlib.sha256(b"".join(map(Path.read_bytes, program.files))).hexdigest()[:12]
    if environment:
        pairs = ",".join(f'{name}="{_escape(value)}"' for name, value in environment.items())
        lines.append(f"environment={pairs}")
    return "\n".join(lines) + "\n"


def flags(values: Mapping[str, str | int | Path]) -> list[str]:
    """Command line flags, as `--name=value`."""
    return [f"--{name}={value}" for name, value in values.items()]


def _escape(text: str) -> str:
    return text.replace("%", "%%")
