"""What a cloud's and a GPU vendor's agents do elsewhere: LoadBalancer Services, and GPUs on the node.

`python -m local.cluster.agent` runs under the supervisor.
"""

import asyncio

import httpx

from local import paths
from local.cluster.api import tls
from local.cluster.gpus import pretend_gpus
from local.cluster.loadbalancer import LoadBalancer


async def _run() -> None:
    async with (
        httpx.AsyncClient(base_url=paths.API_SERVER, verify=tls("agent"), trust_env=False) as client,
        asyncio.TaskGroup() as tasks,
    ):
        tasks.create_task(LoadBalancer(client).run())
        tasks.create_task(pretend_gpus(client))


if __name__ == "__main__":
    asyncio.run(_run())
