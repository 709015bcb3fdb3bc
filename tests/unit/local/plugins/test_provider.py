import json
import ssl
from typing import Any, cast

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2 as rpc

from local.plugins.kubernetes import provider as provider_module
from local.plugins.kubernetes import waiting
from local.plugins.kubernetes.client import Kind
from local.plugins.kubernetes.provider import KubernetesStandIn
from local.plugins.kubernetes.state import checkpoint
from local.plugins.serve import Engine, InitFailed, PluginError
from local.plugins.wire import UNKNOWN, Object, Secret, decode, encode
from tests.unit.local.plugins.fake_api import FakeApi

CONTEXT = cast("grpc.ServicerContext", None)  # operations do not look at it
CONFIG_URN = "urn:pulumi:local::tfk8s::kubernetes:core/v1:ConfigMap::c"
JOB_URN = "urn:pulumi:local::tfk8s::tfk8s:index:TrainingJob$kubernetes:batch/v1:Job::j"
CONFIG_URL = "/api/v1/namespaces/n/configmaps/c"
JOB_URL = "/apis/batch/v1/namespaces/n/jobs/j"
CONFIG: Object = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "c", "namespace": "n"},
    "data": {"a": "1"},
}
JOB: Object = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "j", "namespace": "n"},
    "spec": {"template": {}},
}
FAILED: Object = {
    "conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "no more tries"}]
}
COMPLETE: Object = {"conditions": [{"type": "Complete", "status": "True"}]}


