import base64
import functools
import json

from tests.unit.recorder import Recorder, Resource, committed_platform, record_changed, sound_platform

REGISTRY = ("images.registries", {"ghcr.io": {"username": "robot", "password": "s3cret"}})


@functools.cache
def with_credentials() -> Recorder:
    return record_changed(REGISTRY)


def in_tenant(platform: Recorder, tenant: str) -> list[Resource]:
    return [one for one in platform.objects() if one.inputs["metadata"].get("namespace") == tenant]


def test_the_namespace_enforces_warns_about_and_audits_pod_security_restricted() -> None:
    labels = sound_platform().one("core/v1:Namespace", "train").inputs["metadata"]["labels"]
    modes = {key.rpartition("/")[2]: value for key, value in labels.items() if key.startswith("pod-security.")}
    assert modes == {"enforce": "restricted", "warn": "restricted", "audit": "restricted"}


def test_the_quota_says_what_the_stack_file_says() -> None:
    quota = committed_platform("prod").one("core/v1:ResourceQuota", "ml-training-quota")
    assert quota.inputs["spec"]["hard"] == {
        "requests.cpu": "20",
        "requests.memory": "100Gi",
        "requests.nvidia.com/gpu": "8",
        "limits.cpu": "40",
        "limits.memory": "200Gi",
    }


def test_the_quota_counts_pods_where_the_stack_file_does() -> None:
    assert sound_platform().one("core/v1:ResourceQuota", "serve-quota").inputs["spec"]["hard"]["pods"] == "5"


def test_shared_gpus_are_counted_under_the_name_they_are_asked_by() -> None:
    hard = committed_platform("dev").one("core/v1:ResourceQuota", "ml-serving-quota").inputs["spec"]["hard"]
    assert hard["requests.nvidia.com/gpu.shared"] == "5"
    assert "requests.nvidia.com/gpu" not in hard


def test_a_tenant_without_gpus_gets_none() -> None:
    platform = record_changed(("tenants.train.quota.requests.gpu", 0), ("trainingJobs.digits.gpus", 0))
    hard = platform.one("core/v1:ResourceQuota", "train-quota").inputs["spec"]["hard"]
    assert hard["requests.nvidia.com/gpu"] == "0"


def test_containers_that_state_nothing_get_the_tenants_defaults() -> None:
    defaults = {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"cpu": "1", "memory": "1Gi"}}
    limits = record_changed(("tenants.train.containerDefaults", defaults)).one("core/v1:LimitRange", "train-defaults")
    assert limits.inputs["spec"]["limits"] == [
        {"type": "Container", "defaultRequest": defaults["requests"], "default": defaults["limits"]}
    ]


def test_nothing_goes_in_or_out_of_any_pod() -> None:
    policy = sound_platform().one("networking.k8s.io/v1:NetworkPolicy", "train-deny-all")
    assert policy.inputs["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_except_questions_to_the_clusters_dns() -> None:
    policy = sound_platform().one("networking.k8s.io/v1:NetworkPolicy", "train-allow-dns").inputs["spec"]
    assert policy["podSelector"] == {}
    assert policy["policyTypes"] == ["Egress"]
    [rule] = policy["egress"]
    assert rule["ports"] == [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]
    assert rule["to"] == [
        {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
            "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
        }
    ]


def test_the_service_account_mounts_no_token_and_pulls_without_credentials() -> None:
    account = sound_platform().one("core/v1:ServiceAccount", "train-workload").inputs
    assert account["metadata"]["name"] == "workload"
    assert account["automountServiceAccountToken"] is False
    assert "imagePullSecrets" not in account
    assert sound_platform().all("core/v1:Secret") == []


def test_given_credentials_the_service_account_pulls_with_them() -> None:
    platform = with_credentials()
    account = platform.one("core/v1:ServiceAccount", "train-workload")
    secret = platform.one("core/v1:Secret", "train-pull")
    assert account.inputs["imagePullSecrets"] == [{"name": "train-pull-1a2b3c4d"}]
    assert secret.inputs["type"] == "kubernetes.io/dockerconfigjson"
    config = json.loads(base64.b64decode(secret.inputs["data"][".dockerconfigjson"]))
    basic = base64.b64encode(b"robot:s3cret").decode()
    assert config == {"auths": {"ghcr.io": {"username": "robot", "password": "s3cret", "auth": basic}}}


def test_credentials_are_secret_for_pulumi_and_replaced_rather_than_changed() -> None:
    secret = with_credentials().one("core/v1:Secret", "train-pull")
    assert any(path.startswith("data") for path in secret.secrets)
    assert secret.inputs["immutable"] is True
    assert "name" not in secret.inputs["metadata"]


def test_everything_in_a_tenant_waits_for_its_quota_and_its_limits() -> None:
    platform = sound_platform()
    for tenant in ("train", "serve"):
        quota = platform.one("core/v1:ResourceQuota", f"{tenant}-quota")
        limits = platform.one("core/v1:LimitRange", f"{tenant}-defaults")
        denied = platform.one("networking.k8s.io/v1:NetworkPolicy", f"{tenant}-deny-all")
        later = [one for one in in_tenant(platform, tenant) if "tfk8s:index:Tenant" not in one.parent]
        assert len(later) >= 2
        for one in later:
            for earlier in (quota, limits, denied):
                assert platform.waits_for(one, earlier), f"{one.name} does not wait for {earlier.name}"


def test_every_object_of_a_tenant_carries_its_labels_and_the_recommended_ones() -> None:
    team = {"team": "vision"}
    platform = record_changed(("tenants.serve.labels", team), ("tenants.train.labels", team))
    objects = [*in_tenant(platform, "serve"), *in_tenant(platform, "train")]
    assert len(objects) > 15
    for one in objects:
        labels = one.inputs["metadata"]["labels"]
        assert labels["team"] == "vision", one.name
        assert labels["app.kubernetes.io/part-of"] == "tfk8s"
        assert labels["app.kubernetes.io/managed-by"] == "pulumi"
        assert labels["app.kubernetes.io/component"]


def test_a_tenants_labels_do_not_replace_the_programs() -> None:
    platform = record_changed(("tenants.serve.labels", {"team": "vision"}))
    template = platform.one("apps/v1:Deployment", "digits-v3").inputs["spec"]["template"]["metadata"]["labels"]
    assert template["team"] == "vision"
    assert template["app.kubernetes.io/name"] == "digits"
