"""Tracks, and the gateway that shares requests among them."""

import pytest

from tests.unit.canary import ROOMY, exposed, tracks
from tests.unit.words import found, only


def public(**gateway: object) -> tuple[str, object]:
    """Behind a gateway that somebody else made, which is known by its host name alone."""
    parent = {"namespace": "gateways", "name": "public"}
    return exposed(className=None, parent=parent, hostname="ml.example.org", **gateway)


@pytest.mark.parametrize(("kind", "words"), [("clusterIP", {}), ("loadBalancer", {"sourceRanges": ["10.0.0.0/8"]})])
def test_a_second_track_needs_a_gateway(kind: str, words: dict[str, object]) -> None:
    finding = only("one-track", *tracks(3, canary=2), ("models.digits.expose", {kind: words}))
    assert finding.path == "tfk8s:models.digits.tracks.canary"
    assert f"is exposed by {kind}, which sends every request to one" in finding.message


def test_two_tracks_behind_a_gateway_pass() -> None:
    assert found(exposed(), *tracks(3, canary=2, weight=10)) == ()


def test_without_a_gateway_nobody_asks_whether_it_can_mirror() -> None:
    only("one-track", *tracks(3, canary=2, mirror=True))


def test_what_cannot_be_read_of_a_gateway_is_no_second_finding_about_tracks() -> None:
    findings = found(*tracks(3, canary=2), ("models.digits.expose", {"gateway": {"className": "No Class"}}))
    assert {finding.check for finding in findings} == {"settings"}


def test_two_tracks_are_two_versions() -> None:
    finding = only("track-versions", exposed(), *tracks(3, canary=3))
    assert finding.path == "tfk8s:models.digits.tracks.canary.version"


def test_weights_of_two_tracks_are_100_together() -> None:
    words = {"stable": {"version": 3}, "canary": {"version": 2, "weight": 10}}
    finding = only("track-weights", exposed(), ROOMY, ("models.digits.tracks", words))
    assert finding.message == "weights (stable 100, canary 10) are 110 together, and must be 100"


def test_the_canary_too_must_be_known_to_lie_in_the_store() -> None:
    finding = only("served-version", exposed(), *tracks(3, canary=4))
    assert finding.path == "tfk8s:models.digits.tracks.canary.version"
    assert "trainingJobs.digits trains version 3, and there is no fetch" in finding.message


def test_a_model_that_no_job_trains_must_be_known_to_lie_in_the_store() -> None:
    finding = only("served-version", ("trainingJobs", {}))
    assert finding.message == (
        "version 3 must lie in the store already: no training job has this name, and there is no fetch"
    )


@pytest.mark.parametrize(
    "gateway", [{"fromNamespaces": ["serve"]}, {"fromNamespaces": [], "fromRanges": ["10.0.0.0/8"]}]
)
def test_proxies_that_are_let_in_pass(gateway: dict[str, object]) -> None:
    assert found(exposed(**gateway)) == ()


def test_proxies_that_the_network_policies_keep_out_are_refused() -> None:
    finding = only("gateway-peers", exposed(fromNamespaces=[]))
    assert "the proxies of traefik may not call digits" in finding.message
    assert "the proxies of ml.example.org may not" in only("gateway-peers", public(fromNamespaces=[])).message


def test_addresses_of_proxies_are_networks() -> None:
    finding = only("source-ranges", exposed(fromRanges=["35.191.0.1/16"]))
    assert finding.path == "tfk8s:models.digits.expose.gateway.fromRanges.0"
    assert finding.fix == "write 35.191.0.0/16"


def test_a_mirror_needs_an_implementation_that_can() -> None:
    finding = only("gateway-feature", exposed(), *tracks(3, canary=2, mirror=True))
    assert finding.path == "tfk8s:models.digits.tracks.canary.mirror"
    assert "of traefik it is not known that it can" in finding.message
    shared = only("gateway-feature", public(), *tracks(3, canary=2, mirror=True))
    assert "of ml.example.org it is not known that it can" in shared.message
    assert found(exposed(features=["HTTPRouteRequestMirror"]), *tracks(3, canary=2, mirror=True)) == ()


