"""The recorder itself: each of these programs is broken in a way that it must notice."""

from typing import Any, cast

import pulumi
import pulumi_kubernetes as kubernetes
import pytest
from pulumi_kubernetes.core.v1 import ConfigMap
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from tests.unit.conftest import pytest_itemcollected
from tests.unit.recorder import record, sound_platform


def config_map(name: str, value: object = "x", parent: pulumi.Resource | None = None) -> ConfigMap:
    provider = kubernetes.Provider(f"{name}-provider", context="test")
    options = pulumi.ResourceOptions(provider=provider, parent=parent)
    return ConfigMap(name, metadata=ObjectMetaArgs(name=name), data={"key": str(value)}, opts=options)


def fails_late() -> None:
    def fail(_: str) -> str:
        raise pulumi.RunError("late")

    pulumi.Output.from_input("x").apply(fail)


def test_a_sound_program_passes() -> None:
    assert record(lambda: config_map("one")).one("core/v1:ConfigMap", "one").inputs["data"] == {"key": "x"}


def test_one_urn_twice_is_noticed() -> None:
    def twice() -> None:
        provider = pulumi.ResourceOptions(provider=kubernetes.Provider("cluster", context="test"))
        for _ in range(2):
            ConfigMap("one", metadata=ObjectMetaArgs(name="one"), opts=provider)

    with pytest.raises(AssertionError, match="registered twice"):
        record(twice)


def test_an_output_printed_into_a_string_is_noticed() -> None:
    with pytest.raises(AssertionError, match="printed into it"):
        record(lambda: config_map("one", value=pulumi.Output.from_input("late")))


def test_a_default_provider_is_noticed() -> None:
    with pytest.raises(AssertionError, match="no explicit provider"):
        record(lambda: ConfigMap("one", metadata=ObjectMetaArgs(name="one")))


def test_a_failure_inside_an_output_is_raised() -> None:
    with pytest.raises(pulumi.RunError, match="late"):
        record(fails_late)


def test_an_assertion_in_apply_is_refused_at_collection(request: pytest.FixtureRequest) -> None:
    make = cast("Any", pytest.Function).from_parent
    item = make(request.node.parent, name="later", callobj=fails_late)
    with pytest.raises(pytest.UsageError, match="may never run"):
        pytest_itemcollected(item)


def test_waiting_is_followed_through_others() -> None:
    platform = sound_platform()
    front, namespace = platform.one("core/v1:Service", "digits"), platform.one("core/v1:Namespace", "serve")
    assert platform.waits_for(front, namespace)
    assert not platform.waits_for(namespace, front)
