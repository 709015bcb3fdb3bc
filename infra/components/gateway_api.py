"""Gateway API's objects as far as they are used here, typed: a mistyped field is an error before anything is sent.

Version v1, of the standard channel alone. Fields of extended support, which not every implementation has, are
`timeouts` and the filter RequestMirror. (https://gateway-api.sigs.k8s.io/reference/api-spec/main/spec/)
"""

from collections.abc import Mapping
from typing import Any, Final, Literal, cast

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pydantic import Field

from infra.components.fields import Fields

API_VERSION: Final = "gateway.networking.k8s.io/v1"


class RouteNamespaces(Fields):
    """Whose routes a listener takes."""

    from_: Literal["Same"] = Field(serialization_alias="from")


class AllowedRoutes(Fields):
    """Routes that a listener takes."""

    namespaces: RouteNamespaces


class Listener(Fields):
    """A port of a gateway."""

    name: str
    port: int
    protocol: Literal["HTTP"]
    allowed_routes: AllowedRoutes


class GatewaySpec(Fields):
    """What an implementation, named by the class, is to listen on."""

    gateway_class_name: str
    listeners: tuple[Listener, ...]


class ParentReference(Fields):
    """The Gateway that a route belongs to; in the route's own namespace where none is given."""

    name: str
    namespace: str | None = None


class PathMatch(Fields):
    """A request's path."""

    type: Literal["Exact"]
    value: str


class HeaderMatch(Fields):
    """A request's header."""

    type: Literal["Exact"]
    name: str
    value: str


class RouteMatch(Fields):
    """Requests for which all of this holds."""

    path: PathMatch
    headers: tuple[HeaderMatch, ...] | None = None


class ServiceReference(Fields):
    """A Service in the route's namespace."""

    name: str
    port: int


class BackendRef(ServiceReference):
    """A Service and its share of the requests, by its part of the sum of all weights; 0 gets none."""

    weight: int


class RequestMirror(Fields):
    """Copies of requests, whose answers are dropped."""

    backend_ref: ServiceReference


class RouteFilter(Fields):
    """What is done with a request besides."""

    type: Literal["RequestMirror"]
    request_mirror: RequestMirror


class RouteTimeouts(Fields):
    """After which the gateway answers for itself (504)."""

    request: str


class RouteRule(Fields):
    """What happens to the requests of any of these matches."""

    matches: tuple[RouteMatch, ...]
    filters: tuple[RouteFilter, ...] | None = None
    backend_refs: tuple[BackendRef, ...]
    timeouts: RouteTimeouts | None = None


class HTTPRouteSpec(Fields):
    """Where requests go. Of several rules the one with the most specific match counts: more headers before fewer."""

    parent_refs: tuple[ParentReference, ...]
    hostnames: tuple[str, ...] | None = None
    rules: tuple[RouteRule, ...]


class Gateway(pulumi.CustomResource):
    """A Gateway, awaited: it is there when its implementation has programmed it, and then has an address.

    pulumi-kubernetes awaits what the annotation pulumi.com/waitFor says (version 4.18 and later), and keeps the
    object's status, which its own class for custom resources does not hand on.
    """

    status: pulumi.Output[Mapping[str, Any]]
    """As the API server has it; Pulumi reads this type, and takes only `Any` for values of several kinds."""

    def __init__(self, name: str, metadata: ObjectMetaArgs, spec: GatewaySpec, opts: pulumi.ResourceOptions) -> None:
        metadata.annotations = {"pulumi.com/waitFor": "condition=Programmed"}
        properties = {
            "apiVersion": API_VERSION,
            "kind": "Gateway",
            "metadata": metadata,
            "spec": spec.written(),
            "status": None,
        }
        super().__init__(f"kubernetes:{API_VERSION}:Gateway", name, properties, opts)

    @property
    def address(self) -> pulumi.Output[str]:
        """Its first address: an IP address or a name.

        Raises:
            pulumi.RunError: It is programmed and has none; raised while the program runs.
        """
        return pulumi.Output.all(self.urn, self.status).apply(lambda known: _first_address(known[0], known[1]))


def declare_route(
    name: str, metadata: ObjectMetaArgs, spec: HTTPRouteSpec, opts: pulumi.ResourceOptions
) -> CustomResource:
    """Registers an HTTPRoute."""
    return CustomResource(
        name, api_version=API_VERSION, kind="HTTPRoute", metadata=metadata, spec=spec.written(), opts=opts
    )


def _first_address(urn: str, status: Mapping[str, object]) -> str:
    addresses = cast("list[Mapping[str, str]]", status.get("addresses") or [])
    if not addresses:
        msg = (
            f"the Gateway {urn.rpartition('::')[2]} is programmed and has no address: status.addresses is empty\n"
            "give expose.gateway.hostname, which callers are then told, or let its implementation publish an address"
        )
        raise pulumi.RunError(msg)
    return addresses[0]["value"]
