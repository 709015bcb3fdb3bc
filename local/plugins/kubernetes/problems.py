"""Why the pods of a workload do not run: what containers left behind and what events say."""

import re

from local.plugins.kubernetes.client import ApiClient
from local.plugins.kubernetes.quantity import quantity
from local.plugins.kubernetes.readiness import condition
from local.plugins.wire import Object, dig, mapping, objects

SHOWN = 5
"""At most so many different problems are told."""

WORKLOADS = frozenset({"Deployment", "DaemonSet", "StatefulSet", "Job", "Pod"})
EARLY = frozenset({"ContainerCreating", "PodInitializing"})
"""Reasons of waiting containers that are no problem."""
TOLD_BY_STATUS = frozenset({"BackOff", "Unhealthy", "FailedScheduling"})
"""Reasons of events that repeat what the pod's own status says better."""
NEVER = ("violates PodSecurity", "usage per Pod is", "usage per Container is", "usage per PersistentVolumeClaim is")
"""Refusals by pod security and LimitRange: no waiting helps."""
EXCEEDED = re.compile(r"exceeded quota: .*?, requested: (?P<requested>.*), used: .*, limited: (?P<limited>.*)")


def pod_problems(pod: Object) -> list[str]:
    """What keeps one pod from being ready."""
    found: list[str] = []
    scheduled = condition(pod, "PodScheduled")
    if scheduled.get("status") == "False" and scheduled.get("message"):
        found.append(f"not scheduled: {scheduled['message']}")
    if message := dig(pod, "status", "message"):
        found.append(f"[{dig(pod, 'status', 'reason')}] {message}")
    statuses = objects(pod, "status", "initContainerStatuses") + objects(pod, "status", "containerStatuses")
    for status in statuses:
        found += _container_problems(status)
    return found


def _container_problems(status: Object) -> list[str]:
    found: list[str] = []
    waiting = mapping(status, "state", "waiting")
    ended = mapping(status, "state", "terminated") or mapping(status, "lastState", "terminated")
    if waiting.get("reason") and waiting["reason"] not in EARLY:
        found.append(f"container {status.get('name')}: [{waiting['reason']}] {waiting.get('message', '')}".rstrip())
    if ended and ended.get("exitCode") != 0:
        text = f"container {status.get('name')} exited with code {ended.get('exitCode')} ({ended.get('reason', '')})"
        last_words = str(ended.get("message") or "").strip()
        found.append(f"{text}:\n{last_words}" if last_words else text)
    return found


def is_hopeless(refusal: str) -> bool:
    """Whether a refused pod can never be admitted: more than the whole quota, or forbidden as it is."""
    if any(sign in refusal for sign in NEVER):
        return True
    match = EXCEEDED.search(refusal)
    if match is None:
        return False
    requested, limited = (_amounts(match[side]) for side in ("requested", "limited"))
    return any(name in limited and amount > limited[name] for name, amount in requested.items())


def _amounts(text: str) -> dict[str, float]:
    pairs = (entry.partition("=") for entry in text.split(","))
    return {name.strip(): float(quantity(amount.strip()) or 0) for name, _, amount in pairs}


class Problems:
    """What went wrong around one object while it was waited for. Pods may be gone before the wait ends."""

    def __init__(self, client: ApiClient, obj: Object) -> None:
        self._client = client
        self._object = obj
        self._seen: dict[str, str] = {}
        self.hopeless: str | None = None
        """A refusal that no waiting can change."""

    def look(self) -> str | None:
        """Collect what pods and events say now.

        Returns:
            The latest problem, for a status line.
        """
        if self._object.get("kind") not in WORKLOADS:
            return None
        pods = self._pods()
        latest = [(name, text) for pod in pods for name, text in _of(pod)]
        latest += self._events({dig(pod, "metadata", "uid") for pod in pods if _of(pod) or _is_starting(pod)})
        for name, text in latest:
            self._seen.pop(name, None)  # the newest go last
            self._seen[name] = text
        return latest[-1][1].splitlines()[0] if latest else None

    def told(self) -> list[str]:
        """The newest problems, each once."""
        return list(dict.fromkeys(self._seen.values()))[-SHOWN:]

    def _namespace(self) -> str:
        return f"/api/v1/namespaces/{dig(self._object, 'metadata', 'namespace') or 'default'}"

    def _pods(self) -> list[Object]:
        labels = mapping(self._object, "spec", "selector", "matchLabels")
        if self._object.get("kind") == "Pod":
            return [self._client.get(self._object)]
        if not labels:
            return []
        selector = ",".join(f"{key}={value}" for key, value in labels.items())
        return self._client.collection(f"{self._namespace()}/pods", labelSelector=selector)

    def _events(self, pods: set[str | None]) -> list[tuple[str, str]]:
        about = {dig(self._object, "metadata", "uid"), *pods}
        name = dig(self._object, "metadata", "name")
        found: list[tuple[str, str]] = []
        for event in self._client.collection(f"{self._namespace()}/events", fieldSelector="type=Warning"):
            involved, reason = mapping(event, "involvedObject"), event.get("reason", "")
            replica_set = involved.get("kind") == "ReplicaSet" and str(involved.get("name")).rpartition("-")[0] == name
            if (involved.get("uid") not in about and not replica_set) or reason in TOLD_BY_STATUS:
                continue
            message = str(event.get("message", ""))
            if reason == "FailedCreate" and is_hopeless(message):
                self.hopeless = f"[{reason}] {message}"
            label = f"{involved.get('kind')} {involved.get('name')}"
            found.append((f"{label} {reason}", f"[{reason}] {label}: {message}"))
        return found


def _of(pod: Object) -> list[tuple[str, str]]:
    if condition(pod, "Ready").get("status") == "True" or dig(pod, "status", "phase") == "Succeeded":
        return []
    name = dig(pod, "metadata", "name")
    return [(f"{name} {index}", f"[Pod {name}] {text}") for index, text in enumerate(pod_problems(pod))]


def _is_starting(pod: Object) -> bool:
    return dig(pod, "status", "phase") == "Pending"
