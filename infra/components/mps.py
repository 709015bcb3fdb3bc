"""What MPS needs beside the device plugin: NVIDIA's control daemon on each node, and the directories both use.

After the official chart of v0.20.0 (deployments/helm/nvidia-device-plugin/templates/daemonset-mps-control-daemon.yml).
Passed through and not tested here: NVIDIA itself calls MPS in the plugin experimental.
"""

from pulumi_kubernetes.core.v1 import (
    ContainerArgs,
    EnvVarArgs,
    EnvVarSourceArgs,
    HostPathVolumeSourceArgs,
    ObjectFieldSelectorArgs,
    SecurityContextArgs,
    VolumeArgs,
    VolumeMountArgs,
)

ROOT = "/run/nvidia/mps"
"""Directory of the host where the daemon keeps its pipes and logs."""


def volumes() -> list[VolumeArgs]:
    """The daemon's directories on the host."""
    return [
        VolumeArgs(name="mps-root", host_path=HostPathVolumeSourceArgs(path=ROOT, type="DirectoryOrCreate")),
        VolumeArgs(name="mps-shm", host_path=HostPathVolumeSourceArgs(path=f"{ROOT}/shm")),
    ]


def mounts() -> list[VolumeMountArgs]:
    """Where plugin and daemon see them. The plugin checks the daemon's health through /dev/shm."""
    return [
        VolumeMountArgs(name="mps-root", mount_path="/mps"),
        VolumeMountArgs(name="mps-shm", mount_path="/dev/shm"),  # noqa: S108 - the daemon's, by name
    ]


def mount_shared_memory(image: str) -> ContainerArgs:
    """First step of the daemon's pod: mounts the shared memory on the host, which takes a privileged container."""
    return ContainerArgs(
        name="mps-control-daemon-mounts",
        image=image,
        command=["mps-control-daemon", "mount-shm"],
        security_context=SecurityContextArgs(privileged=True),
        volume_mounts=[VolumeMountArgs(name="mps-root", mount_path="/mps", mount_propagation="Bidirectional")],
    )


def control_daemon(image: str, env: list[EnvVarArgs], config: VolumeMountArgs) -> ContainerArgs:
    """The daemon that shares the node's GPUs between processes."""
    node = EnvVarSourceArgs(field_ref=ObjectFieldSelectorArgs(field_path="spec.nodeName"))
    return ContainerArgs(
        name="mps-control-daemon-ctr",
        image=image,
        command=["mps-control-daemon"],
        env=[EnvVarArgs(name="NODE_NAME", value_from=node), *env],
        security_context=SecurityContextArgs(privileged=True),
        volume_mounts=[*mounts(), config],
    )
