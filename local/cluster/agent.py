"""What a cloud's and a GPU vendor's agents do elsewhere: LoadBalancer Services, GPUs, and the way to the API server.

`python -m local.cluster.agent` runs under the supervisor.
"""

import asyncio

import httpx

from local import paths
from local.cluster.api import tls
from local.cluster.forwarder import Forwarder, Wanted
from local.cluster.gpus import pretend_gpus
from local.cluster.loadbalancer import LoadBalancer

_PODS_API = Wanted(paths.LOOPBACK, (paths.API_PORT,), (paths.POD_CIDR,))
"""The API server listens on loopback alone, and pods find it on the bridge."""


async def _run() -> None:
    pods_api = await Forwarder.start(_PODS_API, [paths.BRIDGE_ADDRESS])
    async with (
        httpx.AsyncClient(base_url=paths.API_SERVER, verify=tls("agent"), trust_env=False) as client,
        asyncio.TaskGroup() as tasks,
    ):
        tasks.create_task(LoadBalancer(client).run())
        tasks.create_task(pretend_gpus(client))
    await pods_api.stop()


if __name__ == "__main__":
    asyncio.run(_run())
