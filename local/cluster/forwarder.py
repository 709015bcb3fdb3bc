"""Forwards the TCP connections of one Service of type LoadBalancer from a loopback address to its ClusterIP."""

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from local.cluster.api import Object

_CHUNK = 64 * 1024
_CONNECT_SECONDS = 5.0
_BACKLOG = 1024


@dataclass(frozen=True)
class Wanted:
    """What a Service asks of its load balancer."""

    cluster_ip: str
    ports: tuple[int, ...]
    """`spec.ports[].port` of its TCP ports: the same in front and behind."""
    sources: tuple[str, ...]
    """`spec.loadBalancerSourceRanges`; empty lets everybody in."""

    def admits(self, address: str) -> bool:
        """Whether a client of that address may connect."""
        client = ipaddress.ip_address(address)
        return not self.sources or any(client in ipaddress.ip_network(source, strict=False) for source in self.sources)


def wanted(service: Object) -> Wanted | None:
    """What a Service asks for; None if it is none of ours, is going away or has no address yet."""
    spec: dict[str, Any] = service["spec"]
    address: str = spec.get("clusterIP", "")
    ours = spec.get("type") == "LoadBalancer" and "loadBalancerClass" not in spec
    if not ours or "deletionTimestamp" in service["metadata"] or address in {"", "None"}:
        return None
    ports = tuple(sorted(port["port"] for port in spec.get("ports", []) if port.get("protocol", "TCP") == "TCP"))
    return Wanted(address, ports, tuple(spec.get("loadBalancerSourceRanges", []))) if ports else None


class Forwarder:
    """Listens for one Service; all its ports on one address."""

    def __init__(
        self, want: Wanted, address: str, servers: Sequence[asyncio.Server], tasks: set[asyncio.Task[None]]
    ) -> None:
        self.want = want
        self.address = address
        self._servers = servers
        self._connections = tasks

    @classmethod
    async def start(cls, want: Wanted, addresses: Sequence[str]) -> "Forwarder":
        """Listen on the first of the addresses on which all the ports are free.

        Raises:
            OSError: There is none.
        """
        for address in addresses:
            servers: list[asyncio.Server] = []
            tasks: set[asyncio.Task[None]] = set()
            try:
                for port in want.ports:
                    handler = partial(_accept, want, port, tasks)
                    servers.append(await asyncio.start_server(handler, address, port, backlog=_BACKLOG, limit=_CHUNK))
            except OSError:
                for server in servers:
                    server.close()
                continue
            return cls(want, address, servers, tasks)
        raise OSError(f"ports {', '.join(map(str, want.ports))} are taken on all of {addresses[0]} to {addresses[-1]}")

    async def stop(self) -> None:
        """Refuse new connections and cut those that are open."""
        for server in self._servers:
            server.close()
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)


async def _accept(
    want: Wanted,
    port: int,
    tasks: set[asyncio.Task[None]],
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    task = asyncio.current_task()
    if task is not None:
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    try:
        if want.admits(writer.get_extra_info("peername")[0]):
            await _forward(reader, writer, want.cluster_ip, port)
    except (OSError, TimeoutError):
        _reset(writer)  # nobody answers behind: the client must see an error, not an empty answer
    finally:
        writer.close()


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, address: str, port: int) -> None:
    async with asyncio.timeout(_CONNECT_SECONDS):
        behind_reader, behind_writer = await asyncio.open_connection(address, port, limit=_CHUNK)
    try:
        async with asyncio.TaskGroup() as both:
            both.create_task(_pump(reader, behind_writer))
            both.create_task(_pump(behind_reader, writer))
    except* OSError:
        _reset(writer)
    finally:
        behind_writer.close()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Copy until the source ends, then end the sink's direction only: the other one may still have much to say."""
    while data := await source.read(_CHUNK):
        sink.write(data)
        await sink.drain()
    if sink.can_write_eof():
        with contextlib.suppress(OSError):
            sink.write_eof()


def _reset(writer: asyncio.StreamWriter) -> None:
    transport_socket: socket.socket | None = writer.get_extra_info("socket")
    if transport_socket is not None:
        # An abort without pending data would end with FIN; linger 0 makes it RST.
        with contextlib.suppress(OSError):
            transport_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    writer.transport.abort()
