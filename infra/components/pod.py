"""What all pods of tenants share: pod security `restricted`, one temp volume, resources, GPU scheduling.

https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.core.v1 import (
    CapabilitiesArgs,
    ContainerArgs,
    EmptyDirVolumeSourceArgs,
    EnvVarArgs,
    PodSecurityContextArgs,
    ResourceRequirementsArgs,
    SeccompProfileArgs,
    SecurityContextArgs,
    TolerationArgs,
    VolumeArgs,
    VolumeMountArgs,
)

from infra.settings import GpuSettings, Percent
from infra.settings.base import ContainerResources, CpuMemory

UID = 10001
"""User and group of all our pods: above 10000, so that it meets no user of a host."""

_TEMP_SIZE = "1Gi"
"""TensorFlow and Python need some temporary space, never a data set's worth; more means the pod is evicted."""

_EPHEMERAL_REQUEST = "64Mi"
_EPHEMERAL_LIMIT = "2Gi"
"""The temp volume and the container's log."""

_SHARED_MEMORY_SIZE = "1Gi"
"""NCCL's buffers between GPUs; the runtime's default is 64 MiB. Counts as memory of the pod only where used."""

_GPU_TAINT = "nvidia.com/gpu"


@dataclass(frozen=True, kw_only=True)
class GpuScheduling:
    """How a pod gets to a node with GPUs; all empty for a pod that needs none."""

    node_selector: Mapping[str, str] | None = None
    runtime_class_name: str | None = None
    tolerations: tuple[TolerationArgs, ...] = ()


def gpu_scheduling(gpu: GpuSettings | None, count: int, own_selector: Mapping[str, str] | None = None) -> GpuScheduling:
    """Where a pod with that many GPUs may run.

    Pretend GPUs are advertised by nodes without the labels of GPU nodes, so the selector does not apply to them.
    """
    if gpu is None or count == 0:
        return GpuScheduling(node_selector=own_selector or None)
    selector = {**({} if gpu.mode == "pretend" else gpu.node_selector), **(own_selector or {})}
    return GpuScheduling(
        node_selector=selector or None,
        runtime_class_name=gpu.runtime_class_name,
        tolerations=(TolerationArgs(key=_GPU_TAINT, operator="Exists", effect="NoSchedule"),),
    )


def pod_security() -> PodSecurityContextArgs:
    """A pod that is nobody on the node and owns what it writes into volumes."""
    return PodSecurityContextArgs(
        run_as_non_root=True,
        run_as_user=UID,
        run_as_group=UID,
        fs_group=UID,
        # A store of many files would otherwise be walked at every start.
        fs_group_change_policy="OnRootMismatch",
        seccomp_profile=SeccompProfileArgs(type="RuntimeDefault"),
    )


def container_security() -> SecurityContextArgs:
    """A container that can gain nothing and write nowhere but to its volumes."""
    return SecurityContextArgs(
        allow_privilege_escalation=False,
        capabilities=CapabilitiesArgs(drop=["ALL"]),
        privileged=False,
        read_only_root_filesystem=True,
        run_as_non_root=True,
        run_as_user=UID,
        run_as_group=UID,
        seccomp_profile=SeccompProfileArgs(type="RuntimeDefault"),
    )


def resources(asked: ContainerResources, gpu: GpuSettings | None) -> ResourceRequirementsArgs:
    """Requests and limits of a container with its GPUs, which are whole devices: request and limit are the same."""
    devices = {gpu.resource: str(asked.gpu)} if gpu is not None and asked.gpu else {}
    return ResourceRequirementsArgs(
        requests={**_cpu_memory(asked), "ephemeral-storage": _EPHEMERAL_REQUEST, **devices},
        limits={**_cpu_memory(asked.limit), "ephemeral-storage": _EPHEMERAL_LIMIT, **devices},
    )


def memory_share(fraction: Percent | None, count: int) -> float:
    """The part of a device's memory that a pod with that many GPUs may take, from above 0 to 1.

    Args:
        fraction: Of the plan; None where no device is shared.
        count: GPUs of the pod.
    """
    return float(fraction.value) / 100 if fraction is not None and count else 1.0


def temp_volume() -> VolumeArgs:
    """The one writable place of a container beside the store."""
    return VolumeArgs(name="temp", empty_dir=EmptyDirVolumeSourceArgs(size_limit=_TEMP_SIZE))


def temp_mount() -> VolumeMountArgs:
    """Where the temp volume is: `/tmp`, which is HOME too."""
    return VolumeMountArgs(name="temp", mount_path="/tmp")  # noqa: S108 - a volume of the pod's own


def shared_memory_volume() -> VolumeArgs:
    """Memory that processes share, for the traffic between GPUs."""
    return VolumeArgs(name="shm", empty_dir=EmptyDirVolumeSourceArgs(medium="Memory", size_limit=_SHARED_MEMORY_SIZE))


def shared_memory_mount() -> VolumeMountArgs:
    """Where NCCL looks for it."""
    return VolumeMountArgs(name="shm", mount_path="/dev/shm")  # noqa: S108 - a volume of the pod's own


def environment(
    variables: Mapping[str, pulumi.Input[str]], gpu: GpuSettings | None = None, count: int = 0
) -> list[EnvVarArgs]:
    """Variables of a container whose root file system is read-only, sorted by name so that order makes no diff."""
    always: dict[str, pulumi.Input[str]] = {"HOME": "/tmp", "TMPDIR": "/tmp"}  # noqa: S108 - the temp volume
    if gpu is not None and count:
        always["CUDA_CACHE_PATH"] = "/tmp/cuda"  # noqa: S108 - the temp volume
        if gpu.shares:
            # TensorFlow takes all of a device's memory at start, and would leave none to the pods it shares with.
            always["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"
    return [EnvVarArgs(name=name, value=value) for name, value in sorted({**always, **variables}.items())]


def container(
    name: str,
    image: pulumi.Input[str],
    command: list[str],
    *,
    args: list[str] | None = None,
    env: list[EnvVarArgs],
    asked: ResourceRequirementsArgs,
    mounts: list[VolumeMountArgs],
) -> ContainerArgs:
    """A container by the rules above. Its log's end becomes the reason that Kubernetes, and so the user, sees."""
    return ContainerArgs(
        name=name,
        image=image,
        image_pull_policy="IfNotPresent",
        command=command,
        args=args,
        env=env,
        resources=asked,
        security_context=container_security(),
        termination_message_policy="FallbackToLogsOnError",
        volume_mounts=[temp_mount(), *mounts],
    )


def _cpu_memory(amount: CpuMemory) -> dict[str, str]:
    return {"cpu": str(amount.cpu), "memory": str(amount.memory)}
