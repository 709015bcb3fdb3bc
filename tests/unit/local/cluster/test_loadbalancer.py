"""LoadBalancer Services on the loopback."""

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from local.cluster.forwarder import Forwarder, Wanted, wanted
from local.cluster.loadbalancer import LoadBalancer, ingress_of, preferred
from local.cluster.watch import Changed, Deleted, Listed


def service(name: str = "web", *, address: str = "127.0.0.1", port: int = 80, **spec: Any) -> dict[str, Any]:
    ports = [{"port": port, "protocol": "TCP"}]
    metadata = {"name": name, "namespace": "a"}
    return {"metadata": metadata, "spec": {"type": "LoadBalancer", "clusterIP": address, "ports": ports, **spec}}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_service_ports_are_forwarded_under_their_own_numbers() -> None:
    ports = [{"port": 8501, "targetPort": 1}, {"port": 8500, "protocol": "TCP"}, {"port": 53, "protocol": "UDP"}]
    assert wanted(service(address="10.214.0.7", ports=ports)) == Wanted("10.214.0.7", (8500, 8501), ())


@pytest.mark.parametrize(
    "change",
    [{"type": "ClusterIP"}, {"loadBalancerClass": "x/y"}, {"clusterIP": ""}, {"clusterIP": "None"}, {"ports": []}],
)
def test_services_that_are_not_ours_are_left_alone(change: dict[str, Any]) -> None:
    assert wanted(service(**change) if "clusterIP" not in change else service(address=change["clusterIP"])) is None


def test_service_that_is_going_away_is_not_served() -> None:
    leaving = service()
    leaving["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert wanted(leaving) is None


@pytest.mark.parametrize(
    ("sources", "admitted"),
    [((), True), (("127.0.0.0/8",), True), (("10.0.0.0/8",), False), (("10.0.0.0/8", "127.0.0.1/32"), True)],
)
def test_source_ranges_decide_who_may_connect(sources: tuple[str, ...], admitted: bool) -> None:
    assert Wanted("10.214.0.7", (80,), sources).admits("127.0.0.1") is admitted


def test_address_that_a_service_has_is_tried_first() -> None:
    known = {**service(), "status": {"loadBalancer": {"ingress": [{"ip": "127.0.0.9"}]}}}
    assert preferred(known)[:2] == ["127.0.0.9", "127.0.0.1"]
    assert preferred(service())[0] == "127.0.0.1"


def test_foreign_addresses_are_not_listened_on() -> None:
    known = {**service(), "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}}
    assert preferred(known)[0] == "127.0.0.1"


class Cluster:
    """Records status patches."""

    def __init__(self) -> None:
        self.patches: list[tuple[str, Any]] = []
        self.balancer = LoadBalancer(
            httpx.AsyncClient(transport=httpx.MockTransport(self._answer), base_url="https://cluster")
        )

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.patches.append((request.url.path, json.loads(request.content)))
        return httpx.Response(200, json={})


def run(body: Callable[[Cluster], Awaitable[None]]) -> None:
    async def inside() -> None:
        async with asyncio.timeout(5):
            await body(Cluster())

    asyncio.run(inside())


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers only once the client has ended its direction."""
    data = await reader.read()
    writer.write(data.upper())
    writer.close()


async def ask(port: int, text: bytes, address: str = "127.0.0.1") -> bytes:
    reader, writer = await asyncio.open_connection(address, port)
    writer.write(text)
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    return answer


def test_connection_is_forwarded_and_each_direction_ends_by_itself() -> None:
    async def body(cluster: Cluster) -> None:
        port = free_port()
        async with await asyncio.start_server(echo, "127.0.0.2", port):
            await cluster.balancer.handle(Changed(service(address="127.0.0.2", port=port)))
            assert await ask(port, b"hello") == b"HELLO"

    run(body)


def test_status_names_the_address_in_proxy_mode_once() -> None:
    async def body(cluster: Cluster) -> None:
        port = free_port()
        one = service(address="127.0.0.2", port=port)
        await cluster.balancer.handle(Listed([one]))
        ingress = [{"ip": "127.0.0.1", "ipMode": "Proxy"}]
        wanted_patch = {"status": {"loadBalancer": {"ingress": ingress}}}
        assert cluster.patches == [("/api/v1/namespaces/a/services/web/status", wanted_patch)]
        await cluster.balancer.handle(Changed({**one, "status": wanted_patch["status"]}))
        assert len(cluster.patches) == 1
        assert ingress_of({**one, "status": wanted_patch["status"]}) == ingress

    run(body)


def test_taken_port_moves_a_service_to_the_next_address() -> None:
    async def body(cluster: Cluster) -> None:
        port = free_port()
        async with await asyncio.start_server(echo, "127.0.0.1", port):
            await cluster.balancer.handle(Changed(service(address="127.0.0.3", port=port)))
        assert cluster.patches[0][1]["status"]["loadBalancer"]["ingress"][0]["ip"] == "127.0.0.2"

    run(body)


def test_connections_are_refused_once_the_service_has_gone() -> None:
    async def body(cluster: Cluster) -> None:
        port = free_port()
        one = service(address="127.0.0.2", port=port)
        await cluster.balancer.handle(Changed(one))
        await cluster.balancer.handle(Deleted(one))
        with pytest.raises(ConnectionRefusedError):
            await ask(port, b"")

    run(body)


def test_service_missing_from_a_new_list_is_dropped() -> None:
    async def body(cluster: Cluster) -> None:
        port = free_port()
        await cluster.balancer.handle(Changed(service(address="127.0.0.2", port=port)))
        await cluster.balancer.handle(Listed([]))
        with pytest.raises(ConnectionRefusedError):
            await ask(port, b"")

    run(body)


def test_client_sees_an_error_when_nobody_answers_behind() -> None:
    async def body(cluster: Cluster) -> None:
        port = free_port()
        await cluster.balancer.handle(Changed(service(address="127.0.0.2", port=port)))
        with pytest.raises(ConnectionResetError):
            await ask(port, b"hello")

    run(body)


def test_client_outside_the_source_ranges_gets_nothing() -> None:
    async def body(cluster: Cluster) -> None:
        port = free_port()
        async with await asyncio.start_server(echo, "127.0.0.2", port):
            restricted = service(address="127.0.0.2", port=port, loadBalancerSourceRanges=["10.0.0.0/8"])
            await cluster.balancer.handle(Changed(restricted))
            assert await ask(port, b"") == b""

    run(body)


def test_no_free_address_is_an_error_that_names_the_ports() -> None:
    async def body(_: Cluster) -> None:
        port = free_port()
        async with await asyncio.start_server(echo, "127.0.0.1", port):
            with pytest.raises(OSError, match=str(port)):
                await Forwarder.start(Wanted("127.0.0.2", (port,), ()), ["127.0.0.1"])

    run(body)
