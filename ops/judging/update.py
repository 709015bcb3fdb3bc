"""What makes the cluster what an edited stack file says: which file that is, and the command that deploys it."""

import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Final

from infra.overrides import PREFIX, VARIABLE, read_overrides
from ops.problem import CommandError
from ops.stackfile import ROOT, stack_file_of

EMBEDDED: Final = "local"
"""The stack that `make up` deploys; all others are deployed by the engine's own command."""


def file_to_edit(stack: str, given: Path | None, environment: Mapping[str, str]) -> Path:
    """The file whose words on models an update reads: the overrides, where they replace those of the stack file.

    Args:
        stack: The stack's name.
        given: The file that --file names.
        environment: May name overrides.

    Raises:
        CommandError: There is no such stack, or an edit of the file that is given would change nothing.
        StackFileError: The overrides cannot be read.
    """
    overrides = read_overrides(environment)
    if overrides is None or "models" not in overrides.words:
        return given or stack_file_of(stack)
    if given is not None:
        raise CommandError(
            f"{VARIABLE}: {overrides.file} replaces {PREFIX}models, so an edit of {given} would change nothing\n"
            "    leave out --file to edit what it names, or unset it"
        )
    sys.stderr.write(f"warning: {overrides.warning()}\n")
    return overrides.file


def usual(stack: str) -> str:
    """How one brings a stack to what its file says."""
    return "make up" if stack == EMBEDDED else "pulumi up"


@dataclass(frozen=True, kw_only=True)
class Update:
    """A command that deploys a stack."""

    command: Sequence[str]
    directory: Path

    @classmethod
    def of(cls, stack: str, file: Path | None, given: str | None) -> "Update":
        """The command that is given, else the one by which this stack is deployed.

        Args:
            stack: The stack's name.
            file: The file that --file names.
            given: What --update says.

        Raises:
            CommandError: There is no such command, or it would not read that file.
        """
        try:
            command = _default(stack, file) if given is None else shlex.split(given)
        except ValueError as error:
            raise CommandError(f"--update {given!r} is no command line: {error}") from None
        # Now rather than after minutes of gathering.
        if not command or shutil.which(command[0]) is None:
            raise CommandError(
                f"the update cannot be run: there is no command {' '.join(command[:1])!r}\n"
                "    install it, or name another one with --update"
            )
        return cls(command=command, directory=ROOT if given is None else Path.cwd())

    def run(self, file: Path) -> None:
        """Run it to its end, and let it print. Ctrl-C is left to it: an engine that is killed loses what it began.

        Raises:
            CommandError: It failed. The file keeps its edit: part of the update may be done, so to put the file back
                would be as wrong, and the next update of the stack would bring back what has been judged harmful.
        """
        failure = self._failure()
        if failure is not None:
            raise CommandError(
                f"the update `{self}` {failure}\n"
                f"    {file.name} keeps the verdict; the cluster may have all, some or nothing of it until an update "
                "succeeds\n"
                f"    to go on: correct what it said above, and run it again\n"
                f"    to go back: take the edit of {file.name} back (git diff shows it), and run it again"
            )

    def _failure(self) -> str | None:
        environment = dict(os.environ)
        if environment.get(VARIABLE):  # as it was meant where this command was given
            environment[VARIABLE] = str(Path(environment[VARIABLE]).resolve())
        before = signal.getsignal(signal.SIGINT)
        if before is not signal.SIG_IGN:  # of a background job, whose children ignore it too
            signal.signal(signal.SIGINT, _left_to_the_command)
        try:
            with subprocess.Popen(self.command, cwd=self.directory, env=environment) as running:
                status = running.wait()
        except OSError as error:
            return f"cannot be run: {error.strerror}"
        finally:
            signal.signal(signal.SIGINT, before)
        if status == 0:
            return None
        return f"ended with exit code {status}" if status > 0 else f"was ended by signal {-status}"

    def __str__(self) -> str:
        """As one would type it."""
        return shlex.join(self.command)


def _default(stack: str, file: Path | None) -> list[str]:
    if stack != EMBEDDED:
        of_file = [] if file is None else ["--config-file", str(file.resolve())]
        return ["pulumi", "up", "--yes", "--stack", stack, *of_file]
    if file is not None and file.resolve() != ROOT / f"Pulumi.{stack}.yaml":
        raise CommandError(
            f"`make up` does not read {file}: let {VARIABLE} name it instead of --file, or say with --update what "
            "deploys it"
        )
    return ["make", "up"]


def _left_to_the_command(_number: int, _frame: FrameType | None) -> None:
    """The command is in the same process group, and has the interrupt as well."""
