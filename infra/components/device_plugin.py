"""NVIDIA's device plugin: makes the GPUs of nodes something that pods can ask for, whole or shared.

After the official static manifest and configuration of v0.20.0 (https://github.com/NVIDIA/k8s-device-plugin:
deployments/static/nvidia-device-plugin.yml, README "Shared Access to GPUs").
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pulumi
from pulumi_kubernetes.apps.v1 import DaemonSet, DaemonSetSpecArgs, DaemonSetUpdateStrategyArgs
from pulumi_kubernetes.core.v1 import (
    CapabilitiesArgs,
    ConfigMap,
    ConfigMapVolumeSourceArgs,
    ContainerArgs,
    EnvVarArgs,
    HostPathVolumeSourceArgs,
    Namespace,
    PodSecurityContextArgs,
    PodSpecArgs,
    PodTemplateSpecArgs,
    ResourceRequirementsArgs,
    SeccompProfileArgs,
    SecurityContextArgs,
    ServiceAccount,
    TolerationArgs,
    VolumeArgs,
    VolumeMountArgs,
)
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs

from infra.components import labels, mps, network
from infra.components.pull_secret import pull_secrets
from infra.components.tenant import pod_security
from infra.settings import GpuSettings
from infra.settings.platform import RegistryCredentials

_NAME = "nvidia-device-plugin"
_PLUGINS_DIR = "/var/lib/kubelet/device-plugins"
_CONFIG_DIR = "/config"
_CONFIG_FILE = "config.yaml"


@dataclass(frozen=True, kw_only=True)
class NvidiaDevicePluginArgs:
    """How the cluster's GPUs are given out."""

    gpu: GpuSettings
    """Its section of the stack file; the mode is not `pretend`."""

    image: str
    registries: Mapping[str, RegistryCredentials] = field(default_factory=dict[str, RegistryCredentials])
    """Credentials the nodes pull the image with, by registry host."""


