import pytest

from infra.checks.names import named_objects
from infra.plan import make_plan
from infra.settings import parse
from tests.unit.recorder import record_changed, sound_platform
from tests.unit.words import GONE, Words, changed, found, only, part

ROOMY = ("tenants.serve.quota", {
    "requests": {"cpu": 90, "memory": "90Gi", "gpu": 90}, "limits": {"cpu": 90, "memory": "90Gi"}
})  # fmt: skip
FETCH = {"url": "https://example.org/m.tar.gz", "sha256": "0" * 64}
FETCHED: Words = {**part("models", "digits"), "tracks": {"stable": {"version": 1, "fetch": FETCH}}}
GRPC = ("models.digits.grpc", {"fromNamespaces": ["serve", "apps"]})
QUOTA = {"quota": {"requests": {"cpu": 1, "memory": 1}, "limits": {"cpu": 1, "memory": 1}}}
LONG = "a" * 40
FIXED = {"ResourceQuota", "LimitRange", "ServiceAccount", "PersistentVolumeClaim", "ConfigMap"}


@pytest.mark.parametrize("name", ["default", "kube-system", "nvidia-device-plugin"])
def test_a_namespace_of_others_is_no_tenant(name: str) -> None:
    assert only("tenant-name", (f"tenants.{name}", QUOTA)).path == f"tfk8s:tenants.{name}"


@pytest.mark.parametrize("name", ["defaults", "kubes", "nvidia"])
def test_names_like_those_pass(name: str) -> None:
    assert found((f"tenants.{name}", QUOTA)) == ()


def test_the_device_plugins_namespace_is_free_where_there_is_none() -> None:
    without = (("images.devicePlugin", GONE), ("gpu.mode", "pretend"))
    assert found(("tenants.nvidia-device-plugin", QUOTA), *without) == ()
    assert sound_platform().one("core/v1:Namespace", "nvidia-device-plugin-namespace").object_name == (
        "nvidia-device-plugin"
    )


def test_two_models_do_not_meet_in_one_service() -> None:
    finding = only("object-name", ROOMY, ("models.digits-v3", FETCHED))
    assert finding.path == "tfk8s:models.digits-v3"
    assert finding.message == "makes the Service digits-v3 in serve, which models.digits makes too"
    assert found(ROOMY, ("models.digits-v4", FETCHED)) == ()


def test_a_model_does_not_meet_the_grpc_front_of_another() -> None:
    finding = only("object-name", ROOMY, GRPC, ("models.digits-grpc", FETCHED))
    assert "which models.digits" in finding.message
    assert found(ROOMY, ("models.digits-grpc", FETCHED)) == ()


def test_models_of_other_tenants_and_with_names_like_policies_pass() -> None:
    elsewhere: Words = {**FETCHED, "tenant": "other"}
    other = ("tenants.other", {"quota": dict(ROOMY[1])})
    assert found(other, ("models.digits-v3", elsewhere)) == ()
    for name in ("digits-calls", "digits-callers", "digits-fetch", "workload"):
        assert found(ROOMY, (f"models.{name}", FETCHED)) == ()


def test_the_names_are_those_that_components_give() -> None:
    gang: Words = {**part("trainingJobs", "digits"), "tenant": "serve", "workers": 2}
    changes = (ROOMY, GRPC, ("models.fetched", FETCHED), ("trainingJobs.gang", gang))
    parsed = parse(changed(*changes)).settings
    expected = {(one.kind, one.namespace, one.name) for one in named_objects(parsed, make_plan(parsed))}
    objects = [one for one in record_changed(*changes).objects() if one.inputs["metadata"].get("namespace")]
    made = {
        (one.type.rpartition(":")[2], one.inputs["metadata"]["namespace"], one.inputs["metadata"].get("name"))
        for one in objects
        if "tfk8s:index:Tenant$" not in one.urn.split("::")[2] and "DevicePlugin" not in one.urn
    }
    assert {one for one in made if one[0] not in FIXED} == expected


def test_a_run_whose_pods_would_have_too_long_names_is_refused() -> None:
    job: Words = {**part("trainingJobs", "digits"), "tenant": "serve", "version": 10**15}
    finding = only("name-length", ROOMY, (f"trainingJobs.{LONG}", job))
    assert finding.path == f"tfk8s:trainingJobs.{LONG}.version"
    assert "has 58 characters, and its pods' names 6 more: 64 > 63" in finding.message
    assert finding.fix == "shorten the name or the version by 1"
    assert found(ROOMY, (f"trainingJobs.{LONG}", {**job, "version": 10**14})) == ()
    assert found(ROOMY, (f"trainingJobs.{LONG[1:]}", job)) == ()


@pytest.mark.parametrize(("workers", "longest"), [(2, 10**13 - 1), (10, 10**13 - 1), (11, 10**12 - 1)])
def test_the_index_of_a_worker_counts_in_its_pods_name(workers: int, longest: int) -> None:
    gang: Words = {**part("trainingJobs", "digits"), "tenant": "serve", "version": longest, "workers": workers}
    gang |= {"resources": {"cpu": 1, "memory": "1Gi"}, "args": {"batchSize": 2 * workers}}
    assert found(ROOMY, (f"trainingJobs.{LONG}", gang)) == ()
    assert only("name-length", ROOMY, (f"trainingJobs.{LONG}", {**gang, "version": longest + 1})).path


def test_workers_and_a_model_do_not_meet_in_one_service() -> None:
    gang: Words = {**part("trainingJobs", "digits"), "tenant": "serve", "workers": 2}
    model = ("models.digits-v3-workers", FETCHED)
    assert (
        "makes the Service digits-v3-workers"
        in only("object-name", ROOMY, ("trainingJobs.digits", gang), model).message
    )
    assert found(ROOMY, ("trainingJobs.digits", gang)) == ()


def test_a_version_that_json_would_round_is_refused() -> None:
    finding = only("version-number", ("trainingJobs.digits.version", 2**53))
    assert finding.path == "tfk8s:trainingJobs.digits.version"
    assert found(("trainingJobs.digits.version", 2**53 - 1)) == ()


@pytest.mark.parametrize("key", ["cost center", "-team", "team/", "a/b/c", "Example.org/team", "x" * 64, ""])
def test_a_label_key_that_kubernetes_refuses_is_refused(key: str) -> None:
    finding = only("label-key", ("tenants.serve.labels", {key: "vision"}))
    assert finding.path == f"tfk8s:tenants.serve.labels.{key}"
    job = ("trainingJobs.digits.nodeSelector", {key: "vision"})
    assert only("label-key", job).path == f"tfk8s:trainingJobs.digits.nodeSelector.{key}"


@pytest.mark.parametrize(
    "key", ["app.kubernetes.io/name", "kubernetes.io/metadata.name", "tfk8s.dev/store", "job-name", "x.k8s.io/y"]
)
def test_a_tenants_label_is_nobody_elses(key: str) -> None:
    assert "belongs to Kubernetes or to the program" in only("label-key", ("tenants.serve.labels", {key: "x"})).message


def test_good_label_keys_pass_and_nodes_may_be_selected_by_kubernetes_own() -> None:
    labels = {"team": "vision", "cost-center": "ml", "example.org/Team_1": "", "x" * 63: "y"}
    assert found(("tenants.serve.labels", labels)) == ()
    selector = {"kubernetes.io/arch": "amd64", "topology.kubernetes.io/zone": "a"}
    assert found(("trainingJobs.digits.nodeSelector", selector), ("gpu.nodeSelector", selector)) == ()
