"""Runs the repository's own program on the real Pulumi engine, with a file backend and no language plugin.

It is the Automation API with an inline program that executes `__main__.py` as it is. The project directory is a copy
under `.local/`, because the engine writes a salt into stack files.
"""

import os
import re
import runpy
import secrets
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, cast

from pulumi import automation
from pulumi.automation import events
from ruamel.yaml import YAML

from local import paths
from local.cluster import credentials
from local.cluster.api import connect
from local.plugins.launchers import write_launchers
from local.progress import LocalError, Progress

_MARKUP = re.compile(r"<\{%[^%]*%\}>")
_COUNT = re.compile(r"^\d+ errors? occurred:\s*\* ")
"""How the engine begins to list why a resource did not become ready."""

_SALT = "encryptionsalt"
_CLUSTER = "tfk8s:cluster"
_KUBECONFIG = "KUBECONFIG"
_PLUGINS = paths.LOCAL / "plugins"
_PASSPHRASE = paths.LOCAL / "passphrase"


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """What an `up` did and what the stack now says."""

    outputs: Mapping[str, object]
    changes: Mapping[str, int]
    """Resources by operation, such as `create`, `same`, `delete`."""

    warnings: tuple[str, ...]


def write_plugins() -> list[str]:
    """Makes the provider plugins that the engine will find first.

    Returns:
        Names of the providers for which a stand-in is used.
    """
    return write_launchers(_PLUGINS)


def up(stack_name: str, pulumi: Path, progress: Progress) -> Deployed:
    """Brings the stack to what its file says, if a preview finds nothing wrong with it.

    Args:
        stack_name: The `<stack>` of `Pulumi.<stack>.yaml`.
        pulumi: The engine.
        progress: Told what is being created or waited for.

    Raises:
        LocalError: With the engine's own diagnostics, without tracebacks.
    """
    stack = repository_stack(stack_name, pulumi)
    progress("previewing")
    # As the `pulumi up` command does it, so that what a preview refuses has changed nothing.
    watched = Watched(lambda _: None)
    try:
        stack.preview(on_event=watched.on_event, suppress_progress=True, suppress_outputs=True, color="never")
        watched = Watched(progress)
        with _interrupts_left_to_the_engine():
            result = stack.up(on_event=watched.on_event, suppress_progress=True, suppress_outputs=True, color="never")
    except automation.CommandError as error:
        failure = watched.failure() or _last_lines(str(error))
        if "already exists" in failure:
            failure += (
                "\nIf an earlier `make up` was killed, it may have made this: `make down` and `make up` start afresh."
            )
        raise LocalError(failure) from None
    return Deployed(
        outputs={name: cast("object", output.value) for name, output in result.outputs.items()},
        changes={
            events.OpType(operation).value: count
            for operation, count in (result.summary.resource_changes or {}).items()
        },
        warnings=tuple(watched.warnings),
    )


@contextmanager
def _interrupts_left_to_the_engine() -> Generator[None]:
    """Let Ctrl-C, which reaches the engine too, end it its own way: no new step, and the begun ones in its state.

    The Automation API runs it by `subprocess.run`, which kills it a quarter of a second after an interrupt of this
    process; what it was creating would then be in no state. A second Ctrl-C makes the engine end at once.

    Raises:
        KeyboardInterrupt: At the end of the block, if there was one.
    """
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:  # of a background job; the engine ignores it too
        yield
        return
    interrupted = threading.Event()

    def note(_number: int, _frame: FrameType | None) -> None:
        interrupted.set()

    signal.signal(signal.SIGINT, note)
    try:
        yield
    except automation.CommandError:
        if not interrupted.is_set():
            raise
    finally:
        signal.signal(signal.SIGINT, before)
    if interrupted.is_set():
        raise KeyboardInterrupt


def planned(stack: automation.Stack) -> Mapping[str, str]:
    """What an `up` of the stack would do now.

    Returns:
        `create`, `update`, `replace` or `delete` by URN; what stays the same is left out.

    Raises:
        LocalError: With the engine's own diagnostics.
    """
    watched, steps = Watched(lambda _: None), dict[str, set[str]]()

    def on_event(event: events.EngineEvent) -> None:
        watched.on_event(event)
        if event.resource_pre_event is not None:
            step = event.resource_pre_event.metadata
            steps.setdefault(step.urn, set()).add(step.op.value)

    try:
        stack.preview(on_event=on_event, suppress_progress=True, suppress_outputs=True, color="never")
    except automation.CommandError as error:
        raise LocalError(watched.failure() or _last_lines(str(error))) from None
    return {urn: _in_one_word(words) for urn, words in steps.items() if words != {"same"}}


def _in_one_word(operations: set[str]) -> str:
    """A replacement is several operations: of making, of deleting, of both."""
    return next(iter(operations)) if len(operations) == 1 else "replace"


def repository_stack(stack_name: str, pulumi: Path) -> automation.Stack:
    """A stack of the repository's own program, with its stack file as it is now."""
    paths.STATE.mkdir(parents=True, exist_ok=True)
    # A killed engine leaves its lock behind; none runs now, because only one `up` of a checkout does.
    shutil.rmtree(paths.STATE / ".pulumi" / "locks", ignore_errors=True)
    _write_project(stack_name)
    return stack_of(stack_name, pulumi, _program)


def stack_of(stack_name: str, pulumi: Path, program: Callable[[], None]) -> automation.Stack:
    """A stack of any program, with the engine, state and plugins of the embedded default."""
    options = automation.LocalWorkspaceOptions(
        work_dir=str(paths.WORK),
        pulumi_home=str(paths.LOCAL / "pulumi"),
        env_vars=_environment(pulumi),
        pulumi_command=automation.PulumiCommand(root=str(_as_root(pulumi)), skip_version_check=True),
    )
    return automation.create_or_select_stack(stack_name, program=program, project_name="tfk8s", opts=options)


