"""Prometheus for the served models: there when asked for, sees what it must, and nothing else."""

import functools
import json
import re
from typing import Any

import pytest

from tests.unit.recorder import Recorder, Resource, Tree, record_changed, sound_platform
from tests.unit.words import COUNTED, DIGEST, GONE, found, only

IMAGE = f"quay.io/prometheus/prometheus:v3.5.0@{DIGEST}"
PROMETHEUS = ("images.prometheus", {"ref": IMAGE})
GATEWAY = {"traefik": {"namespace": "traefik", "service": "metrics", "port": 9100}}
NAMESPACE = "tfk8s-monitoring"


@functools.cache
def watched(**words: object) -> Recorder:
    return record_changed(PROMETHEUS, ("monitoring", words))


@functools.cache
def counted() -> Recorder:
    return record_changed(PROMETHEUS, ("monitoring", {"gateway": GATEWAY, "fromNamespaces": ["grafana"]}))


def deployment(platform: Recorder) -> Resource:
    return platform.one("apps/v1:Deployment", "monitoring")


def pod(platform: Recorder) -> Tree:
    return deployment(platform).inputs["spec"]["template"]["spec"]


def flags(platform: Recorder) -> dict[str, str]:
    [container] = pod(platform)["containers"]
    return dict(flag.removeprefix("--").split("=", 1) for flag in container["args"])


def files(platform: Recorder) -> dict[str, Any]:
    data = platform.one("core/v1:ConfigMap", "monitoring-config").inputs["data"]
    return {name: json.loads(text) for name, text in data.items()}


def scraped(platform: Recorder, job: str) -> Tree:
    [one] = [one for one in files(platform)["prometheus.yml"]["scrape_configs"] if one["job_name"] == job]
    return one


def policy(platform: Recorder, name: str) -> Tree:
    return platform.one("networking.k8s.io/v1:NetworkPolicy", name).inputs["spec"]


def test_without_being_asked_for_there_is_none() -> None:
    assert not [one for one in sound_platform().resources if "onitoring" in one.type or NAMESPACE in str(one.inputs)]


def test_it_has_a_namespace_of_its_own_with_pod_security_restricted() -> None:
    namespace = watched().one("core/v1:Namespace", "monitoring-namespace")
    assert namespace.object_name == NAMESPACE
    assert namespace.inputs["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_its_pod_may_do_nothing_but_write_its_data() -> None:
    [container] = pod(watched())["containers"]
    security = container["securityContext"]
    assert (security["readOnlyRootFilesystem"], security["runAsUser"]) == (True, 10001)
    assert security["capabilities"] == {"drop": ["ALL"]}
    writable = {mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")}
    assert writable == {"/tmp", "/prometheus"}


def test_what_it_may_ask_of_the_api_server_is_the_pods_of_tenants_with_models() -> None:
    roles = watched().all("rbac.authorization.k8s.io/v1:Role")
    assert [role.inputs["metadata"]["namespace"] for role in roles] == ["serve"]
    assert roles[0].inputs["rules"] == [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}]
    [binding] = watched().all("rbac.authorization.k8s.io/v1:RoleBinding")
    assert binding.inputs["subjects"] == [{"kind": "ServiceAccount", "name": "prometheus", "namespace": NAMESPACE}]
    assert not [one for one in watched().resources if "ClusterRole" in one.type]


def test_its_pod_alone_mounts_a_token() -> None:
    mounted = {owner.name for owner, spec in watched().pods() if spec.get("automountServiceAccountToken")}
    assert mounted == {"monitoring"}
    account = watched().one("core/v1:ServiceAccount", "monitoring-account").inputs
    assert account["automountServiceAccountToken"] is False


def test_servers_and_prometheus_may_meet_on_one_port_and_both_sides_say_so() -> None:
    way_in = policy(watched(), "monitoring-serve-way-in")
    assert way_in["podSelector"]["matchLabels"] == {"app.kubernetes.io/component": "serving"}
    [rule] = way_in["ingress"]
    assert rule["from"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": NAMESPACE}}}]
    assert rule["ports"] == [{"protocol": "TCP", "port": 8501}]
    [out] = policy(watched(), "monitoring-servers")["egress"]
    assert out["to"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "serve"}}}]
    assert out["ports"] == [{"protocol": "TCP", "port": 8501}]


