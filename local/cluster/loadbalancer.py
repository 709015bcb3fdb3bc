"""Gives every Service of type LoadBalancer an address on the loopback and forwards from there.

The address is 127.0.0.1, or the next free 127.0.0.x where one of the ports is taken there already.
"""

import sys
from typing import Any

import httpx

from local.cluster.api import Object
from local.cluster.forwarder import Forwarder, wanted
from local.cluster.watch import Deleted, Event, Listed, merge_status, watch

ADDRESSES = tuple(f"127.0.0.{number}" for number in range(1, 255))


class LoadBalancer:
    """Forwarders for all Services, kept in step with the API server."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._forwarders: dict[str, Forwarder] = {}

    async def run(self) -> None:
        """Follow Services for as long as the process runs; while the API server is away, forwarding goes on."""
        async for event in watch(self._client, "/api/v1/services"):
            await self.handle(event)

    async def handle(self, event: Event) -> None:
        """Bring the forwarders in step with what the event says."""
        if isinstance(event, Listed):
            for key in self._forwarders.keys() - {_key(service) for service in event.objects}:
                await self._stop(key)
            for service in event.objects:
                await self._update(service)
        elif isinstance(event, Deleted):
            await self._stop(_key(event.object))
        else:
            await self._update(event.object)

    async def _update(self, service: Object) -> None:
        key, want = _key(service), wanted(service)
        running = self._forwarders.get(key)
        if running and running.want != want:
            await self._stop(key)
            running = None
        if want and not running:
            try:
                running = await Forwarder.start(want, preferred(service))
            except OSError as error:
                print(f"Service {key}: {error}", file=sys.stderr, flush=True)
                return
            self._forwarders[key] = running
        if running:
            await self._publish(service, running.address)

    async def _publish(self, service: Object, address: str) -> None:
        # Mode Proxy: with VIP, the default, kube-proxy would take the address for one that it serves itself.
        ingress = [{"ip": address, "ipMode": "Proxy"}]
        if ingress_of(service) == ingress:
            return
        metadata = service["metadata"]
        path = f"/api/v1/namespaces/{metadata['namespace']}/services/{metadata['name']}"
        await merge_status(self._client, path, {"loadBalancer": {"ingress": ingress}})

    async def _stop(self, key: str) -> None:
        if forwarder := self._forwarders.pop(key, None):
            await forwarder.stop()


def preferred(service: Object) -> list[str]:
    """The addresses to try, in order: the one that it has, so that a restart of this process changes nothing, first."""
    had = [entry["ip"] for entry in ingress_of(service) if entry.get("ip") in ADDRESSES]
    return [*had, *(address for address in ADDRESSES if address not in had)]


def ingress_of(service: Object) -> list[dict[str, Any]]:
    """`status.loadBalancer.ingress`."""
    return service.get("status", {}).get("loadBalancer", {}).get("ingress", [])


def _key(service: Object) -> str:
    return f"{service['metadata']['namespace']}/{service['metadata']['name']}"
