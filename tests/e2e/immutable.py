"""Objects with one field changed each: every field that pulumi-kubernetes answers with a replacement, and others.

They ask nothing of the cluster: no pod of theirs ever runs, and nothing is waited for.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from local.paths import CONTEXT, KUBECONFIG

NAMESPACE = "frozen"
NOWHERE = {"tfk8s.dev/nowhere": "true"}


@dataclass(frozen=True, kw_only=True)
class Case:
    """An object and one change to it."""

    name: str
    api: str
    kind: str
    body: dict[str, Any]
    path: str
    """Dotted; what is changed."""

    value: Any
    """What it is changed to; None takes the field away."""

    fixed_name: bool = True
    """Whether the program names the object, rather than the provider."""

    namespaced: bool = True

    def inputs(self, *, changed: bool) -> dict[str, Any]:
        """The object before or after the change."""
        metadata: dict[str, Any] = {"annotations": {"pulumi.com/skipAwait": "true"}}
        if self.fixed_name:
            metadata["name"] = self.name
        if self.namespaced:
            metadata["namespace"] = NAMESPACE
        whole: Any = {"apiVersion": self.api, "kind": self.kind, "metadata": metadata, **copy.deepcopy(self.body)}
        if changed:
            *parents, last = self.path.split(".")
            here: Any = whole
            for key in parents:
                here = here[int(key)] if key.isdigit() else here.setdefault(key, {})
            if self.value is None:
                del here[last]
            else:
                here[last] = self.value
        return whole


def _pod(**more: Any) -> dict[str, Any]:
    container = {"name": "main", "image": "127.0.0.1:15000/none:1", "command": ["true"]}
    return {"nodeSelector": NOWHERE, "containers": [container], **more}


def _template(**more: Any) -> dict[str, Any]:
    return {"metadata": {"labels": {"app": "a", "tier": "b"}}, "spec": _pod(**more)}


def _workload(name: str, kind: str, path: str, value: Any, **spec: Any) -> Case:
    body = {"spec": {"selector": {"matchLabels": {"app": "a"}}, "template": _template(), **spec}}
    return Case(name=name, api="apps/v1", kind=kind, body=body, path=path, value=value)


def _job(name: str, path: str, value: Any, **spec: Any) -> Case:
    body = {"spec": {"suspend": True, "template": _template(restartPolicy="Never"), **spec}}
    return Case(name=name, api="batch/v1", kind="Job", body=body, path=path, value=value)


def _claim(name: str, path: str, value: Any) -> Case:
    spec = {"accessModes": ["ReadWriteOnce"], "storageClassName": "none", "volumeName": "none"}
    spec |= {"selector": {"matchLabels": {"a": "b"}}, "resources": {"requests": {"storage": "1Gi"}}}
    return Case(name=name, api="v1", kind="PersistentVolumeClaim", body={"spec": spec}, path=path, value=value)


def _volume(name: str, path: str, value: Any, **spec: Any) -> Case:
    spec = {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteMany"], **spec}
    body = {"spec": {"persistentVolumeReclaimPolicy": "Retain", "storageClassName": "none", **spec}}
    return Case(name=name, api="v1", kind="PersistentVolume", body=body, path=path, value=value, namespaced=False)


def _core(name: str, kind: str, path: str, value: Any, *, fixed_name: bool = True, **body: Any) -> Case:
    return Case(name=name, api="v1", kind=kind, body=body, path=path, value=value, fixed_name=fixed_name)


def _binding(name: str, kind: str, path: str, value: Any, *, namespaced: bool) -> Case:
    body = {
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
        "subjects": [{"kind": "ServiceAccount", "name": "nobody", "namespace": NAMESPACE}],
    }
    api = "rbac.authorization.k8s.io/v1"
    return Case(name=name, api=api, kind=kind, body=body, path=path, value=value, namespaced=namespaced)


def _storage_class(name: str, path: str, value: Any) -> Case:
    body = {"provisioner": "example.org/a", "parameters": {"a": "b"}}
    api = "storage.k8s.io/v1"
    return Case(name=name, api=api, kind="StorageClass", body=body, path=path, value=value, namespaced=False)


def _whole_cluster(name: str, api: str, kind: str, **body: Any) -> Case:
    return Case(name=name, api=api, kind=kind, body=body, path="metadata.labels", value={"a": "b"}, namespaced=False)


_PORTS = {"ports": [{"port": 80}], "selector": {"app": "a"}}

CASES = (
    _core("map-data", "ConfigMap", "data.a", "2", data={"a": "1"}),
    _core("map-key", "ConfigMap", "data.b", "2", data={"a": "1"}),
    _core("map-own-name", "ConfigMap", "data.a", "2", fixed_name=False, data={"a": "1"}),
    _core("map-immutable", "ConfigMap", "data.a", "2", immutable=True, data={"a": "1"}),
    _core("map-binary", "ConfigMap", "binaryData.a", "Yg==", binaryData={"a": "YQ=="}),
    _core("map-label", "ConfigMap", "metadata.labels", {"a": "b"}, data={"a": "1"}),
    _core("map-renamed", "ConfigMap", "metadata.name", "map-other", data={"a": "1"}),
    _core("map-moved", "ConfigMap", "metadata.namespace", "default", data={"a": "1"}),
    _core("secret-data", "Secret", "data.a", "Yg==", data={"a": "YQ=="}),
    _core("secret-text", "Secret", "stringData.a", "b", stringData={"a": "a"}),
    _core("secret-type", "Secret", "type", "example.org/b", type="example.org/a", data={"a": "YQ=="}),
    _core("service-ip", "Service", "spec.clusterIP", "None", spec=_PORTS),
    _core("service-type", "Service", "spec.type", "NodePort", spec=_PORTS),
    _core("quota-scopes", "ResourceQuota", "spec.scopes", ["BestEffort"], spec={"hard": {"pods": "9"}}),
    _core("quota-equal", "ResourceQuota", "spec.hard.pods", "9000m", spec={"hard": {"pods": "9"}}),
    _core("pod-command", "Pod", "spec.containers.0.command", ["false"], spec=_pod()),
    _core("pod-priority", "Pod", "spec.terminationGracePeriodSeconds", 5, spec=_pod()),
    _claim("claim-modes", "spec.accessModes", ["ReadWriteMany"]),
    _claim("claim-selector", "spec.selector.matchLabels.a", "c"),
    _claim("claim-class", "spec.storageClassName", "other"),
    _claim("claim-volume", "spec.volumeName", "other"),
    _volume("volume-path", "spec.hostPath.path", "/tmp/b", hostPath={"path": "/tmp/a"}),
    _volume("volume-nfs", "spec.nfs.server", "b", nfs={"server": "a", "path": "/a"}),
    _volume("volume-csi", "spec.csi.volumeHandle", "b", csi={"driver": "example.org", "volumeHandle": "a"}),
    _volume("volume-size", "spec.capacity.storage", "2Gi", hostPath={"path": "/tmp/a"}),
    _storage_class("class-parameters", "parameters.a", "c"),
    _storage_class("class-provisioner", "provisioner", "example.org/b"),
    _storage_class("class-expansion", "allowVolumeExpansion", value=True),
    _whole_cluster("runtime", "node.k8s.io/v1", "RuntimeClass", handler="runc"),
    _whole_cluster("priority", "scheduling.k8s.io/v1", "PriorityClass", value=5),
    _binding("role-binding", "RoleBinding", "roleRef.name", "edit", namespaced=True),
    _binding("role-subject", "RoleBinding", "subjects.0.name", "somebody", namespaced=True),
    _binding("cluster-binding", "ClusterRoleBinding", "roleRef.name", "edit", namespaced=False),
    _workload("deployment-selector", "Deployment", "spec.selector.matchLabels.tier", "b", replicas=0),
    _workload("deployment-command", "Deployment", "spec.template.spec.containers.0.command", ["false"], replicas=0),
    _workload("daemon-selector", "DaemonSet", "spec.selector.matchLabels.tier", "b"),
    _workload("set-service", "StatefulSet", "spec.serviceName", "b", replicas=0, serviceName="a"),
    _workload("set-selector", "StatefulSet", "spec.selector.matchLabels.tier", "b", replicas=0, serviceName="a"),
    _workload("set-order", "StatefulSet", "spec.podManagementPolicy", "Parallel", replicas=0, serviceName="a"),
    _workload("set-history", "StatefulSet", "spec.revisionHistoryLimit", 3, replicas=0, serviceName="a"),
    _job("job-template", "spec.template.spec.containers.0.image", "127.0.0.1:15000/none:2"),
    _job("job-parallelism", "spec.parallelism", 2),
    _job(
        "job-selector",
        "spec.selector.matchLabels.tier",
        "b",
        manualSelector=True,
        selector={"matchLabels": {"app": "a"}},
    ),
    _job("job-completions", "spec.completions", 2),
    _job("job-backoff", "spec.backoffLimit", 3),
)


def program(*, changed: bool, cluster: str = "embedded") -> Callable[[], None]:
    """A Pulumi program that makes all of them, and some whose fate hangs on another's or on their options.

    Args:
        changed: Whether each has its change.
        cluster: What the provider takes for the cluster's identity.
    """

    def build() -> None:
        provider = kubernetes.Provider(
            "cluster", kubeconfig=str(KUBECONFIG), context=CONTEXT, cluster_identifier=cluster
        )
        options = pulumi.ResourceOptions(provider=provider)
        namespace = kubernetes.core.v1.Namespace("frozen", metadata={"name": NAMESPACE}, opts=options)
        after = pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(depends_on=[namespace]))
        for case in CASES:
            group = case.api if "/" in case.api else f"core/{case.api}"
            pulumi.CustomResource(f"kubernetes:{group}:{case.kind}", case.name, case.inputs(changed=changed), after)
        _dependents(after, changed=changed)

    return build


def _dependents(options: pulumi.ResourceOptions, *, changed: bool) -> None:
    def config_map(name: str, data: dict[str, Any], labels: Any = None, **more: Any) -> kubernetes.core.v1.ConfigMap:
        metadata = ObjectMetaArgs(name=name, namespace=NAMESPACE, labels=labels)
        own = pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(**more))
        return kubernetes.core.v1.ConfigMap(name, metadata=metadata, data=data, opts=own)

    first = config_map("first", {"a": "2" if changed else "1"})
    config_map("data-from-first", {"name": first.metadata.name})
    config_map("label-from-first", {"a": "1"}, labels={"name": first.metadata.name})
    config_map("triggered", {"a": "1"}, replacement_trigger=2 if changed else 1, delete_before_replace=True)
    config_map("ignoring", {"a": "2" if changed else "1"}, ignore_changes=["data"])