@pytest.fixture
def plugin(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> KubernetesStandIn:
    def client(*_: object) -> object:
        return api.client

    def sleep(_seconds: float) -> None:
        return None

    def load_nothing(*_: object) -> None:
        return None

    monkeypatch.setattr(provider_module, "ApiClient", client)
    monkeypatch.setattr(ssl.SSLContext, "load_default_certs", load_nothing)  # nobody speaks TLS, and it takes 25 ms
    monkeypatch.setattr(provider_module.time, "sleep", sleep)
    monkeypatch.setattr(waiting, "SHORTEST_PAUSE_SECONDS", 0.001)
    api.objects["/version"] = {"gitVersion": "v1.35.4"}
    plugin = KubernetesStandIn(Engine(None))
    configure(plugin)
    return plugin


def configure(plugin: KubernetesStandIn, **options: Any) -> rpc.ConfigureResponse:
    clusters = [{"name": "x", "cluster": {"server": "https://fake"}}]
    contexts = [{"name": "x", "context": {"cluster": "x", "user": "x"}}]
    kubeconfig = json.dumps({"current-context": "x", "contexts": contexts, "clusters": clusters})
    return plugin.Configure(rpc.ConfigureRequest(args=encode({"kubeconfig": kubeconfig, **options})), CONTEXT)


def create(plugin: KubernetesStandIn, urn: str, inputs: Object, *, preview: bool = False) -> rpc.CreateResponse:
    return plugin.Create(rpc.CreateRequest(urn=urn, properties=encode(inputs), preview=preview), CONTEXT)


def update(plugin: KubernetesStandIn, urn: str, olds: Object, news: Object, **options: Any) -> Object:
    request = rpc.UpdateRequest(urn=urn, olds=encode(olds), news=encode(news), **options)
    return decode(plugin.Update(request, CONTEXT).properties)


def test_a_new_object_is_posted_and_the_state_keeps_it_with_its_inputs(plugin: KubernetesStandIn, api: FakeApi) -> None:
    created = create(plugin, CONFIG_URN, CONFIG)
    state = decode(created.properties)
    assert created.id == "n/c"
    assert state["metadata"]["uid"] == api.objects[CONFIG_URL]["metadata"]["uid"]
    assert state["__inputs"] == CONFIG
    assert state["__fieldManager"].startswith("pulumi-kubernetes-")
    assert dict(api.sent("POST")[0].url.params) == {
        "fieldManager": "pulumi-kubernetes",
        "fieldValidation": "Strict",
    }


def test_secrets_reach_the_server_but_not_the_state_in_the_clear(plugin: KubernetesStandIn, api: FakeApi) -> None:
    created = create(plugin, CONFIG_URN, CONFIG | {"data": {"a": Secret("1")}})
    assert api.objects[CONFIG_URL]["data"] == {"a": "1"}
    state = decode(created.properties)
    assert (state["data"], state["__inputs"]["data"]) == ({"a": Secret("1")}, {"a": Secret("1")})


def test_an_object_that_exists_is_not_taken_over(plugin: KubernetesStandIn, api: FakeApi) -> None:
    api.objects[CONFIG_URL] = CONFIG
    with pytest.raises(PluginError, match=r"already exists[\s\S]*Import it"):
        create(plugin, CONFIG_URN, CONFIG)


def test_a_namespace_made_at_the_same_time_is_waited_for(plugin: KubernetesStandIn, api: FakeApi) -> None:
    api.refusals["POST"] = (404, {"reason": "NotFound", "message": "no namespace n", "details": {"kind": "namespaces"}})
    with pytest.raises(PluginError, match="no namespace n"):
        create(plugin, CONFIG_URN, CONFIG)
    assert len(api.sent("POST")) == 5


def test_a_preview_of_a_create_is_a_dry_run(plugin: KubernetesStandIn, api: FakeApi) -> None:
    planned = create(plugin, CONFIG_URN, CONFIG, preview=True)
    assert (planned.id, decode(planned.properties)["data"]) == ("", {"a": "1"})
    assert api.sent("POST")[0].url.params["dryRun"] == "All"
    assert CONFIG_URL not in api.objects


@pytest.mark.parametrize(
    "refusal",
    [
        (404, {"reason": "NotFound", "details": {"kind": "namespaces"}}),
        (409, {"reason": "AlreadyExists"}),
        (403, {"reason": "Forbidden"}),
    ],
)
def test_a_preview_the_server_cannot_answer_yet_shows_the_inputs(
    plugin: KubernetesStandIn, api: FakeApi, refusal: tuple[int, Object]
) -> None:
    api.refusals["POST"] = refusal
    assert decode(create(plugin, CONFIG_URN, CONFIG, preview=True).properties) == CONFIG


def test_a_preview_shows_what_the_server_would_refuse(plugin: KubernetesStandIn, api: FakeApi) -> None:
    api.refusals["POST"] = (422, {"reason": "Invalid", "message": "spec.x: Invalid value"})
    with pytest.raises(PluginError, match=r"spec\.x: Invalid value"):
        create(plugin, CONFIG_URN, CONFIG, preview=True)


def test_a_preview_with_unknown_inputs_asks_nobody(plugin: KubernetesStandIn, api: FakeApi) -> None:
    unknown = CONFIG | {"data": {"a": UNKNOWN}}
    assert decode(create(plugin, CONFIG_URN, unknown, preview=True).properties) == unknown
    assert api.sent("POST") == []


def test_without_a_cluster_previews_work_and_updates_say_why_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/nowhere")
    plugin = KubernetesStandIn(Engine(None))
    plugin.Configure(rpc.ConfigureRequest(), CONTEXT)
    assert decode(create(plugin, CONFIG_URN, CONFIG, preview=True).properties) == CONFIG
    with pytest.raises(PluginError, match="cluster is unreachable: no kubeconfig"):
        create(plugin, CONFIG_URN, CONFIG)


def test_a_failed_job_stays_in_the_state_with_its_reason(plugin: KubernetesStandIn, api: FakeApi) -> None:
    api.on_get = lambda url, obj: obj.update(status=FAILED) if url == JOB_URL else None
    with pytest.raises(InitFailed) as failure:
        create(plugin, JOB_URN, JOB)
    detail = failure.value.detail
    assert detail.id == "n/j"
    assert detail.reasons[0] == "Job n/j exists but did not become ready: [BackoffLimitExceeded] no more tries"
    assert decode(detail.properties)["__inputs"] == JOB


def test_an_update_without_changes_waits_again_and_fails_the_same_way(plugin: KubernetesStandIn, api: FakeApi) -> None:
    api.on_get = lambda url, obj: obj.update(status=FAILED) if url == JOB_URL else None
    with pytest.raises(InitFailed) as first:
        create(plugin, JOB_URN, JOB)
    with pytest.raises(InitFailed) as second:
        update(plugin, JOB_URN, decode(first.value.detail.properties), JOB)
    assert list(first.value.detail.reasons) == list(second.value.detail.reasons)


def test_an_object_that_cannot_be_followed_stays_in_the_state(plugin: KubernetesStandIn, api: FakeApi) -> None:
    api.refusals["GET"] = (500, {"message": "etcd is gone"})
    api.client.kind = lambda api_version, kind: Kind("/apis/batch/v1", "jobs", namespaced=True)
    with pytest.raises(InitFailed, match="cannot be followed: etcd is gone") as failure:
        create(plugin, JOB_URN, JOB)
    assert failure.value.detail.id == "n/j"


def test_a_wait_the_stand_in_cannot_do_is_refused(plugin: KubernetesStandIn) -> None:
    annotated = CONFIG | {"metadata": CONFIG["metadata"] | {"annotations": {"pulumi.com/waitFor": "jsonpath={.a}"}}}
    with pytest.raises(PluginError, match="waitFor"):
        check_inputs(plugin, CONFIG_URN, annotated)


def test_a_job_is_waited_for_until_it_is_complete(plugin: KubernetesStandIn, api: FakeApi) -> None:
    api.on_get = lambda url, obj: obj.update(status=COMPLETE) if url == JOB_URL else None
    assert decode(create(plugin, JOB_URN, JOB).properties)["status"] == COMPLETE


def test_an_update_is_a_server_side_apply_after_a_takeover(plugin: KubernetesStandIn, api: FakeApi) -> None:
    olds = decode(create(plugin, CONFIG_URN, CONFIG).properties)
    news = CONFIG | {"data": {"a": "2"}}
    state = update(plugin, CONFIG_URN, olds, news)
    takeover, applied = api.sent("PATCH")
    assert takeover.headers["content-type"] == "application/json-patch+json"
    assert applied.url.params["fieldManager"] == olds["__fieldManager"] == state["__fieldManager"]
    assert applied.url.params["force"] == "false"
    assert json.loads(applied.content) == news
    assert (state["data"], state["__inputs"]) == ({"a": "2"}, news)


def test_a_preview_of_the_first_update_forces_since_it_cannot_take_over(
    plugin: KubernetesStandIn, api: FakeApi
) -> None:
    olds = decode(create(plugin, CONFIG_URN, CONFIG).properties)
    update(plugin, CONFIG_URN, olds, CONFIG | {"data": {"a": "2"}}, preview=True)
    (applied,) = api.sent("PATCH")
    assert (applied.url.params["force"], applied.url.params["dryRun"]) == ("true", "All")
    assert api.objects[CONFIG_URL]["data"] == {"a": "1"}


def check_inputs(plugin: KubernetesStandIn, urn: str, news: Object) -> Object:
    return decode(plugin.Check(rpc.CheckRequest(urn=urn, news=encode(news), randomSeed=b"s"), CONTEXT).inputs)


def test_namespaced_objects_without_a_namespace_get_the_providers(plugin: KubernetesStandIn) -> None:
    configure(plugin, namespace="mine")
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "x"}}
    namespace_urn = "urn:pulumi:local::tfk8s::kubernetes:core/v1:Namespace::x"
    assert check_inputs(plugin, CONFIG_URN, CONFIG | {"metadata": {"name": "c"}})["metadata"]["namespace"] == "mine"
    assert check_inputs(plugin, CONFIG_URN, CONFIG)["metadata"]["namespace"] == "n"
    assert "namespace" not in check_inputs(plugin, namespace_urn, namespace)["metadata"]


