"""Two versions behind a gateway: who gets which requests, and what a promotion touches."""

import functools

from infra.components import model_route
from infra.settings import parse
from tests.unit.canary import GATEWAY, ROOMY, exposed, tracks
from tests.unit.recorder import UNKNOWN, Recorder, Tree, record_changed, sound_platform
from tests.unit.words import changed, part

API = "gateway.networking.k8s.io/v1"
PARENT = {"parent": {"namespace": "infra", "name": "public"}, "hostname": "ml.example.org", "port": 443}


def rules(*changes: tuple[str, object]) -> list[Tree]:
    """Of the route of the sound stack's model, behind a gateway."""
    model = parse(changed(exposed(), *changes)).settings.models["digits"]
    assert model.expose.gateway is not None
    written: Tree = model_route.route("digits", model, model.expose.gateway).written()
    return list(written["rules"])


@functools.cache
def shared(weight: int = 10) -> Recorder:
    return record_changed(exposed(), *tracks(2, canary=3, weight=weight))


@functools.cache
def exposures() -> Recorder:
    """One stack with models behind gateways of all kinds, whose address is one of IPv6."""
    kinds: dict[str, dict[str, object]] = {
        "usual": {**GATEWAY},
        "port": {**GATEWAY, "port": 8080},
        "host": {**GATEWAY, "hostname": "ml.example.org"},
        "parent": {**PARENT, "fromNamespaces": ["infra"]},
        "ranges": {"className": "traefik", "fromRanges": ["35.191.0.0/16"]},
    }
    models = {name: {**part("models", "digits"), "expose": {"gateway": words}} for name, words in kinds.items()}
    return record_changed(ROOMY, ("models", models), ingress={"ip": "2001:db8::7"})


def route(platform: Recorder, model: str = "digits") -> Tree:
    return platform.one(f"{API}:HTTPRoute", model).inputs["spec"]


def predict_url(model: str) -> str:
    return exposures().outputs["models"][model]["predict_url"]


def shares(rule: Tree) -> dict[str, int]:
    return {backend["name"]: backend["weight"] for backend in rule["backendRefs"]}


def paths(rule: Tree) -> list[str]:
    assert {match["path"]["type"] for match in rule["matches"]} == {"Exact"}
    return [match["path"]["value"] for match in rule["matches"]]


def sources(platform: Recorder, model: str) -> Tree:
    [rule] = platform.one("networking.k8s.io/v1:NetworkPolicy", f"{model}-callers").inputs["spec"]["ingress"]
    return rule["from"]


def test_one_route_shares_the_requests_by_weight() -> None:
    [rule] = route(shared())["rules"]
    assert shares(rule) == {"digits-v2": 90, "digits-v3": 10}
    assert {backend["port"] for backend in rule["backendRefs"]} == {8501}


def test_an_incoming_version_gets_nothing_at_first() -> None:
    [rule] = rules(*tracks(2, canary=3))
    assert shares(rule) == {"digits-v2": 100, "digits-v3": 0}


def test_only_what_tensorflow_serving_answers_about_the_model_goes_through() -> None:
    [rule] = rules()
    assert paths(rule) == [
        f"/v1/models/digits{call}" for call in (":predict", ":classify", ":regress", "", "/metadata")
    ]


def test_requests_with_all_the_headers_go_to_the_canary_alone() -> None:
    asked = {"x-track": "canary", "x-team": "vision"}
    first, second = rules(*tracks(2, canary=3, headers=asked))
    assert paths(first) == paths(second)
    assert shares(first) == {"digits-v3": 100}
    for match in first["matches"]:
        assert {one["name"]: one["value"] for one in match["headers"]} == asked
        assert {one["type"] for one in match["headers"]} == {"Exact"}
    assert shares(second) == {"digits-v2": 100, "digits-v3": 0}
    assert not any("headers" in match for match in second["matches"])