def test_nobody_asks_it_but_those_who_are_named() -> None:
    [rule] = policy(counted(), "monitoring-callers")["ingress"]
    own, named = rule["from"]
    assert own == {"podSelector": {}}
    assert named["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "grafana"}
    denied = policy(counted(), "monitoring-deny-all")
    assert (denied["podSelector"], denied["policyTypes"]) == ({}, ["Ingress", "Egress"])


def test_it_asks_servers_where_they_tell_and_in_tenants_with_models_only() -> None:
    models = scraped(watched(), "models")
    [config] = [one for one in watched().all("core/v1:ConfigMap") if one.name == "digits-v3-config"]
    assert f'path: "{models["metrics_path"]}"' in config.inputs["data"]["monitoring.config"]
    assert models["kubernetes_sd_configs"] == [{"role": "pod", "namespaces": {"names": ["serve"]}}]
    kept = {rule["regex"] for rule in models["relabel_configs"] if rule.get("action") == "keep"}
    assert kept == {"serving", "Running", "8501"}


def test_series_are_labelled_by_the_pods_own_labels() -> None:
    told = deployment_labels()
    rules = {rule["target_label"]: rule["source_labels"][0] for rule in named(scraped(watched(), "models"))}
    for name, value in (("model", "digits"), ("version", "3")):
        label = rules[name].removeprefix("__meta_kubernetes_pod_label_")
        [own] = [key for key in told if re.sub(r"[^a-zA-Z0-9_]", "_", key) == label]
        assert told[own] == value
    assert (rules["namespace"], rules["pod"]) == ("__meta_kubernetes_namespace", "__meta_kubernetes_pod_name")


def deployment_labels() -> dict[str, str]:
    return watched().one("apps/v1:Deployment", "digits-v3").inputs["spec"]["template"]["metadata"]["labels"]


def named(job: Tree) -> list[Tree]:
    return [rule for rule in job["relabel_configs"] if "target_label" in rule]


def test_names_lose_their_colons() -> None:
    renamed = ":tensorflow:serving:batching_session:queuing_latency_count"
    for rule in scraped(watched(), "models")["metric_relabel_configs"]:
        replacement = rule["replacement"].replace("${1}", r"\g<1>").replace("$1", r"\g<1>").replace("$2", r"\g<2>")
        if re.fullmatch(rule["regex"], renamed):
            renamed = re.sub(f"^(?:{rule['regex']})$", replacement, renamed)
    assert renamed == "tensorflow_serving_batching_session_queuing_latency_count"


def test_every_pod_of_the_gateway_is_asked_often_and_may_be_reached() -> None:
    gateway = scraped(counted(), "gateway")
    assert gateway["dns_sd_configs"] == [{"names": ["metrics.traefik.svc"], "type": "A", "port": 9100}]
    assert gateway["scrape_interval"] == "5s"
    [out] = policy(counted(), "monitoring-gateway")["egress"]
    assert out["to"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "traefik"}}}]
    assert out["ports"] == [{"protocol": "TCP", "port": 9100}]


def test_a_changed_configuration_needs_no_restart() -> None:
    config = watched().one("core/v1:ConfigMap", "monitoring-config")
    assert config.object_name == "prometheus"
    assert "immutable" not in config.inputs
    assert flags(watched())["enable-feature"] == "auto-reload-config"
    assert flags(watched())["config.file"] == "/etc/prometheus/prometheus.yml"
    assert files(watched())["prometheus.yml"]["rule_files"] == ["/etc/prometheus/rules.yml"]


def test_data_go_with_the_pod_unless_a_volume_is_asked_for() -> None:
    [data] = [volume for volume in pod(watched())["volumes"] if volume["name"] == "data"]
    assert data["emptyDir"] == {"sizeLimit": "10Gi"}
    assert flags(watched())["storage.tsdb.retention.size"] == "8589934592B"
    kept = watched(storageClassName="fast", size="20Gi")
    [data] = [volume for volume in pod(kept)["volumes"] if volume["name"] == "data"]
    claim = kept.one("core/v1:PersistentVolumeClaim", "monitoring-data")
    assert data["persistentVolumeClaim"]["claimName"] == claim.object_name
    assert claim.inputs["spec"]["resources"] == {"requests": {"storage": "20Gi"}}
    assert claim.inputs["spec"]["storageClassName"] == "fast"


def test_monitoring_without_an_image_or_with_an_old_one_is_refused() -> None:
    assert only("monitoring-image", ("monitoring", {})).path == "tfk8s:images.prometheus"
    old = ("images.prometheus", {"ref": f"prom/prometheus:v2.55.1@{DIGEST}"})
    finding = only("monitoring-image", old, ("monitoring", {}))
    assert "v2.55.1 is older than 3.0" in finding.message
    assert found(PROMETHEUS, ("monitoring", {})) == ()


def test_its_image_is_held_to_the_same_rules_as_others() -> None:
    finding = only("image-digest", ("images.prometheus", {"ref": "prom/prometheus:v3.5.0"}), ("monitoring", {}))
    assert finding.path == "tfk8s:images.prometheus.ref"


def test_an_image_whose_version_is_not_said_is_taken_as_it_is() -> None:
    for name in ("prometheus", "prometheus:main"):
        assert found(("images.prometheus", {"ref": f"quay.io/prometheus/{name}@{DIGEST}"}), ("monitoring", {})) == ()


