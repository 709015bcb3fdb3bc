"""Gateway API's objects: what is not theirs is an error before anything is sent."""

import pulumi
import pytest
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pydantic import ValidationError

from infra.components import gateway_api as api
from ops.recording import Answers, run_recorded


def spec() -> api.GatewaySpec:
    own = api.AllowedRoutes(namespaces=api.RouteNamespaces(from_="Same"))
    listener = api.Listener(name="http-80", port=80, protocol="HTTP", allowed_routes=own)
    return api.GatewaySpec(gateway_class_name="traefik", listeners=(listener,))


def test_a_mistyped_field_is_refused() -> None:
    with pytest.raises(ValidationError, match="wieght"):
        api.BackendRef.model_validate({"name": "a", "port": 1, "wieght": 2})
    with pytest.raises(ValidationError, match="weight"):
        api.BackendRef.model_validate({"name": "a", "port": 1, "weight": "2"})


def test_a_word_of_pythons_own_is_written_as_the_api_has_it() -> None:
    assert spec().written()["listeners"] == (
        {"name": "http-80", "port": 80, "protocol": "HTTP", "allowedRoutes": {"namespaces": {"from": "Same"}}},
    )


def test_a_gateway_without_an_address_says_what_to_do() -> None:
    def build() -> None:
        gateway = api.Gateway("ml-lonely", ObjectMetaArgs(name="lonely"), spec(), pulumi.ResourceOptions())
        pulumi.export("address", gateway.address)

    with pytest.raises(pulumi.RunError, match=r"Gateway ml-lonely is programmed and has no address.*\n.*hostname"):
        run_recorded(build, words={}, answers=Answers(ingress={}))
