"""Waits for a Job, tells what it does, and finds the words for why it does nothing."""

import re
import time
from collections.abc import Callable, Iterable
from typing import Final, cast

from contract.exits import Exit
from ops.monitor import Tree
from ops.problem import CommandError
from ops.reproducing.api import ApiServer

POLL_SECONDS: Final = 1.0
PLACED_WITHIN_SECONDS: Final = 300.0
"""How long a pod may look for a node: a cluster that grows needs some minutes for it."""

GONE_WITHIN_SECONDS: Final = 60.0
"""How long the pods of a deleted Job may take to end."""

_INDEX: Final = "batch.kubernetes.io/job-completion-index"
_IMAGE_PROBLEMS: Final = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull")
_UNKNOWN_MODULE: Final = "No module named training."
_FRACTION: Final = re.compile(r"\.\d+")

Tell = Callable[[str], None]


class ImageError(CommandError):
    """The node cannot get the image of a Job."""


def wait(api: ApiServer, job: Tree, *, line: Tell, state: Tell) -> str:
    """Waits until a Job is complete.

    Args:
        api: Where it runs.
        job: As the server made it.
        line: Takes each line of the chief's log as it is written.
        state: Takes what the Job does now, again and again.

    Returns:
        The whole log of the chief, or of the only pod.

    Raises:
        ImageError: A node cannot get its image.
        CommandError: It failed, or cannot run; the message has the cluster's reason.
    """
    namespace, name = job["metadata"]["namespace"], job["metadata"]["name"]
    log, unplaced_since = _Log(api, namespace), 0.0
    while True:
        live = api.get("Job", namespace, name)
        if live is None or live["metadata"]["uid"] != job["metadata"]["uid"]:
            raise CommandError(f"somebody deleted the Job {name} in {namespace}")
        pods = api.list("Pod", namespace, labelSelector=f"batch.kubernetes.io/job-name={name}")
        chief = _chief(pods)
        for new in log.lines(chief):
            line(new)
        conditions = {
            one["type"]: one for one in live.get("status", {}).get("conditions", []) if one["status"] == "True"
        }
        if "Complete" in conditions:
            return log.whole(chief)
        if "Failed" in conditions:
            raise CommandError(_failure(live, conditions["Failed"], pods))
        doing, unplaced = _doing(live, pods)
        if doing == "" and (refusal := _refusal(api, live)):
            raise CommandError(f"{namespace} has no room for the Job {name}: {refusal}")
        state(doing or "starts")
        unplaced_since = (unplaced_since or time.monotonic()) if unplaced else 0.0
        if unplaced and time.monotonic() - unplaced_since > PLACED_WITHIN_SECONDS:
            raise CommandError(f"no node took the Job {name} within {PLACED_WITHIN_SECONDS:.0f} s: {unplaced}")
        time.sleep(POLL_SECONDS)


def remove(api: ApiServer, job: Tree) -> None:
    """Deletes a Job with its pods and all that belongs to it, and waits until it is gone.

    Raises:
        CommandError: It is still there.
    """
    api.delete(job)
    namespace, name = job["metadata"]["namespace"], job["metadata"]["name"]
    until = time.monotonic() + GONE_WITHIN_SECONDS
    while (live := api.get("Job", namespace, name)) is not None and live["metadata"]["uid"] == job["metadata"]["uid"]:
        if time.monotonic() > until:
            raise CommandError(
                f"the Job {name} in {namespace} is deleted, but still there after {GONE_WITHIN_SECONDS:.0f} s\n"
                f"    kubectl -n {namespace} get pods -l job-name={name}"
            )
        time.sleep(POLL_SECONDS / 4)


