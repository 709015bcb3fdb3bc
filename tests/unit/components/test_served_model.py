import functools

import pulumi
import pytest

from tests.unit.recorder import UNKNOWN, Recorder, Resource, Tree, record_changed, sound_platform

BALANCED = ("models.digits.expose", {"loadBalancer": {"sourceRanges": ["10.0.0.0/8", "192.168.0.0/16"]}})
SERVING = {"app.kubernetes.io/name": "digits", "app.kubernetes.io/component": "serving"}


@functools.cache
def balanced() -> Recorder:
    return record_changed(BALANCED)


def front(platform: Recorder) -> Resource:
    return platform.one("core/v1:Service", "digits")


def policy(platform: Recorder, name: str) -> Tree:
    return platform.one("networking.k8s.io/v1:NetworkPolicy", name).inputs["spec"]


def callers(platform: Recorder) -> Tree:
    [rule] = policy(platform, "digits-callers")["ingress"]
    return rule


def test_the_front_is_named_like_the_model_and_leads_to_the_tracks_version() -> None:
    assert front(sound_platform()).object_name == "digits"
    spec = front(sound_platform()).inputs["spec"]
    assert spec["selector"] == {**SERVING, "app.kubernetes.io/version": "3"}
    assert [(port["port"], port["targetPort"]) for port in spec["ports"]] == [(8501, "rest")]
    assert spec["type"] == "ClusterIP"


def test_the_front_moves_when_the_new_versions_servers_are_ready() -> None:
    platform = sound_platform()
    assert platform.waits_for(front(platform), platform.one("apps/v1:Deployment", "digits-v3"))


def test_a_load_balancer_lets_in_its_source_ranges_and_keeps_the_callers_address() -> None:
    spec = front(balanced()).inputs["spec"]
    assert spec["type"] == "LoadBalancer"
    assert spec["loadBalancerSourceRanges"] == ["10.0.0.0/8", "192.168.0.0/16"]
    assert spec["externalTrafficPolicy"] == "Local"
    assert spec["selector"] == front(sound_platform()).inputs["spec"]["selector"]
    assert [port["port"] for port in spec["ports"]] == [8501]


def test_without_exposure_only_the_own_namespace_may_call() -> None:
    assert policy(sound_platform(), "digits-callers")["podSelector"] == {"matchLabels": SERVING}
    assert policy(sound_platform(), "digits-callers")["policyTypes"] == ["Ingress"]
    assert callers(sound_platform())["from"] == [{"podSelector": {}}]


def test_named_namespaces_may_call_too() -> None:
    platform = record_changed(("models.digits.expose", {"clusterIP": {"fromNamespaces": ["shop"]}}))
    assert callers(platform)["from"] == [
        {"podSelector": {}},
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "shop"}}},
    ]


def test_source_ranges_may_call_through_the_load_balancer() -> None:
    assert callers(balanced())["from"] == [
        {"podSelector": {}},
        {"ipBlock": {"cidr": "10.0.0.0/8"}},
        {"ipBlock": {"cidr": "192.168.0.0/16"}},
    ]


def test_nobody_reaches_grpc_which_can_load_other_models() -> None:
    for platform in (sound_platform(), balanced()):
        assert callers(platform)["ports"] == [{"protocol": "TCP", "port": 8501}]
        for service in platform.all("core/v1:Service"):
            assert [port["port"] for port in service.inputs["spec"]["ports"]] == [8501]
        allowed = [one for one in platform.all("networking.k8s.io/v1:NetworkPolicy") if "8500" in str(one.inputs)]
        assert allowed == []


def test_pods_of_the_own_namespace_may_go_out_to_the_model() -> None:
    spec = policy(sound_platform(), "digits-calls")
    assert spec["podSelector"] == {}
    assert spec["egress"] == [
        {"to": [{"podSelector": {"matchLabels": SERVING}}], "ports": [{"protocol": "TCP", "port": 8501}]}
    ]


def test_servers_start_inside_their_network() -> None:
    platform = sound_platform()
    for name in ("digits-callers", "digits-calls"):
        earlier = platform.one("networking.k8s.io/v1:NetworkPolicy", name)
        assert platform.waits_for(platform.one("apps/v1:Deployment", "digits-v3"), earlier)


def test_the_cluster_url_answers_predictions_inside() -> None:
    model = sound_platform().outputs["models"]["digits"]
    assert model["cluster_url"] == "http://digits.serve.svc:8501/v1/models/digits:predict"
    assert model["predict_url"] == model["cluster_url"]


def test_the_predict_url_is_the_load_balancers_address() -> None:
    assert balanced().outputs["models"]["digits"]["predict_url"] == "http://192.0.2.7:8501/v1/models/digits:predict"


def test_the_predict_url_may_be_a_name_or_an_ipv6_address() -> None:
    assert _predict_url({"hostname": "lb.example.org"}) == "http://lb.example.org:8501/v1/models/digits:predict"
    assert _predict_url({"ip": "2001:db8::7"}) == "http://[2001:db8::7]:8501/v1/models/digits:predict"


def _predict_url(ingress: dict[str, str]) -> str:
    return record_changed(BALANCED, ingress=ingress).outputs["models"]["digits"]["predict_url"]


def test_a_preview_does_not_invent_an_address() -> None:
    assert record_changed(BALANCED, preview=True).outputs["models"]["digits"] == UNKNOWN


def test_a_service_that_becomes_a_load_balancer_has_no_address_in_preview() -> None:
    assert record_changed(BALANCED, preview=True, ingress={}).outputs["models"]["digits"] == UNKNOWN


def test_a_load_balancer_that_gets_no_address_is_said_so() -> None:
    with pytest.raises(
        pulumi.RunError, match=r"the Service digits has no address: status\.loadBalancer\.ingress is empty"
    ):
        record_changed(BALANCED, ingress={})


def test_a_new_version_is_a_new_set_of_objects_behind_the_same_front() -> None:
    after = record_changed(("trainingJobs.digits.version", 4), ("models.digits.tracks.stable.version", 4))
    gone = {urn.rpartition("::")[2] for urn in sound_platform().urns() - after.urns()}
    come = {urn.rpartition("::")[2] for urn in after.urns() - sound_platform().urns()}
    assert gone == {"digits-v3", "digits-v3-config", "digits-v3-definition"}
    assert come == {"digits-v4", "digits-v4-config", "digits-v4-definition"}
    assert front(after).urn == front(sound_platform()).urn
    assert front(after).inputs["spec"]["selector"]["app.kubernetes.io/version"] == "4"
    assert after.waits_for(front(after), after.one("apps/v1:Deployment", "digits-v4"))


def test_another_image_changes_no_resource_but_what_runs_it() -> None:
    after = record_changed(("images.serving.ref", "tensorflow/serving:2.20.1"))
    before = {one.urn: one.inputs for one in sound_platform().resources}
    changed = [one.type for one in after.resources if before[one.urn] != one.inputs]
    assert changed == ["apps/v1:Deployment"]
