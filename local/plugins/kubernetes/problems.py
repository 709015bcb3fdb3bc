"""Why the pods of a workload do not run: what containers left behind and what events say."""

import re
from textwrap import indent

from local.plugins.kubernetes.client import ApiClient
from local.plugins.kubernetes.quantity import quantity
from local.plugins.kubernetes.readiness import condition, is_observed
from local.plugins.wire import Object, dig, mapping, objects

REVISION = "deployment.kubernetes.io/revision"
SHOWN = 5
"""At most so many different problems are told."""

WORKLOADS = frozenset({"Deployment", "DaemonSet", "StatefulSet", "Job", "Pod"})
EARLY = frozenset({"ContainerCreating", "PodInitializing"})
"""Reasons of waiting containers that are no problem."""
TOLD_BY_STATUS = frozenset({"BackOff", "Failed", "FailedScheduling", "Unhealthy"})
"""Reasons of events that repeat what the pod's own status says better."""
NEVER = ("violates PodSecurity", "usage per Pod is", "usage per Container is", "usage per PersistentVolumeClaim is")
"""Refusals by pod security and LimitRange: no waiting helps."""
POD_NAME = re.compile(r'pods "[^"]*"')
"""In refusals: every try has a new name, and is the same problem."""
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
    failed = bool(ended) and ended.get("exitCode") != 0
    is_back_off = waiting.get("reason") == "CrashLoopBackOff" and failed  # how it ended says more
    if waiting.get("reason") and waiting["reason"] not in EARLY and not is_back_off:
        found.append(f"container {status.get('name')}: [{waiting['reason']}] {waiting.get('message', '')}".rstrip())
    if failed:
        text = f"container {status.get('name')} exited with code {ended.get('exitCode')} ({ended.get('reason', '')})"
        last_words = str(ended.get("message") or "").strip()
        found.append(f"{text}:\n{indent(last_words, '      ')}" if last_words else text)
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

    def __init__(self, client: ApiClient) -> None:
        self._client = client
        self._seen: dict[str, list[str]] = {}
        """Each problem with the pods or other objects that have it, the newest last."""
        self.hopeless: str | None = None
        """A refusal that no waiting can change."""

    def look(self, live: Object) -> str | None:
        """Collect what pods and events say now.

        Args:
            live: The object that is waited for.

        Returns:
            The latest problem on one line.
        """
        if live.get("kind") not in WORKLOADS:
            return None
        pods = self._selected("pods", live)
        latest = [(f"Pod {dig(pod, 'metadata', 'name')}", text) for pod in pods for text in _unless_ready(pod)]
        waited_for = [pod for pod in pods if dig(pod, "status", "phase") == "Pending" or _unless_ready(pod)]
        latest += self._events(live, {dig(pod, "metadata", "uid") for pod in waited_for})
        for name, text in latest:
            names = self._seen.pop(text, [])
            self._seen[text] = [*(other for other in names if other != name), name]
        if not latest:
            return None
        first, *rest = latest[-1][1].splitlines()
        return f"{first} {rest[-1].strip()}" if rest else first

    def told(self, known: str = "") -> list[str]:
        """The newest problems, each once.

        Args:
            known: What is told already.
        """
        told = [
            f"[{names[-1]}{f' and {len(names) - 1} more' if names[1:] else ''}] {text}"
            for text, names in self._seen.items()
            if text not in known
        ]
        return told[-SHOWN:]

    def _selected(self, plural: str, live: Object) -> list[Object]:
        """The pods or replica sets of a workload."""
        labels = mapping(live, "spec", "selector", "matchLabels")
        if live.get("kind") == "Pod" and plural == "pods":
            return [live]
        if not labels:
            return []
        selector = ",".join(f"{key}={value}" for key, value in labels.items())
        group = "/api/v1" if plural == "pods" else "/apis/apps/v1"
        return self._client.collection(f"{group}/namespaces/{_namespace(live)}/{plural}", labelSelector=selector)

    def _makers(self, live: Object) -> set[str | None]:
        """Who makes the pods: the Job, or the newest replica set, since refusals of older ones are history."""
        if live.get("kind") != "Deployment":
            return {dig(live, "metadata", "uid")} if live.get("kind") == "Job" else set()
        revision = mapping(live, "metadata", "annotations").get(REVISION)
        if not is_observed(live) or not revision:
            return set()
        return {
            dig(replica_set, "metadata", "uid")
            for replica_set in self._selected("replicasets", live)
            if mapping(replica_set, "metadata", "annotations").get(REVISION) == revision
        }

    def _events(self, live: Object, pods: set[str | None]) -> list[tuple[str, str]]:
        makers = self._makers(live)
        about = {dig(live, "metadata", "uid"), *makers, *pods}
        # Kueue gives reasons in events of the Workload that it makes of a Job, `job-<name>-<hash>`.
        waits = live.get("kind") == "Job" and dig(live, "spec", "suspend") is True
        workload = re.compile(rf"job-{re.escape(dig(live, 'metadata', 'name') or '')}-[0-9a-f]+")
        url = f"/api/v1/namespaces/{_namespace(live)}/events"
        found: list[tuple[str, str]] = []
        for event in self._client.collection(url, fieldSelector="type=Warning"):
            involved, reason = mapping(event, "involvedObject"), event.get("reason", "")
            queued = waits and involved.get("kind") == "Workload" and workload.fullmatch(involved.get("name", ""))
            if (involved.get("uid") not in about and not queued) or reason in TOLD_BY_STATUS:
                continue
            text = f"[{reason}] {event.get('message', '')}"
            if reason == "FailedCreate":
                text = POD_NAME.sub("pods", text)
                if involved.get("uid") in makers and is_hopeless(text):
                    self.hopeless = text
            found.append((f"{involved.get('kind')} {involved.get('name')}", text))
        return found


def _namespace(obj: Object) -> str:
    return dig(obj, "metadata", "namespace") or "default"


def _unless_ready(pod: Object) -> list[str]:
    if condition(pod, "Ready").get("status") == "True" or dig(pod, "status", "phase") == "Succeeded":
        return []
    return pod_problems(pod)