@pytest.mark.parametrize("kind", ["NamespacePatch", "ConfigMapList"])
def test_patches_and_lists_are_refused(plugin: KubernetesStandIn, kind: str) -> None:
    with pytest.raises(PluginError, match="whole, single objects"):
        check_inputs(plugin, f"urn:pulumi:local::tfk8s::kubernetes:core/v1:{kind}::x", {})


def diff(plugin: KubernetesStandIn, old: Object, new: Object, **options: Any) -> rpc.DiffResponse:
    olds = encode(checkpoint(old, old, "m"))
    return plugin.Diff(rpc.DiffRequest(olds=olds, news=encode(new), **options), CONTEXT)


def test_ignored_changes_are_no_difference(plugin: KubernetesStandIn) -> None:
    changed = JOB | {"spec": {"template": {"spec": {"x": 1}}}}
    assert diff(plugin, JOB, changed).changes == rpc.DiffResponse.DIFF_SOME
    assert diff(plugin, JOB, changed, ignoreChanges=["spec"]).changes == rpc.DiffResponse.DIFF_NONE


def test_the_default_namespace_may_be_left_out(plugin: KubernetesStandIn) -> None:
    old = CONFIG | {"metadata": {"name": "c", "namespace": "default"}}
    assert diff(plugin, old, CONFIG | {"metadata": {"name": "c"}}).changes == rpc.DiffResponse.DIFF_NONE


