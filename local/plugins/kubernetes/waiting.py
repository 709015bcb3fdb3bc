"""Waits until objects are ready, or gone."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event

from local.plugins.kubernetes.client import NOT_FOUND, ApiClient, ApiError
from local.plugins.kubernetes.problems import Problems
from local.plugins.kubernetes.readiness import CHECKS, READY, Readiness, has_condition
from local.plugins.kubernetes.state import annotation
from local.plugins.serve import PluginError
from local.plugins.wire import Object, dig, mapping, objects

TIMEOUT_SECONDS = 600.0
TIMEOUTS_SECONDS = {"PersistentVolume": 300.0, "PersistentVolumeClaim": 300.0, "ResourceQuota": 60.0}
"""Defaults of the official provider (provider/pkg/await/awaiters.go)."""

SETTLED_SECONDS = 10.0
"""A Service that no pod has answered for so long is taken to have none (yet), as the official provider does."""

SHORTEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.05, 1.0
QUIET_SECONDS = 2.0
"""Waits shorter than this report nothing."""

WAIT_FOR = "pulumi.com/waitFor"

SKIPS_DELETION = frozenset({"Namespace", "Pod", "DaemonSet", "Deployment", "StatefulSet", "Job"})
"""Kinds whose `pulumi.com/skipAwait` also skips waiting for their deletion, a kept quirk of the official provider."""


class WaitFailed(PluginError):
    """An object did not become ready, or did not go away."""

    def __init__(self, reasons: list[str], live: Object | None) -> None:
        super().__init__("\n".join(reasons))
        self.reasons = reasons
        self.live = live


@dataclass(frozen=True)
class Wait:
    """What every wait of a provider needs."""

    client: ApiClient
    cancelled: Event
    report: Callable[[str], None]
    """Shows a status line beside the resource; an empty one clears it."""
    timeout_seconds: float = 0
    """The operation's own time limit; 0 is none."""

    def until_ready(self, obj: Object) -> Object:
        """Wait for an object just made or changed.

        Returns:
            The live object.

        Raises:
            WaitFailed: It failed, can never become ready, the time is up or the user cancelled.
        """
        limit, pauses, problems = self._limit(obj), Pauses(self.cancelled), Problems(self.client)
        while True:
            elapsed = pauses.wait()
            live = self._live(obj)
            state = check(self.client, live, elapsed)
            if state.ready:
                self.report("")
                return live
            overdue = elapsed > limit
            latest = problems.look(live) if elapsed > QUIET_SECONDS or state.failure or overdue else None
            if state.failure or overdue or problems.hopeless or self.cancelled.is_set():
                reason = state.failure or problems.hopeless
                if self.cancelled.is_set():
                    reason = f"cancelled while waiting: {state.missing}"
                reason = reason or f"not ready after {limit:.0f} s: {state.missing}"
                raise WaitFailed([reason, *problems.told(known=reason)], live)
            if elapsed > QUIET_SECONDS:
                self.report("; ".join(part for part in (state.missing, latest) if part))

    def until_gone(self, obj: Object) -> None:
        """Wait for an object whose deletion was asked for.

        Raises:
            WaitFailed: It is still there when the time is up or the user cancels.
        """
        if annotation(obj, "pulumi.com/skipAwait") == "true" and obj.get("kind") in SKIPS_DELETION:
            return
        limit, pauses = self._limit(obj, default=TIMEOUT_SECONDS), Pauses(self.cancelled)
        while True:
            elapsed = pauses.wait()
            live = self.client.find(obj)
            if live is None or dig(live, "metadata", "uid") != dig(obj, "metadata", "uid"):
                self.report("")
                return
            finalizers = ", ".join(dig(live, "metadata", "finalizers") or []) or "none"
            if elapsed > limit or self.cancelled.is_set():
                cause = "the user cancelled" if self.cancelled.is_set() else f"{limit:.0f} s"
                raise WaitFailed([f"still there after {cause}; finalizers: {finalizers}"], live)
            if elapsed > QUIET_SECONDS:
                self.report(f"waiting for the deletion; finalizers: {finalizers}")

    def _live(self, obj: Object) -> Object:
        try:
            return self.client.get(obj)
        except ApiError as error:
            if error.code != NOT_FOUND:
                raise
            raise WaitFailed(["deleted by somebody else while it was waited for"], None) from error

    def _limit(self, obj: Object, default: float | None = None) -> float:
        if self.timeout_seconds:
            return self.timeout_seconds
        annotated = annotation(obj, "pulumi.com/timeoutSeconds") or ""
        if annotated.isdigit():
            return float(annotated)
        return default or TIMEOUTS_SECONDS.get(obj.get("kind", ""), TIMEOUT_SECONDS)