def test_requests_are_copied_to_a_mirrored_canary_except_those_that_ask_for_it() -> None:
    asked, usual = rules(*tracks(2, canary=3, mirror=True, headers={"x-track": "canary"}))
    assert "filters" not in asked
    copies = {"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "digits-v3", "port": 8501}}}
    assert list(usual["filters"]) == [copies]


def test_the_gateway_ends_requests_when_the_server_does_where_it_can() -> None:
    assert "timeouts" not in rules()[0]
    [rule] = rules(exposed(features=["HTTPRouteRequestTimeout"]), ("models.digits.requestTimeout", "2.5s"))
    assert rule["timeouts"] == {"request": "2s500ms"}


def test_the_tenant_gets_one_gateway_of_the_class_for_all_its_models_and_ports() -> None:
    [gateway] = exposures().all(f"{API}:Gateway")
    assert gateway.object_name == gateway.inputs["spec"]["gatewayClassName"] == "traefik"
    listeners = gateway.inputs["spec"]["listeners"]
    assert [(one["port"], one["protocol"]) for one in listeners] == [(80, "HTTP"), (8080, "HTTP")]
    assert all(one["allowedRoutes"] == {"namespaces": {"from": "Same"}} for one in listeners)
    assert route(exposures(), "usual")["parentRefs"] == [{"name": "traefik"}]


def test_the_gateway_is_awaited_until_it_is_programmed() -> None:
    gateway = shared().one(f"{API}:Gateway", "serve-traefik")
    assert gateway.inputs["metadata"]["annotations"] == {"pulumi.com/waitFor": "condition=Programmed"}
    assert shared().waits_for(shared().one(f"{API}:HTTPRoute", "digits"), gateway)


def test_weights_change_only_when_the_servers_of_both_versions_are_ready() -> None:
    the_route = shared().one(f"{API}:HTTPRoute", "digits")
    for version in ("digits-v2", "digits-v3"):
        assert shared().waits_for(the_route, shared().one("apps/v1:Deployment", version))
        assert shared().waits_for(the_route, shared().one("core/v1:Service", version))


def test_only_the_version_that_is_trained_here_waits_for_its_training() -> None:
    run = shared().one("batch/v1:Job", "digits-v3")
    assert shared().waits_for(shared().one("apps/v1:Deployment", "digits-v3"), run)
    assert not shared().waits_for(shared().one("apps/v1:Deployment", "digits-v2"), run)


def test_callers_inside_the_cluster_get_the_stable_version() -> None:
    front = shared().one("core/v1:Service", "digits").inputs["spec"]
    assert front["type"] == "ClusterIP"
    assert front["selector"]["app.kubernetes.io/version"] == "2"


def test_growing_the_weight_changes_the_route_and_nothing_else() -> None:
    assert changed_between(shared(10), shared(50)) == {f"{API}:HTTPRoute digits"}


def test_a_promotion_leaves_the_promoted_versions_objects_as_they_are() -> None:
    promoted = record_changed(exposed(), *tracks(3))
    assert changed_between(shared(50), promoted) == {f"{API}:HTTPRoute digits", "core/v1:Service digits"}
    gone = {urn.rpartition("::")[2] for urn in shared(50).urns() - promoted.urns()}
    assert gone == {"digits-v2", "digits-v2-config"}
    assert not promoted.urns() - shared(50).urns()
    assert shares(route(promoted)["rules"][0]) == {"digits-v3": 100}


def test_taking_a_canary_back_leaves_the_stable_versions_objects_as_they_are() -> None:
    back = record_changed(exposed(), *tracks(2))
    assert changed_between(shared(50), back) == {f"{API}:HTTPRoute digits"}
    assert {urn.rpartition("::")[2] for urn in shared(50).urns() - back.urns()} == {"digits-v3", "digits-v3-config"}


def changed_between(before: Recorder, after: Recorder) -> set[str]:
    was = {one.urn: one.inputs for one in before.resources}
    return {f"{one.type} {one.name}" for one in after.resources if one.urn in was and one.inputs != was[one.urn]}


def test_the_proxies_namespace_and_addresses_may_call_and_nobody_else() -> None:
    assert sources(exposures(), "usual") == [
        {"podSelector": {}},
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "gateways"}}},
    ]
    assert sources(exposures(), "ranges") == [{"podSelector": {}}, {"ipBlock": {"cidr": "35.191.0.0/16"}}]


def test_the_predict_url_is_the_gateways_address_or_its_host_name() -> None:
    assert predict_url("usual") == "http://[2001:db8::7]/v1/models/usual:predict"
    assert predict_url("port") == "http://[2001:db8::7]:8080/v1/models/port:predict"
    assert predict_url("host") == "http://ml.example.org/v1/models/host:predict"
    assert route(exposures(), "host")["hostnames"] == ["ml.example.org"]
    assert "hostnames" not in route(exposures(), "usual")


def test_a_preview_does_not_invent_an_address() -> None:
    assert record_changed(exposed(), preview=True).outputs["models"]["digits"] == UNKNOWN


def test_a_gateway_that_is_there_already_is_only_referred_to() -> None:
    assert route(exposures(), "parent")["parentRefs"] == [{"name": "public", "namespace": "infra"}]
    assert predict_url("parent") == "https://ml.example.org/v1/models/parent:predict"
    model = exposures().outputs["models"]["parent"]
    assert model["cluster_url"] == "http://parent.serve.svc:8501/v1/models/parent:predict"


def test_applications_are_told_the_split() -> None:
    model = shared().outputs["models"]["digits"]
    assert model["tracks"] == {"stable": {"version": 2, "weight": 90}, "canary": {"version": 3, "weight": 10}}
    assert model["version"] == 2


def test_without_a_gateway_there_is_neither_route_nor_gateway() -> None:
    assert not [one for one in sound_platform().resources if one.type.startswith(API)]
