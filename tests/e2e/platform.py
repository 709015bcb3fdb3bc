"""The embedded default as an end-to-end test sees it: the make verbs, the API server, the store, the models."""

import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import httpx
from ruamel.yaml import YAML

from contract.store import versions
from local import paths
from local.cluster import credentials
from local.cluster.api import connect

_YAML: Any = YAML(typ="safe")

VERB_SECONDS = 1500
"""Longest a make verb may take; cold builds included."""


@dataclass(frozen=True, kw_only=True)
class Done:
    """A command that ended."""

    status: int
    text: str
    """What it printed, both streams as a terminal would show them."""

    seconds: float

    def stack_changes(self) -> dict[str, int]:
        """What the engine did, by word: `{"unchanged": 27}`."""
        line = re.search(r"stack\s+done in .*?: (.*)", self.text)
        assert line, self.text
        return {word: int(count) for count, word in re.findall(r"(\d+) (\w+)", line[1])}


def make(verb: str, environment: Mapping[str, str] | None = None) -> Done:
    """Runs a make verb of this checkout to its end."""
    started = time.monotonic()
    done = subprocess.run(
        ["make", "--no-print-directory", verb],
        cwd=paths.ROOT,
        env={**os.environ, **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=VERB_SECONDS,
        check=False,
    )
    print(done.stdout)
    return Done(status=done.returncode, text=done.stdout, seconds=time.monotonic() - started)


def words(stack: str = "local") -> Any:
    """The `config` of a committed stack file, to be changed by a test."""
    return _YAML.load(paths.ROOT / f"Pulumi.{stack}.yaml")["config"]


class Platform:
    """The running platform."""

    def __init__(self, scratch: Path) -> None:
        self._overrides = scratch / "overrides.yaml"

    def up(self, config: Mapping[str, Any] | None = None) -> Done:
        """`make up`, with the `tfk8s:` keys of this configuration in place of the committed ones."""
        return make("up") if config is None else make("up", self._overriding(config))

    def train(self, *wanted: int) -> None:
        """Puts versions of the committed stack's model into the store, those that are there already left alone."""
        config = words()
        for version in wanted:
            if version not in versions(paths.STORE, "digits"):
                config["tfk8s:trainingJobs"]["digits"]["version"] = version
                config["tfk8s:models"]["digits"]["tracks"]["stable"]["version"] = version
                assert self.up(config).status == 0

    def interrupted_up(self, config: Mapping[str, Any], condition: Callable[[], bool]) -> None:
        """`make up` with this configuration until the condition holds, then Ctrl-C. Returns when the engine is gone."""
        # A shell without job control starts what runs in the background, such as a whole CI, with SIGINT ignored.
        command = ["env", "--default-signal=INT", "make", "--no-print-directory", "up"]
        environment = {**os.environ, **self._overriding(config)}
        running = subprocess.Popen(command, cwd=paths.ROOT, env=environment, process_group=0)
        until("there is something to interrupt", 60, condition)
        os.killpg(running.pid, signal.SIGINT)
        assert running.wait(timeout=60) != 0
        until("the engine has ended", 60, lambda: not _engines())

    def _overriding(self, config: Mapping[str, Any]) -> dict[str, str]:
        ours = {key: value for key, value in config.items() if key.startswith("tfk8s:")}
        _YAML.dump({"config": ours}, self._overrides)
        return {"TFK8S_OVERRIDES": str(self._overrides)}

    def get(self, path: str, **query: str) -> Any:
        """An object or a list from the API server."""
        with connect(credentials.ADMIN) as client:
            answer = client.get(path, params=query)
            answer.raise_for_status()
            return answer.json()

    def post(self, path: str, body: Mapping[str, Any]) -> httpx.Response:
        """The API server's answer to a create."""
        with connect(credentials.ADMIN) as client:
            return client.post(path, json=body)

    def delete(self, path: str) -> None:
        """Deletes an object at once, with what it owns, as kubectl does; the API server alone leaves a Job's pods."""
        now = {"gracePeriodSeconds": "0", "propagationPolicy": "Background"}
        with connect(credentials.ADMIN) as client:
            client.delete(path, params=now).raise_for_status()

    def pods(self, namespace: str = "ml") -> dict[str, Any]:
        """Pods by name, those that are leaving left out."""
        items = cast("list[Any]", self.get(f"/api/v1/namespaces/{namespace}/pods")["items"])
        return {pod["metadata"]["name"]: pod for pod in items if "deletionTimestamp" not in pod["metadata"]}

    def serving_pods(self) -> dict[str, str]:
        """UIDs of the server pods by name, restarts included: what must stay when nothing changes."""
        return {
            name: f"{pod['metadata']['uid']} restarts {pod['status']['containerStatuses'][0]['restartCount']}"
            for name, pod in self.pods().items()
            if pod["metadata"]["labels"].get("app.kubernetes.io/component") == "serving"
        }

    def replicas(self, deployment: str = "digits-v1") -> int:
        """What the autoscaler wants now."""
        return self.get(f"/apis/apps/v1/namespaces/ml/deployments/{deployment}")["spec"]["replicas"]

    def log(self, job: str) -> str:
        """What the last pod of a Job printed."""
        pods = self.get("/api/v1/namespaces/ml/pods", labelSelector=f"batch.kubernetes.io/job-name={job}")["items"]
        return self.log_of(max(pods, key=lambda pod: pod["metadata"]["creationTimestamp"])["metadata"]["name"])

    def log_of(self, pod: str, *, previous: bool = False) -> str:
        """What a pod's container printed since it started, or the one before it."""
        with connect(credentials.ADMIN) as client:
            answer = client.get(f"/api/v1/namespaces/ml/pods/{pod}/log", params={"previous": str(previous).lower()})
            answer.raise_for_status()
            return answer.text


def _engines() -> list[str]:
    """Processes of this checkout's engine."""
    command = str(paths.LOCAL / "engine").encode()
    found = list[str]()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (process / "cmdline").read_bytes().startswith(command):
                found.append(process.name)
    return found


def until(what: str, seconds: float, condition: Any) -> None:
    """Waits until the condition holds; fails with its name if it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(1)


@contextmanager
def meanwhile(run: Callable[[threading.Event], None]) -> Generator[None]:
    """Runs something in a thread of its own, which ends it by the event when the block does; its error is raised."""
    stop = threading.Event()
    with ThreadPoolExecutor(max_workers=1) as pool:
        running = pool.submit(run, stop)
        try:
            yield
        finally:
            stop.set()
        running.result()


def idle_container(name: str, amounts: Mapping[str, str]) -> dict[str, Any]:
    """A container that asks for these amounts, does nothing and never ends, as `restricted` wants it."""
    return {
        "name": name,
        "image": paths.PAUSE_IMAGE,
        "resources": {"requests": amounts, "limits": amounts},
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }


def signal_one(process: int, number: signal.Signals = signal.SIGKILL) -> None:
    """Sends a signal to one process. There must be one: 0 would be this process and all of its group."""
    assert process > 0, "no such process"
    os.kill(process, number)


def first_process(*variables: str) -> int:
    """This machine's id of the first process of a container with these `NAME=value`; 0 while there is none."""
    wanted = {variable.encode() for variable in variables}
    for process in Path("/proc").iterdir():
        try:
            # Its last id is the one that the container's own namespace gives it.
            is_first = re.search(r"^NSpid:.*\t1$", (process / "status").read_text(), re.MULTILINE)
            if is_first and wanted <= set((process / "environ").read_bytes().split(b"\0")):
                return int(process.name)
        except OSError:
            continue
    return 0


@contextmanager
def changed_training_code() -> Generator[None]:
    """One more file in the training image for as long as the block runs."""
    extra = paths.ROOT / "training" / "changed_by_e2e.py"
    extra.write_text('"""Makes the image another one."""\n')
    try:
        yield
    finally:
        extra.unlink()
