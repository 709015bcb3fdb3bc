"""When an object counts as ready: what the official provider's documentation says of each kind it awaits.

Each function takes the live object and reads its status, nothing else.
"""

from collections.abc import Callable
from dataclasses import dataclass

from local.plugins.wire import Object, dig, mapping, objects


@dataclass(frozen=True)
class Readiness:
    """How far an object is."""

    ready: bool
    missing: str = ""
    """What is still waited for."""
    failure: str | None = None
    """Why it will never become ready."""


READY = Readiness(ready=True)
NOTHING: Object = {}


def condition(obj: Object, name: str) -> Object:
    """The status condition of that type; empty where there is none."""
    return next((entry for entry in objects(obj, "status", "conditions") if entry.get("type") == name), NOTHING)


def explained(entry: Object) -> str:
    """A condition's reason and message."""
    return f"[{entry.get('reason', '')}] {entry.get('message', '')}".strip()


def _count(obj: Object, *path: str) -> int:
    return dig(obj, *path) or 0


def is_observed(obj: Object) -> bool:
    """Whether the controller has seen the newest version of the object."""
    return _count(obj, "status", "observedGeneration") >= _count(obj, "metadata", "generation")


def has_condition(obj: Object, name: str) -> Readiness:
    """The condition is true, of the newest version of the object where it says of which it is."""
    entry = condition(obj, name)
    observed = entry.get("observedGeneration", 0)
    if entry.get("status") == "True" and (not observed or observed >= _count(obj, "metadata", "generation")):
        return READY
    return Readiness(ready=False, missing=f"waiting for {name}: {explained(entry) if entry else 'nobody said it yet'}")


def deployment(obj: Object) -> Readiness:
    """Rolled out: every replica is of the newest template and available. Fails at the progress deadline."""
    wanted = 1 if dig(obj, "spec", "replicas") is None else _count(obj, "spec", "replicas")
    updated, available = _count(obj, "status", "updatedReplicas"), _count(obj, "status", "availableReplicas")
    progressing = condition(obj, "Progressing")
    if not is_observed(obj):
        return Readiness(ready=False, missing="waiting for the Deployment controller")
    if progressing.get("status") == "False":
        return Readiness(ready=False, failure=explained(progressing))
    if (
        progressing.get("reason") == "NewReplicaSetAvailable"
        and condition(obj, "Available").get("status") == "True"
        and updated >= wanted
        and available >= wanted
    ):
        return READY
    refused = condition(obj, "ReplicaFailure")
    missing = f"{min(updated, available)}/{wanted} pods of the newest version are available"
    return Readiness(ready=False, missing=f"{missing}; {explained(refused)}" if refused else missing)


def daemon_set(obj: Object) -> Readiness:
    """On every node it belongs on there is an available pod of the newest template."""
    wanted = _count(obj, "status", "desiredNumberScheduled")
    updated, available = _count(obj, "status", "updatedNumberScheduled"), _count(obj, "status", "numberAvailable")
    if not is_observed(obj):
        return Readiness(ready=False, missing="waiting for the DaemonSet controller")
    if dig(obj, "spec", "updateStrategy", "type") == "OnDelete":
        updated = wanted
    if updated >= wanted and available >= wanted:
        return READY
    return Readiness(ready=False, missing=f"{min(updated, available)}/{wanted} nodes have an available pod")


def stateful_set(obj: Object) -> Readiness:
    """Every replica is ready and, but for those a partition holds back, of the newest template."""
    wanted = 1 if dig(obj, "spec", "replicas") is None else _count(obj, "spec", "replicas")
    held_back = _count(obj, "spec", "updateStrategy", "rollingUpdate", "partition")
    updated, ready = _count(obj, "status", "updatedReplicas"), _count(obj, "status", "readyReplicas")
    if not is_observed(obj):
        return Readiness(ready=False, missing="waiting for the StatefulSet controller")
    if ready >= wanted and updated >= wanted - held_back:
        return READY
    return Readiness(ready=False, missing=f"{min(updated + held_back, ready)}/{wanted} pods are ready")


def pod(obj: Object) -> Readiness:
    """Ready, or finished well."""
    if condition(obj, "Ready").get("status") == "True" or dig(obj, "status", "phase") == "Succeeded":
        return READY
    if dig(obj, "status", "phase") == "Failed":
        return Readiness(ready=False, failure=f"[Failed] {dig(obj, 'status', 'message') or 'the pod failed'}")
    return Readiness(ready=False, missing=f"phase {dig(obj, 'status', 'phase')}")


def job(obj: Object) -> Readiness:
    """Complete. Fails with the reason of the Job's own condition, whatever that reason is."""
    failed = condition(obj, "Failed")
    if condition(obj, "Complete").get("status") == "True":
        return READY
    if failed.get("status") == "True":
        return Readiness(ready=False, failure=explained(failed))
    if dig(obj, "spec", "suspend") is True:
        return Readiness(ready=False, missing="suspended, waiting to be admitted")
    counts = (f"{_count(obj, 'status', state)} {state}" for state in ("active", "succeeded", "failed"))
    return Readiness(ready=False, missing=", ".join(counts))


def persistent_volume(obj: Object) -> Readiness:
    """Available or bound."""
    phase = dig(obj, "status", "phase")
    return READY if phase in ("Available", "Bound") else Readiness(ready=False, missing=f"phase {phase}")


def resource_quota(obj: Object) -> Readiness:
    """The quota controller has taken over the limits."""
    if mapping(obj, "spec", "hard") == mapping(obj, "status", "hard"):
        return READY
    return Readiness(ready=False, missing="waiting for the quota controller")


CHECKS: dict[tuple[str, str], Callable[[Object], Readiness]] = {
    ("apps/v1", "DaemonSet"): daemon_set,
    ("apps/v1", "Deployment"): deployment,
    ("apps/v1", "StatefulSet"): stateful_set,
    ("batch/v1", "Job"): job,
    ("v1", "PersistentVolume"): persistent_volume,
    ("v1", "Pod"): pod,
    ("v1", "ResourceQuota"): resource_quota,
}
"""Kinds awaited by their own status alone. Others exist as soon as they are made."""