class _Log:
    """The chief's log, in pieces while it is written and as a whole at the end."""

    def __init__(self, api: ApiServer, namespace: str) -> None:
        self._api = api
        self._namespace = namespace
        self._seen: list[str] = []
        self._pod = ""

    def lines(self, pod: Tree | None) -> Iterable[str]:
        """What is new, without results for machines."""
        if pod is None or not _started(pod):
            return []
        name = cast("str", pod["metadata"]["name"])
        if name != self._pod:
            self._pod, self._seen = name, []
        # Asked for by whole seconds: what was seen of the last one comes again.
        since = {"sinceTime": _FRACTION.sub("", self._seen[-1].partition(" ")[0])} if self._seen else {}
        told = self._api.log(self._namespace, name, timestamps="true", **since).splitlines()
        new = [one for one in told if one not in self._seen]
        self._seen = told or self._seen
        texts = (one.partition(" ")[2] for one in new)
        return [text for text in texts if text and not text.startswith("{")]

    def whole(self, pod: Tree | None) -> str:
        """All of it."""
        return "" if pod is None else self._api.log(self._namespace, pod["metadata"]["name"])


def _chief(pods: Iterable[Tree]) -> Tree | None:
    firsts = [pod for pod in pods if pod["metadata"].get("labels", {}).get(_INDEX, "0") == "0"]
    return max(firsts, key=lambda pod: pod["metadata"]["creationTimestamp"], default=None)


def _started(pod: Tree) -> bool:
    return any("waiting" not in one.get("state", {"waiting": {}}) for one in _containers(pod))


def _containers(pod: Tree) -> list[Tree]:
    return cast("list[Tree]", pod.get("status", {}).get("containerStatuses", []))


def _doing(job: Tree, pods: list[Tree]) -> tuple[str, str]:
    """What a Job does, empty where it lacks pods; and why no node takes one of them, empty where all have theirs."""
    if job["spec"].get("suspend"):
        return "waits in its queue", ""
    for pod in pods:
        name = cast("str", pod["metadata"]["name"])
        for one in _containers(pod):
            waiting = one.get("state", {}).get("waiting", {})
            if waiting.get("reason") in _IMAGE_PROBLEMS:
                said = waiting.get("message") or waiting["reason"]
                raise ImageError(f"the image {one['image']} cannot be had: {said}")
            if waiting.get("reason") not in (None, "ContainerCreating", "PodInitializing"):
                return f"{name} does not start: {waiting['reason']} {waiting.get('message', '')}", ""
        for condition in pod.get("status", {}).get("conditions", []):
            if condition["type"] == "PodScheduled" and condition["status"] == "False":
                said = str(condition.get("message", condition.get("reason", "")))
                return f"looks for a node: {said}", said
    if len(pods) < job["spec"].get("parallelism", 1):
        return "", ""
    return ("runs" if all(map(_started, pods)) else "starts"), ""


def _refusal(api: ApiServer, job: Tree) -> str:
    """Why the Job controller cannot make pods, if so: quotas show nowhere else."""
    metadata = job["metadata"]
    selector = f"involvedObject.uid={metadata['uid']},reason=FailedCreate"
    events = api.list("Event", metadata["namespace"], fieldSelector=selector)
    return str(events[-1].get("message", "")).removeprefix("Error creating: ") if events else ""


def _failure(job: Tree, condition: Tree, pods: Iterable[Tree]) -> str:
    """Why a Job failed: the last line of the container that ended first, or else what the Job says."""
    name = job["metadata"]["name"]
    if condition.get("reason") == "DeadlineExceeded":
        seconds = job["spec"].get("activeDeadlineSeconds")
        return f"the Job {name} was not done within {seconds} s: raise the deadline of the training job"
    ended = [
        (one["state"]["terminated"], pod)
        for pod in pods
        for one in _containers(pod)
        if one.get("state", {}).get("terminated", {}).get("exitCode", 0) != 0
    ]
    if not ended:
        evicted = [str(pod["status"].get("message")) for pod in pods if pod.get("status", {}).get("reason")]
        return f"the Job {name} failed: {(evicted or [condition.get('message', condition.get('reason'))])[0]}"
    # Those that were told to end because of another one are not the reason.
    first, pod = min(ended, key=lambda one: (one[0]["exitCode"] == Exit.TERMINATED, one[0].get("finishedAt", "")))
    lines = [line for line in str(first.get("message", "")).splitlines() if line.strip()]
    said = lines[-1].removeprefix("error: ") if lines else str(first.get("reason", ""))
    if _UNKNOWN_MODULE in said:
        image = pod["spec"]["containers"][0]["image"]
        return f"the image {image} was built before it could reproduce ({said})\n    name a newer one with --image"
    return f"{said} (exit code {first['exitCode']})"
