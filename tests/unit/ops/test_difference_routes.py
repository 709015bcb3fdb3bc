"""What a change of tracks means for requests, as `tfk8s diff` says it."""

from ops.difference.plan import plan_between
from ops.difference.step import Step
from tests.unit.canary import exposed, tracks
from tests.unit.recorder import record_changed


def steps(before: tuple[tuple[str, object], ...], after: tuple[tuple[str, object], ...]) -> dict[str, Step]:
    found = plan_between(record_changed(exposed(), *before), record_changed(exposed(), *after))
    return {step.title: step for step in found}


def test_a_new_weight_is_said_as_the_exact_split() -> None:
    found = steps(tracks(2, canary=3, weight=10), tracks(2, canary=3, weight=50))
    assert set(found) == {"HTTPRoute serve/digits"}
    assert found["HTTPRoute serve/digits"].effects == ("traffic: digits-v2 90 % => 50 %, digits-v3 10 % => 50 %",)


def test_a_promotion_moves_the_traffic_and_retires_the_version_that_was() -> None:
    found = steps(tracks(2, canary=3, weight=50), tracks(3))
    assert found["HTTPRoute serve/digits"].effects == ("traffic: digits-v2 50 % => 0 %, digits-v3 50 % => 100 %",)
    assert found["Deployment serve/digits-v2"].effects == ("retires: version 2; traffic has moved on by then",)
    assert found["HTTPRoute serve/digits"].op == "update"
    assert not any(step.object_name == "digits-v3" for step in found.values())


def test_a_gateway_that_goes_takes_its_address_along() -> None:
    found = plan_between(record_changed(exposed()), record_changed())
    said = {step.title: step.effects for step in found}
    assert said["Gateway serve/traefik"][0].startswith("downtime: nothing listens at the address of traefik")
    assert said["HTTPRoute serve/digits"] == ("downtime: the gateway knows digits no more",)
