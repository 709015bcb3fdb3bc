"""GPUs that do not exist, so that quotas, requests and scheduling behave as on a GPU cluster."""

import httpx

from local import paths
from local.cluster.api import Object
from local.cluster.watch import Changed, Listed, merge_status, watch

GPU = "nvidia.com/gpu"


async def pretend_gpus(client: httpx.AsyncClient) -> None:
    """Keep the node advertising GPUs that do not exist; the kubelet drops them whenever it starts."""
    async for event in watch(client, "/api/v1/nodes", fieldSelector=f"metadata.name={paths.NODE}"):
        nodes = event.objects if isinstance(event, Listed) else [event.object] if isinstance(event, Changed) else []
        for node in nodes:
            if not has_gpus(node):
                await merge_status(client, f"/api/v1/nodes/{paths.NODE}", gpu_status())


def has_gpus(node: Object) -> bool:
    """Whether a node advertises the GPUs, as there and as allocatable."""
    status = node.get("status", {})
    return all(status.get(part, {}).get(GPU) == str(paths.PRETEND_GPUS) for part in ("capacity", "allocatable"))


def gpu_status() -> Object:
    """What is merged into a node's status."""
    count = {GPU: str(paths.PRETEND_GPUS)}
    return {"capacity": count, "allocatable": count}