def test_a_failed_job_is_replaced_where_its_annotation_says_so(plugin: KubernetesStandIn, api: FakeApi) -> None:
    annotated = JOB | {"metadata": JOB["metadata"] | {"annotations": {"pulumi.com/replaceUnready": "true"}}}
    api.objects[JOB_URL] = annotated | {"status": FAILED}
    planned = diff(plugin, annotated, annotated)
    assert (len(planned.replaces), planned.deleteBeforeReplace) == (1, True)
    api.objects[JOB_URL] = annotated | {"status": COMPLETE}
    assert list(diff(plugin, annotated, annotated).replaces) == []


def read(plugin: KubernetesStandIn, urn: str, identifier: str, inputs: Object | None = None) -> rpc.ReadResponse:
    known = inputs or {}
    request = rpc.ReadRequest(id=identifier, urn=urn, inputs=encode(known), properties=encode({}))
    return plugin.Read(request, CONTEXT)


def test_a_refresh_sees_what_changed_in_the_cluster(plugin: KubernetesStandIn, api: FakeApi) -> None:
    create(plugin, CONFIG_URN, CONFIG)
    api.objects[CONFIG_URL]["data"] = {"a": "changed", "b": "added"}
    assert decode(read(plugin, CONFIG_URN, "n/c", CONFIG).inputs)["data"] == {"a": "changed"}


def test_a_refresh_forgets_what_is_gone(plugin: KubernetesStandIn) -> None:
    assert read(plugin, CONFIG_URN, "n/c", CONFIG).id == ""


def test_a_refresh_reports_a_failed_job(plugin: KubernetesStandIn, api: FakeApi) -> None:
    api.objects[JOB_URL] = JOB | {"status": FAILED}
    with pytest.raises(InitFailed, match="BackoffLimitExceeded"):
        read(plugin, JOB_URN, "n/j", JOB)


def test_an_import_takes_the_whole_object_but_what_the_server_writes(plugin: KubernetesStandIn, api: FakeApi) -> None:
    create(plugin, JOB_URN, JOB | {"metadata": JOB["metadata"] | {"annotations": {"pulumi.com/skipAwait": "true"}}})
    api.objects[JOB_URL]["status"] = FAILED
    imported = decode(read(plugin, JOB_URN, "n/j").inputs)
    assert sorted(imported) == ["apiVersion", "kind", "metadata", "spec"]
    assert sorted(imported["metadata"]) == ["annotations", "name", "namespace"]


def test_a_deletion_takes_dependents_along_first(plugin: KubernetesStandIn, api: FakeApi) -> None:
    created = create(plugin, CONFIG_URN, CONFIG)
    plugin.Delete(rpc.DeleteRequest(id="n/c", urn=CONFIG_URN, properties=created.properties), CONTEXT)
    assert json.loads(api.sent("DELETE")[0].content)["propagationPolicy"] == "Foreground"
    assert CONFIG_URL not in api.objects


def test_configuring_again_clears_a_cancel(plugin: KubernetesStandIn) -> None:
    plugin.cancelled.set()
    configure(plugin)
    assert not plugin.cancelled.is_set()


def test_the_stand_in_says_what_it_is(plugin: KubernetesStandIn, capsys: pytest.CaptureFixture[str]) -> None:
    configure(plugin)
    assert "stand-in for pulumi-resource-kubernetes, never to be used for dev or prod" in capsys.readouterr().err


def test_the_first_preview_without_a_field_says_nothing_of_what_the_dry_run_keeps_of_it(
    plugin: KubernetesStandIn, api: FakeApi
) -> None:
    olds = decode(create(plugin, CONFIG_URN, CONFIG).properties)
    api.refusals["PATCH"] = (422, {"reason": "Invalid", "message": "data.a: Forbidden"})
    news = {**CONFIG, "data": {"b": "2"}}
    assert update(plugin, CONFIG_URN, olds, news, preview=True) == news
    with pytest.raises(PluginError, match=r"data\.a: Forbidden"):
        update(plugin, CONFIG_URN, olds, CONFIG | {"data": {"a": "2"}}, preview=True)
