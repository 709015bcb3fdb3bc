"""Which changed fields need a new object, as pulumi-kubernetes has it.

The table is that of the official provider (pulumi/pulumi-kubernetes, provider/pkg/provider/diff.go), also where
Kubernetes itself is stricter or laxer: the embedded default must plan what a cluster of one's own would get.
"""

from collections.abc import Iterable, Sequence

from local.plugins.kubernetes.paths import Path
from local.plugins.wire import Object, dig, is_array, is_object

ANY_ITEM = "*"

IDENTITY = ("metadata.name", "metadata.namespace")
VOLUME_SOURCES = """
    awsElasticBlockStore azureDisk azureFile cephfs cinder csi fc flexVolume flocker gcePersistentDisk glusterfs
    hostPath iscsi local nfs photonPersistentDisk portworxVolume quobyte rbd scaleIO storageos vsphereVolume
""".split()  # noqa: SIM905  # a list would take a line for each
POD_FIELDS = """
    affinity automountServiceAccountToken dnsConfig dnsPolicy enableServiceLinks hostAliases hostIPC hostNetwork
    hostPID hostname imagePullSecrets nodeName nodeSelector overhead preemptionPolicy priority priorityClassName
    readinessGates restartPolicy runtimeClassName schedulerName securityContext serviceAccount serviceAccountName
    shareProcessNamespace subdomain terminationGracePeriodSeconds volumes
""".split()  # noqa: SIM905  # a list would take a line for each
CONTAINER_FIELDS = """
    args command env image imagePullPolicy lifecycle livenessProbe ports readinessProbe resources securityContext
    stdin stdinOnce terminationMessagePath terminationMessagePolicy tty volumeDevices volumeMounts workingDir
""".split()  # noqa: SIM905  # a list would take a line for each

REPLACING: dict[tuple[str, str], tuple[str, ...]] = {
    ("apps/v1", "DaemonSet"): ("spec.selector",),
    ("apps/v1", "Deployment"): ("spec.selector",),
    ("apps/v1", "StatefulSet"): (
        "spec.podManagementPolicy",
        "spec.revisionHistoryLimit",
        "spec.selector",
        "spec.serviceName",
        "spec.volumeClaimTemplates",
    ),
    ("batch/v1", "Job"): ("spec.completions", "spec.parallelism", "spec.selector", "spec.template"),
    ("policy/v1beta1", "PodDisruptionBudget"): ("spec",),
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"): ("roleRef",),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"): ("roleRef",),
    ("storage.k8s.io/v1", "StorageClass"): ("parameters", "provisioner"),
    ("v1", "PersistentVolume"): tuple(f"spec.{source}" for source in VOLUME_SOURCES),
    ("v1", "PersistentVolumeClaim"): (
        "spec.accessModes",
        "spec.selector",
        "spec.storageClassName",
        "spec.volumeName",
    ),
    ("v1", "Pod"): (
        *(f"spec.{field}" for field in POD_FIELDS),
        *(
            f"spec.{containers}.{ANY_ITEM}.{field}"
            for containers in ("containers", "initContainers")
            for field in CONTAINER_FIELDS
        ),
    ),
    ("v1", "ResourceQuota"): ("spec.scopes",),
    ("v1", "Secret"): ("type",),
    ("v1", "Service"): ("spec.clusterIP",),
}


def replacing_fields(obj: Object, *, mutable_config_maps: bool = False, mutable_secrets: bool = False) -> list[str]:
    """The fields of an object that cannot be changed in place.

    Args:
        obj: The new inputs.
        mutable_config_maps: The provider's option `enableConfigMapMutable`.
        mutable_secrets: The provider's option `enableSecretMutable`.
    """
    kind = (obj.get("apiVersion", ""), obj.get("kind", ""))
    immutable = obj.get("immutable") is True
    if kind == ("v1", "Secret") and (immutable or not mutable_secrets):
        return [*IDENTITY, "type", "stringData", "data"]
    if kind == ("v1", "ConfigMap") and (immutable or not mutable_config_maps):
        return [*IDENTITY, "binaryData", "data"]
    return [*IDENTITY, *REPLACING.get(kind, ())]


def replaces(fields: Iterable[str], path: Path, new: object) -> bool:
    """Whether a change at a path touches one of the fields: at it, below it, or with it inside the new value."""
    return any(_touches(field.split("."), path, new) for field in fields)


def _touches(field: Sequence[str], path: Path, new: object) -> bool:
    for position, step in enumerate(field):
        if position >= len(path):
            return _contains(new, field[position:])
        if step != ANY_ITEM and step != path[position]:
            return False
    return True


def _contains(value: object, field: Sequence[str]) -> bool:
    if not field:
        return True
    if field[0] == ANY_ITEM:
        return is_array(value) and any(_contains(item, field[1:]) for item in value)
    return is_object(value) and field[0] in value and _contains(dig(value, field[0]), field[1:])