LOAD = (
    ("models.digits.autoscaling", {"minReplicas": 3, "maxReplicas": 6}),
    ("models.digits.load", {"requestsPerSecond": 120, "perReplica": 50}),
)


def test_a_canary_whose_minimum_cannot_carry_its_weight_is_told_a_smaller_step() -> None:
    loaded = (exposed(), *LOAD, ("models.digits.autoscaling.minReplicas", 3))
    assert found(*loaded, *tracks(3, canary=2, weight=50)) == ()
    more = ("models.digits.load", {"requestsPerSecond": 200, "perReplica": 50})
    finding = only("track-load", *loaded, more, *tracks(3, canary=2, weight=80))
    assert finding.path == "tfk8s:models.digits.tracks.canary"
    assert "moves weight 80% of 200 requests/s = 160 at once onto minReplicas 3 x 50 = 150" in finding.message
    steps = "come in steps of 75%, 80%, each when the replicas for the one before are ready"
    assert finding.fix == f"raise autoscaling.minReplicas to 4, or {steps}"


def test_where_no_steps_lead_to_the_weight_none_are_proposed() -> None:
    target = ("models.digits.autoscaling", {"minReplicas": 3, "maxReplicas": 20, "targets": {"cpu": "90%"}})
    load = ("models.digits.load", {"requestsPerSecond": 300, "perReplica": 50})
    finding = only("track-load", exposed(), target, load, *tracks(3, canary=2, weight=80))
    assert finding.fix == "raise autoscaling.minReplicas to 5"


def test_a_release_behind_a_gateway_is_told_to_come_as_a_canary_in_steps() -> None:
    load = ("models.digits.load", {"requestsPerSecond": 1000, "perReplica": 50})
    finding = only("track-load", exposed(), LOAD[0], load, ROOMY, ("models.digits.autoscaling.maxReplicas", 40))
    assert finding.path == "tfk8s:models.digits.tracks.stable"
    steps = "let it come as a canary in steps of 15%, 20%, 30%, 40%, 55%, …, 100%"
    assert (
        finding.fix == f"raise autoscaling.minReplicas to 20, or {steps}, each when the replicas for the one before "
        "are ready"
    )


def test_a_mirrored_canary_must_carry_every_request_beside_its_weight() -> None:
    gateway = exposed(features=["HTTPRouteRequestMirror"])
    findings = found(gateway, *LOAD, *tracks(3, canary=2, weight=80, mirror=True))
    said = {finding.check: finding.message for finding in findings}
    assert set(said) == {"scale-ceiling", "track-load"}
    assert "216 requests/s / (perReplica 50 x target 70% = 35) = 7 replicas > maxReplicas 6" in said["scale-ceiling"]
    assert "weight 180% of 120" in said["track-load"]
    assert not [finding for finding in findings if "in steps" in finding.fix], "a smaller weight is copied as much"


def test_the_quota_must_hold_both_versions() -> None:
    _, named = tracks(3, canary=2)
    findings = found(exposed(), named)
    assert {finding.check for finding in findings} == {"quota"}
    [gpus] = [finding for finding in findings if finding.path.endswith("requests.gpu")]
    assert "2 versions x (3 replicas at most + 1 while rolling out + 1 draining) = 10 pods" in gpus.message
    assert found(exposed(), named, ("tenants.serve.quota", both_versions())) == ()


def both_versions() -> dict[str, object]:
    """Twice the sound stack's quota, which is exactly what one version needs."""
    return {"requests": {"cpu": 5, "memory": "10Gi", "gpu": 10}, "limits": {"cpu": 10, "memory": "10Gi"}, "pods": 10}