class Pauses:
    """Growing pauses between two looks, cut short by a cancel."""

    def __init__(self, cancelled: Event) -> None:
        self._started = time.monotonic()
        self._cancelled = cancelled
        self._pause = 0.0

    def wait(self) -> float:
        """Pause, the first time not at all.

        Returns:
            The seconds since the start.
        """
        self._cancelled.wait(self._pause)
        self._pause = min(max(self._pause * 1.5, SHORTEST_PAUSE_SECONDS), LONGEST_PAUSE_SECONDS)
        return time.monotonic() - self._started


def is_awaited(obj: Object) -> bool:
    """Whether a kind has something to wait for, and the object does not say to skip it."""
    kind = (obj.get("apiVersion", ""), obj.get("kind", ""))
    awaited = kind in CHECKS or kind in (("v1", "Service"), ("v1", "PersistentVolumeClaim"))
    awaited = awaited or awaited_condition(obj) is not None
    return awaited and annotation(obj, "pulumi.com/skipAwait") != "true"


def awaited_condition(obj: Object) -> str | None:
    """The condition that the object itself says to wait for, in place of what its kind waits for."""
    name = (annotation(obj, WAIT_FOR) or "").removeprefix("condition=")
    return name if name.isalpha() and annotation(obj, WAIT_FOR) != name else None


def check(client: ApiClient, live: Object, elapsed: float) -> Readiness:
    """How far a live object is.

    Args:
        client: For what stands in other objects: endpoints of a Service, the class of a claim.
        live: The object.
        elapsed: Seconds it was waited for.
    """
    kind = (live.get("apiVersion", ""), live.get("kind", ""))
    if name := awaited_condition(live):
        return has_condition(live, name)
    if kind == ("v1", "Service"):
        return _service(client, live, elapsed)
    if kind == ("v1", "PersistentVolumeClaim"):
        return _claim(client, live)
    return CHECKS[kind](live) if kind in CHECKS else READY


def _service(client: ApiClient, live: Object, elapsed: float) -> Readiness:
    if dig(live, "spec", "type") == "LoadBalancer" and not dig(live, "status", "loadBalancer", "ingress"):
        return Readiness(ready=False, missing="waiting for a load balancer's address")
    if (
        not dig(live, "spec", "selector")
        or dig(live, "spec", "clusterIP") == "None"
        or dig(live, "spec", "type") == "ExternalName"
    ):
        return READY
    name, namespace = (dig(live, "metadata", key) for key in ("name", "namespace"))
    slices = client.collection(
        f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices",
        labelSelector=f"kubernetes.io/service-name={name}",
    )
    conditions = [mapping(endpoint, "conditions") for part in slices for endpoint in objects(part, "endpoints")]
    pending = sum(not entry.get("ready") and not entry.get("terminating") for entry in conditions)
    ready = sum(bool(entry.get("ready")) for entry in conditions)
    if pending:
        return Readiness(ready=False, missing=f"{ready}/{ready + pending} pods behind the Service are ready")
    if ready or elapsed > SETTLED_SECONDS:
        return READY
    return Readiness(ready=False, missing="waiting for pods behind the Service")


def _claim(client: ApiClient, live: Object) -> Readiness:
    phase = dig(live, "status", "phase")
    if phase == "Bound":
        return READY
    if name := dig(live, "spec", "storageClassName"):
        storage_class = client.find(
            {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name}}
        )
        if dig(storage_class, "volumeBindingMode") == "WaitForFirstConsumer":
            return READY  # bound only once a pod uses it
    return Readiness(ready=False, missing=f"phase {phase}")