class NvidiaDevicePlugin(pulumi.ComponentResource):
    """The plugin's DaemonSet on GPU nodes, in a namespace of its own.

    The namespace is the one place with pod security `privileged`, since the plugin talks to the kubelet through a
    directory of the host. MPS adds NVIDIA's control daemon; MPS and MIG are passed through as NVIDIA documents them and
    are not tested here.
    """

    namespace: Namespace
    daemon_set: DaemonSet

    def __init__(self, name: str, args: NvidiaDevicePluginArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tfk8s:index:NvidiaDevicePlugin", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        object_labels = labels.common("device-plugin", {})
        self.namespace = Namespace(
            f"{name}-namespace",
            metadata=ObjectMetaArgs(name=_NAME, labels={**object_labels, **pod_security("privileged")}),
            opts=child,
        )
        namespace_name = self.namespace.metadata.name

        def metadata(object_name: str | None) -> ObjectMetaArgs:
            return ObjectMetaArgs(name=object_name, namespace=namespace_name, labels=object_labels)

        denied = network.deny_all(f"{name}-deny-all", metadata("deny-all"), child)
        account = ServiceAccount(
            f"{name}-account",
            metadata=metadata(_NAME),
            automount_service_account_token=False,
            image_pull_secrets=pull_secrets(name, namespace_name, object_labels, args.registries, child) or None,
            opts=child,
        )
        config = ConfigMap(
            f"{name}-config",
            metadata=metadata(None),
            immutable=True,
            data={_CONFIG_FILE: _config(args.gpu)},
            opts=child,
        )
        pod = _PodParts(gpu=args.gpu, account=account.metadata.name, config=config.metadata.name)
        after = pulumi.ResourceOptions(parent=self, depends_on=[denied])
        self.daemon_set = _daemon_set(name, _NAME, _plugin_pod(args, pod), metadata, after)
        if args.gpu.mode == "mps":
            _daemon_set(f"{name}-mps", f"{_NAME}-mps", _mps_pod(args, pod), metadata, after)
        self.register_outputs({"namespaceName": namespace_name})


@dataclass(frozen=True, kw_only=True)
class _PodParts:
    gpu: GpuSettings
    account: pulumi.Input[str]
    config: pulumi.Input[str]
    """Name of the ConfigMap."""

    def spec(
        self,
        container: ContainerArgs,
        volumes: list[VolumeArgs],
        *,
        init_containers: list[ContainerArgs] | None = None,
        host_pid: bool | None = None,
    ) -> PodSpecArgs:
        """A pod on every GPU node, that goes last when the node runs short."""
        config = VolumeArgs(name="config", config_map=ConfigMapVolumeSourceArgs(name=self.config))
        return PodSpecArgs(
            service_account_name=self.account,
            automount_service_account_token=False,
            enable_service_links=False,
            priority_class_name="system-node-critical",
            runtime_class_name=self.gpu.runtime_class_name,
            node_selector=self.gpu.node_selector,
            tolerations=[TolerationArgs(key="nvidia.com/gpu", operator="Exists", effect="NoSchedule")],
            host_pid=host_pid,
            # As root, as NVIDIA has it: the directory of plugin sockets and the devices are root's.
            security_context=PodSecurityContextArgs(seccomp_profile=SeccompProfileArgs(type="RuntimeDefault")),
            init_containers=init_containers,
            containers=[container],
            volumes=[config, *volumes],
        )


def _plugin_pod(args: NvidiaDevicePluginArgs, pod: _PodParts) -> PodSpecArgs:
    with_mps = args.gpu.mode == "mps"
    env = [EnvVarArgs(name="MPS_ROOT", value=mps.ROOT)] if with_mps else []
    plugins = VolumeArgs(
        name="kubelet-device-plugins-dir", host_path=HostPathVolumeSourceArgs(path=_PLUGINS_DIR, type="Directory")
    )
    container = ContainerArgs(
        name="nvidia-device-plugin-ctr",
        image=args.image,
        env=[*_environment(args.gpu), *env],
        resources=_resources(),
        security_context=_security(args.gpu),
        volume_mounts=[
            VolumeMountArgs(name=plugins.name, mount_path=_PLUGINS_DIR),
            _config_mount(),
            *(mps.mounts() if with_mps else []),
        ],
    )
    return pod.spec(container, [plugins, *(mps.volumes() if with_mps else [])])


def _mps_pod(args: NvidiaDevicePluginArgs, pod: _PodParts) -> PodSpecArgs:
    """The control daemon finds its server's process through the host's PID namespace."""
    container = mps.control_daemon(args.image, _environment(args.gpu), _config_mount())
    return pod.spec(container, mps.volumes(), init_containers=[mps.mount_shared_memory(args.image)], host_pid=True)


def _daemon_set(
    name: str,
    object_name: str,
    pod: PodSpecArgs,
    metadata: Callable[[str | None], ObjectMetaArgs],
    opts: pulumi.ResourceOptions,
) -> DaemonSet:
    selector = {"app.kubernetes.io/name": object_name}
    return DaemonSet(
        name,
        metadata=metadata(object_name),
        spec=DaemonSetSpecArgs(
            selector=LabelSelectorArgs(match_labels=selector),
            update_strategy=DaemonSetUpdateStrategyArgs(type="RollingUpdate"),
            template=PodTemplateSpecArgs(
                metadata=ObjectMetaArgs(labels={**labels.common("device-plugin", {}), **selector}), spec=pod
            ),
        ),
        opts=opts,
    )


def _environment(gpu: GpuSettings) -> list[EnvVarArgs]:
    env = [EnvVarArgs(name="CONFIG_FILE", value=f"{_CONFIG_DIR}/{_CONFIG_FILE}")]
    if gpu.mode == "mig":
        env.append(EnvVarArgs(name="NVIDIA_MIG_MONITOR_DEVICES", value="all"))
    return env


def _config_mount() -> VolumeMountArgs:
    return VolumeMountArgs(name="config", mount_path=_CONFIG_DIR, read_only=True)


def _resources() -> ResourceRequirementsArgs:
    """NVIDIA states none. It lists devices and answers the kubelet; the limit is there for what goes wrong."""
    return ResourceRequirementsArgs(
        requests={"cpu": "50m", "memory": "64Mi"}, limits={"cpu": "500m", "memory": "512Mi"}
    )


def _security(gpu: GpuSettings) -> SecurityContextArgs:
    """As NVIDIA's own: nothing, except what monitoring MIG devices takes."""
    if gpu.mode == "mig":
        return SecurityContextArgs(capabilities=CapabilitiesArgs(add=["SYS_ADMIN"]))
    return SecurityContextArgs(allow_privilege_escalation=False, capabilities=CapabilitiesArgs(drop=["ALL"]))


def _config(gpu: GpuSettings) -> str:
    """The plugin's configuration file; JSON is YAML.

    Shared devices get a name of their own, and a pod may ask for one only: more of them is no more compute.
    """
    sharing = {
        "renameByDefault": True,
        "failRequestsGreaterThanOne": True,
        "resources": [{"name": "nvidia.com/gpu", "replicas": gpu.pods_per_gpu}],
    }
    words: dict[str, object] = {
        "version": "v1",
        "flags": {"migStrategy": "single" if gpu.mode == "mig" else "none"},
    }
    if gpu.mode in ("timeSlicing", "mps"):
        words["sharing"] = {gpu.mode: sharing}
    return json.dumps(words, indent=2)
