"""Fields of Kubernetes objects that no update changes in place, as data.

`REPLACING` is what pulumi-kubernetes answers with a replacement (provider/pkg/provider/diff.go, version 4.33).
`REFUSED` are fields it sends as an update all the same and the API server then refuses with 422 (Kubernetes 1.35,
pkg/apis/*/validation). Neither is derived from the other: `parallelism` of a Job is replaced though it is mutable.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

Tree = Any
"""JSON-like data of a shape its kind decides."""

Path = tuple[str | int, ...]
"""Keys and indices from an object's root to a value."""

Kind = tuple[str, str]
"""apiVersion and kind."""

_ANY: Final = "*"
"""Stands for any index of a list."""

IDENTITY: Final = ("metadata.name", "metadata.namespace")

_VOLUME_SOURCES: Final = (
    "awsElasticBlockStore", "azureDisk", "azureFile", "cephfs", "cinder", "csi", "fc", "flexVolume", "flocker",
    "gcePersistentDisk", "glusterfs", "hostPath", "iscsi", "local", "nfs", "photonPersistentDisk", "portworxVolume",
    "quobyte", "rbd", "scaleIO", "storageos", "vsphereVolume",
)  # fmt: skip
_POD: Final = (
    "affinity", "automountServiceAccountToken", "dnsConfig", "dnsPolicy", "enableServiceLinks", "hostAliases",
    "hostIPC", "hostNetwork", "hostPID", "hostname", "imagePullSecrets", "nodeName", "nodeSelector", "overhead",
    "preemptionPolicy", "priority", "priorityClassName", "readinessGates", "restartPolicy", "runtimeClassName",
    "schedulerName", "securityContext", "serviceAccount", "serviceAccountName", "shareProcessNamespace", "subdomain",
    "terminationGracePeriodSeconds", "volumes",
)  # fmt: skip
_CONTAINER: Final = (
    "args", "command", "env", "image", "imagePullPolicy", "lifecycle", "livenessProbe", "ports", "readinessProbe",
    "resources", "securityContext", "stdin", "stdinOnce", "terminationMessagePath", "terminationMessagePolicy", "tty",
    "volumeDevices", "volumeMounts", "workingDir",
)  # fmt: skip

CONFIG_MAP: Final = ("v1", "ConfigMap")
SECRET: Final = ("v1", "Secret")
JOB: Final = ("batch/v1", "Job")
CLAIM: Final = ("v1", "PersistentVolumeClaim")

REPLACING: Final[Mapping[Kind, tuple[str, ...]]] = {
    ("apps/v1", "DaemonSet"): ("spec.selector",),
    ("apps/v1", "Deployment"): ("spec.selector",),
    ("apps/v1", "StatefulSet"): (
        "spec.podManagementPolicy",
        "spec.revisionHistoryLimit",
        "spec.selector",
        "spec.serviceName",
        "spec.volumeClaimTemplates",
    ),
    JOB: ("spec.completions", "spec.parallelism", "spec.selector", "spec.template"),
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"): ("roleRef",),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"): ("roleRef",),
    ("storage.k8s.io/v1", "StorageClass"): ("parameters", "provisioner"),
    ("v1", "PersistentVolume"): tuple(f"spec.{source}" for source in _VOLUME_SOURCES),
    CLAIM: ("spec.accessModes", "spec.selector", "spec.storageClassName", "spec.volumeName"),
    ("v1", "Pod"): (
        *(f"spec.{field}" for field in _POD),
        *(f"spec.{part}.{_ANY}.{field}" for part in ("containers", "initContainers") for field in _CONTAINER),
    ),
    ("v1", "ResourceQuota"): ("spec.scopes",),
    SECRET: ("type",),
    ("v1", "Service"): ("spec.clusterIP",),
}

REFUSED: Final[Mapping[Kind, tuple[str, ...]]] = {
    JOB: (
        "spec.backoffLimitPerIndex",
        "spec.completionMode",
        "spec.managedBy",
        "spec.podFailurePolicy",
        "spec.successPolicy",
    ),
    CLAIM: ("spec.dataSource", "spec.dataSourceRef", "spec.volumeMode"),
    ("node.k8s.io/v1", "RuntimeClass"): ("handler",),
    ("scheduling.k8s.io/v1", "PriorityClass"): ("preemptionPolicy", "value"),
    ("storage.k8s.io/v1", "StorageClass"): ("reclaimPolicy", "volumeBindingMode"),
    ("v1", "PersistentVolume"): ("spec.volumeMode",),
}


def kind_of(inputs: Tree) -> Kind:
    """API version and kind of an object."""
    return str(inputs.get("apiVersion", "")), str(inputs.get("kind", ""))


def replacing_fields(
    inputs: Tree, *, mutable_config_maps: bool = False, mutable_secrets: bool = False
) -> tuple[str, ...]:
    """Fields of an object whose change replaces it.

    Args:
        inputs: The object as it is wanted.
        mutable_config_maps: The provider's option `enableConfigMapMutable`; an immutable one is replaced anyhow.
        mutable_secrets: Likewise `enableSecretMutable`.
    """
    kind, immutable = kind_of(inputs), inputs.get("immutable") is True
    own = REPLACING.get(kind, ())
    if kind == SECRET and (immutable or not mutable_secrets):
        own = (*own, "data", "stringData")
    elif kind == CONFIG_MAP and (immutable or not mutable_config_maps):
        own = (*own, "binaryData", "data")
    return (*IDENTITY, *own)


def touches(fields: Sequence[str], path: Path, value: Tree) -> bool:
    """Whether a change at a path is one of these fields: at it, below it, or with it inside the new value."""
    return any(_touches(field.split("."), path, value) for field in fields)


def _touches(field: Sequence[str], path: Path, value: Tree) -> bool:
    for position, step in enumerate(field):
        if position >= len(path):
            return _holds(value, field[position:])
        if step not in (_ANY, path[position]):
            return False
    return True


def _holds(value: Tree, field: Sequence[str]) -> bool:
    if not field:
        return True
    if field[0] == _ANY:
        return isinstance(value, list) and any(_holds(item, field[1:]) for item in cast("list[Tree]", value))
    return isinstance(value, dict) and field[0] in value and _holds(cast("Tree", value)[field[0]], field[1:])
