"""Words of gateways and of second tracks."""

import pytest

from infra.settings import parse
from tests.unit.canary import exposed
from tests.unit.words import changed

TRACKS = "models.digits.tracks"


def problem(*changes: tuple[str, object]) -> str:
    [finding] = parse(changed(*changes)).findings
    return f"{finding.path}: {finding.message}"


@pytest.mark.parametrize(
    ("gateway", "said"),
    [
        ({"className": None}, "give exactly one of className"),
        ({"parent": {"namespace": "a", "name": "b"}, "hostname": "x.test"}, "give exactly one of className"),
        ({"className": None, "parent": {"namespace": "a", "name": "b"}}, "a parent needs a hostname"),
        ({"hostname": "*.example.org"}, "hostname: expected a host name in lower case, got '*.example.org'"),
        ({"port": 0}, "port:"),
        ({"features": ["HTTPRouteMirror"]}, "features.0:"),
    ],
)
def test_a_gateway_that_is_no_one_gateway_is_refused(gateway: dict[str, object], said: str) -> None:
    assert said in problem(exposed(**gateway))


@pytest.mark.parametrize("headers", [{"X-Track": "canary"}, {"x track": "a"}, {"x-track": ""}, {"x-track": 1}])
def test_headers_are_names_in_lower_case_with_values(headers: dict[str, object]) -> None:
    tracks = {"stable": {"version": 3}, "canary": {"version": 2, "headers": headers}}
    assert problem(exposed(), (TRACKS, tracks)).startswith("tfk8s:models.digits.tracks.canary.headers")


def test_a_canary_has_no_weight_until_it_is_given_one() -> None:
    tracks = {"stable": {"version": 3}, "canary": {"version": 2}}
    model = parse(changed(exposed(), (TRACKS, tracks))).settings.models["digits"]
    assert [(name, track.version, track.weight) for name, track in model.tracks.named()] == [
        ("stable", 3, 100),
        ("canary", 2, 0),
    ]