def test_objectives_that_no_alert_could_tell_are_refused() -> None:
    finding = only("objectives", PROMETHEUS, ("monitoring.objectives", {"availability": "93%"}))
    assert "14.4 x (100% - 93%) = 100.8% of the requests of 1h to fail" in finding.message
    assert finding.fix == "promise more than 93.1%"
    assert found(PROMETHEUS, ("monitoring.objectives", {"availability": "94%"})) == ()
    finding = only("objectives", PROMETHEUS, ("monitoring.objectives", {"latency": "5s"}))
    assert "5s >= models.digits.requestTimeout 5s" in finding.message
    assert found(PROMETHEUS, ("monitoring.objectives", {"latency": "4.9s"})) == ()


COUNTING = (
    ("cluster.kubernetesVersion", "1.35"),
    ("models.digits.autoscaling", {"maxReplicas": 3, "targets": {"requestsPerSecond": 9}}),
)


def test_a_target_for_requests_is_refused_where_no_gateway_is_named_to_count_them() -> None:
    finding = only("requests-counted", *COUNTED, *COUNTING, ("monitoring.gateway", GONE))
    assert (finding.severity, finding.path) == ("error", "tfk8s:monitoring.gateway")
    assert "nobody records tfk8s_model_requests_per_second for models.digits: without it" in finding.message
    assert found(*COUNTED, *COUNTING) == ()
    assert len(found(PROMETHEUS, *COUNTING, ("monitoring", {}))) == 1, "the rest matters once there is a gateway"
    assert found(*COUNTED, ("monitoring.gateway", GONE)) == (), "targets for CPU need none"


def test_a_target_for_requests_is_refused_where_no_adapter_may_ask_for_them() -> None:
    finding = only("requests-counted", *COUNTED, *COUNTING, ("monitoring.fromNamespaces", []))
    assert (finding.severity, finding.path) == ("error", "tfk8s:monitoring.fromNamespaces")
    assert f"no pod outside {NAMESPACE} may ask Prometheus" in finding.message
    assert found(*COUNTED, *COUNTING, ("monitoring.fromNamespaces", ["kube-system"])) == ()


def test_a_target_for_requests_is_refused_where_they_come_past_the_gateway() -> None:
    finding = only("requests-counted", *COUNTED, *COUNTING, ("models.digits.expose", {"clusterIP": {}}))
    assert (finding.severity, finding.path) == ("error", "tfk8s:models.digits.expose")
    assert "come past the gateway" in finding.message


@pytest.mark.parametrize("name", ["istio", "eg", "gke-l7-regional-external-managed"])
def test_a_target_for_requests_is_refused_where_another_implementation_has_them(name: str) -> None:
    gateway = ("models.digits.expose.gateway", {"className": name, "fromNamespaces": ["gateways"]})
    finding = only("requests-counted", *COUNTED, *COUNTING, gateway)
    assert (finding.severity, finding.path) == ("error", "tfk8s:models.digits.expose.gateway.className")
    assert f"at a gateway of class {name}, and monitoring.gateway counts at traefik" in finding.message


@pytest.mark.parametrize(
    "words", [{"className": "public"}, {"parent": {"namespace": "a", "name": "b"}, "hostname": "c.d"}]
)
def test_a_gateway_whose_name_does_not_say_what_it_is_may_be_the_one_that_counts(words: dict[str, object]) -> None:
    gateway = ("models.digits.expose.gateway", {**words, "fromNamespaces": ["gateways"]})
    assert found(*COUNTED, *COUNTING, gateway) == ()


def test_requests_are_counted_at_istio_where_that_is_named() -> None:
    where = {"istio": {"namespace": "istio-ingress", "service": "gateway", "port": 15020}}
    gateway = ("models.digits.expose.gateway", {"className": "istio", "fromNamespaces": ["istio-ingress"]})
    assert found(*COUNTED, *COUNTING, ("monitoring.gateway", where), gateway) == ()


def test_without_monitoring_another_prometheus_is_reminded_of() -> None:
    finding = only("requests-counted", *COUNTING)
    assert finding.severity == "warning"
    assert finding.path == "tfk8s:models.digits.autoscaling.targets.requestsPerSecond"
    assert "another Prometheus must record" in finding.message


def test_no_tenant_takes_its_namespace() -> None:
    quota = {"quota": {"requests": {"cpu": 1, "memory": "1Gi"}, "limits": {"cpu": 1, "memory": "1Gi"}}}
    taken = (f"tenants.{NAMESPACE}", quota)
    assert "is the monitoring's own" in only("tenant-name", taken, PROMETHEUS, ("monitoring", {})).message
    assert found(taken) == ()