def _as_root(pulumi: Path) -> Path:
    """The directory the Automation API wants: one that has `bin/pulumi`."""
    root = paths.LOCAL / "engine"
    link = root / "bin" / "pulumi"
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(pulumi)
    return root


def _program() -> None:
    sys.path.insert(0, str(paths.ROOT))
    # An inline program runs in this process, whose KUBECONFIG may name somebody else's clusters or nothing.
    before = os.environ.get(_KUBECONFIG)
    os.environ[_KUBECONFIG] = str(paths.KUBECONFIG)
    try:
        runpy.run_path(str(paths.ROOT / "__main__.py"), run_name="__main__")
    finally:
        del os.environ[_KUBECONFIG]
        if before is not None:
            os.environ[_KUBECONFIG] = before


def _environment(pulumi: Path) -> dict[str, str]:
    if not _PASSPHRASE.exists():
        _PASSPHRASE.touch(mode=0o600)
        _PASSPHRASE.write_text(secrets.token_urlsafe(32))
    directories = [_PLUGINS, pulumi.parent, *os.environ["PATH"].split(os.pathsep)]
    return {
        "PATH": os.pathsep.join(str(directory) for directory in directories),
        _KUBECONFIG: str(paths.KUBECONFIG),
        "PULUMI_BACKEND_URL": paths.STATE.as_uri(),
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(_PASSPHRASE),
        # Nothing here may look for a newer engine or download a plugin: the machine may reach package registries only.
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    }


def _write_project(stack_name: str) -> None:
    """Copies the project and the stack file, which learns which cluster this is; the salt of an earlier run stays."""
    paths.WORK.mkdir(parents=True, exist_ok=True)
    shutil.copy(paths.ROOT / "Pulumi.yaml", paths.WORK)
    yaml = cast("Any", YAML())  # ruamel.yaml has no types for what it loads
    copy = paths.WORK / f"Pulumi.{stack_name}.yaml"
    salt = yaml.load(copy).get(_SALT) if copy.exists() else None
    settings = yaml.load(paths.ROOT / copy.name)
    if salt:
        settings[_SALT] = salt
    # Only in the copy: the embedded cluster is another one after every `make down`.
    settings["config"][_CLUSTER]["kubeSystemUid"] = _kube_system_uid()
    yaml.dump(settings, copy)


def _kube_system_uid() -> str:
    with connect(credentials.ADMIN) as client:
        answer = client.get("/api/v1/namespaces/kube-system").raise_for_status()
    return cast("str", answer.json()["metadata"]["uid"])


class Watched:
    """Follows the engine's events: what is under way, what was said."""

    def __init__(self, progress: Progress) -> None:
        self.warnings: list[str] = []
        self._errors: list[str] = []
        self._under_way: dict[str, str] = {}
        self._said: dict[str, str] = {}
        """What those under way last said that they wait for."""
        self._done = 0
        self._progress = progress

    def on_event(self, event: events.EngineEvent) -> None:
        """Takes one event of the engine."""
        if event.resource_pre_event is not None:
            step = event.resource_pre_event.metadata
            if step.op is not events.OpType.SAME and _is_object(step.type):
                self._under_way[step.urn] = f"{step.type.rpartition(':')[2]} {step.urn.rpartition('::')[2]}"
        elif event.res_outputs_event is not None:
            self._finish(event.res_outputs_event.metadata.urn)
        elif event.res_op_failed_event is not None:
            self._finish(event.res_op_failed_event.metadata.urn)
        elif event.diagnostic_event is not None:
            self._diagnose(event.diagnostic_event)
        if self._under_way:
            urn = next((urn for urn in reversed(self._said) if urn in self._under_way), next(iter(self._under_way)))
            more = f" and {len(self._under_way) - 1} more" if len(self._under_way) > 1 else ""
            why = f" ({self._said[urn]})" if urn in self._said else ""
            self._progress(f"{self._done} done, waiting for {self._under_way[urn]}{why}{more}")

    def failure(self) -> str:
        """The errors of the run, each once; all of one resource together, in the order in which they were said."""
        of_resource: dict[str, list[str]] = {}
        for text in dict.fromkeys(self._errors):
            of_resource.setdefault(text.partition(":")[0], []).append(text)
        return "\n".join(text for texts in of_resource.values() for text in texts)

    def _finish(self, urn: str) -> None:
        self._done += self._under_way.pop(urn, None) is not None

    def _diagnose(self, diagnostic: events.DiagnosticEvent) -> None:
        # An error raised inside an `apply` arrives twice, the second time with this in front.
        text = _MARKUP.sub("", diagnostic.message).strip().removeprefix("an unhandled error occurred: ")
        text = _COUNT.sub("", text).replace("\n\t* ", "\n    ")
        where = (diagnostic.urn or "").rpartition("::")[2]
        line = f"{where}: {text}" if where and not where.startswith("tfk8s-") else text
        if diagnostic.severity == "error":
            self._errors.append(line)
        elif diagnostic.severity == "warning" and "from $PATH" not in text:  # where plugins come from is our doing
            self.warnings.append(line)
        elif diagnostic.ephemeral:
            # An empty text takes the last one back; a new one comes last.
            self._said.pop(diagnostic.urn or "", None)
            if text:
                self._said[diagnostic.urn or ""] = text


def _is_object(resource_type: str) -> bool:
    """Whether the resource is one that takes time, rather than a component, a provider or the stack."""
    return not resource_type.startswith(("tfk8s:", "pulumi:"))


def _last_lines(text: str, count: int = 15) -> str:
    return "\n".join(_MARKUP.sub("", text).strip().splitlines()[-count:])
