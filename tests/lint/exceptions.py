"""What checkov finds in the rendered manifests and we keep, with reasons. One that is not needed is a finding too."""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

_DEVICE_PLUGIN: Final = "DaemonSet.nvidia-device-plugin.nvidia-device-plugin"
_SERVERS: Final = "Deployment.*-v*"
_GPU_STACKS: Final = ("dev", "prod")


@dataclass(frozen=True, kw_only=True)
class Kept:
    """One finding of checkov that stays."""

    checks: frozenset[str]
    """Ids, such as `CKV_K8S_8`."""

    resources: tuple[str, ...]
    """As checkov names them, `<kind>.<namespace>.<name>`; patterns of fnmatch."""

    stacks: tuple[str, ...]
    reason: str

    def covers(self, stack: str, check: str, resource: str) -> bool:
        """Whether a finding of checkov is this one."""
        named = any(fnmatchcase(resource, pattern) for pattern in self.resources)
        return named and check in self.checks and stack in self.stacks


KEPT: Final = (
    Kept(
        checks=frozenset({"CKV_K8S_23", "CKV_K8S_40"}),
        resources=(_DEVICE_PLUGIN,),
        stacks=_GPU_STACKS,
        reason="runs as root, as NVIDIA has it: the kubelet's plugin socket and the devices belong to root",
    ),
    Kept(
        checks=frozenset({"CKV_K8S_22"}),
        resources=(_DEVICE_PLUGIN,),
        stacks=_GPU_STACKS,
        reason="NVIDIA does not say where else than in its mounts it writes, and no GPU is here to try it on",
    ),
    Kept(
        checks=frozenset({"CKV_K8S_8", "CKV_K8S_9"}),
        resources=(_DEVICE_PLUGIN,),
        stacks=_GPU_STACKS,
        reason="has no endpoint to probe; it ends when it fails, and nothing sends it requests",
    ),
    Kept(
        checks=frozenset({"CKV_K8S_15", "CKV_K8S_43"}),
        resources=(_DEVICE_PLUGIN, _SERVERS),
        stacks=("local", *_GPU_STACKS),
        reason="not pinned yet: `tfk8s pin` adds the digest, with which IfNotPresent can run nothing else either",
    ),
)
