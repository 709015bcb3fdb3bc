import functools
import re

import pytest

from tests.unit.recorder import Recorder, Resource, Tree, committed_platform, record_changed, sound_platform
from tests.unit.words import DIGEST

MODEL = "models.digits"
NAME = "digits-v3"
FETCH = {"url": "https://models.example.org/digits-3.tar.gz", "sha256": "ab" * 32}


@functools.cache
def fetching() -> Recorder:
    return record_changed((f"{MODEL}.tracks.stable.fetch", FETCH))


def deployment(platform: Recorder, name: str = NAME) -> Resource:
    return platform.one("apps/v1:Deployment", name)


def pod(platform: Recorder, name: str = NAME) -> Tree:
    return deployment(platform, name).inputs["spec"]["template"]["spec"]


def server(platform: Recorder, name: str = NAME) -> Tree:
    [only] = pod(platform, name)["containers"]
    return only


def verify(platform: Recorder) -> Tree:
    [only] = pod(platform)["initContainers"]
    return only


def flags(platform: Recorder, name: str = NAME) -> dict[str, str]:
    return dict(flag.removeprefix("--").split("=", 1) for flag in server(platform, name)["args"])


def autoscaler(platform: Recorder, name: str = NAME) -> Tree:
    return platform.one("autoscaling/v2:HorizontalPodAutoscaler", name).inputs["spec"]


def environment(container: Tree) -> dict[str, str]:
    return {variable["name"]: variable["value"] for variable in container["env"]}


def test_all_objects_of_a_version_carry_its_name() -> None:
    for kind in (
        "apps/v1:Deployment",
        "core/v1:Service",
        "autoscaling/v2:HorizontalPodAutoscaler",
        "policy/v1:PodDisruptionBudget",
    ):
        one = sound_platform().one(kind, NAME)
        assert one.object_name == NAME
        assert one.inputs["metadata"]["namespace"] == "serve"


def test_the_autoscaler_owns_the_replicas() -> None:
    for platform in (sound_platform(), *map(committed_platform, ("local", "dev", "prod"))):
        for one in platform.all("apps/v1:Deployment"):
            assert "replicas" not in one.inputs["spec"]


def test_the_autoscaler_keeps_to_the_stack_files_bounds_and_target() -> None:
    spec = autoscaler(committed_platform("prod"), "digits-v1")
    assert (spec["minReplicas"], spec["maxReplicas"]) == (3, 20)
    assert spec["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "digits-v1"}
    [metric] = spec["metrics"]
    assert metric["resource"] == {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}


def test_the_fleet_grows_at_once_and_shrinks_slowly() -> None:
    behavior = autoscaler(sound_platform())["behavior"]
    up, down = behavior["scaleUp"], behavior["scaleDown"]
    assert (up["stabilizationWindowSeconds"], up["selectPolicy"]) == (0, "Max")
    assert {"type": "Percent", "value": 900, "periodSeconds": 15} in up["policies"]
    assert (down["stabilizationWindowSeconds"], down["selectPolicy"]) == (300, "Max")
    assert {"type": "Percent", "value": 10, "periodSeconds": 60} in down["policies"]


def test_a_node_that_is_emptied_takes_one_server_at_a_time_and_never_hangs_on_a_broken_one() -> None:
    budget = sound_platform().one("policy/v1:PodDisruptionBudget", NAME).inputs["spec"]
    assert budget["maxUnavailable"] == 1
    assert budget["unhealthyPodEvictionPolicy"] == "AlwaysAllow"
    assert budget["selector"] == deployment(sound_platform()).inputs["spec"]["selector"]


@pytest.mark.parametrize(("surge", "sent"), [(2, 2), ("25%", "25%")])
def test_a_rollout_adds_servers_before_it_takes_any(surge: object, sent: object) -> None:
    quota = {"requests": {"cpu": 9, "memory": "9Gi", "gpu": 9}, "limits": {"cpu": 9, "memory": "9Gi"}}
    changed = record_changed((f"{MODEL}.rollout", {"maxSurge": surge}), ("tenants.serve.quota", quota))
    strategy = deployment(changed).inputs["spec"]["strategy"]
    assert strategy == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": sent, "maxUnavailable": 0}}


def test_a_leaving_server_goes_on_for_as_long_as_requests_may_come_and_last() -> None:
    timing = {f"{MODEL}.requestTimeout": "7s", f"{MODEL}.drain": {"propagation": "20s"}, f"{MODEL}.coldStart": "64s"}
    changed = record_changed(*timing.items())
    assert server(changed)["lifecycle"]["preStop"] == {"sleep": {"seconds": 27}}
    assert pod(changed)["terminationGracePeriodSeconds"] == 32
    assert flags(changed)["rest_api_timeout_in_ms"] == "7000"


def test_the_three_probes_differ() -> None:
    startup, ready, alive = (server(sound_platform())[f"{kind}Probe"] for kind in ("startup", "readiness", "liveness"))
    assert startup != ready != alive != startup
    assert "tcpSocket" in startup
    assert "tcpSocket" in alive, "inference must not make a server look dead"
    assert alive["periodSeconds"] * alive["failureThreshold"] >= 60


def test_a_server_is_ready_when_it_answers_for_exactly_its_version() -> None:
    probe = server(sound_platform())["readinessProbe"]
    assert probe["httpGet"] == {"path": "/v1/models/digits/versions/3/metadata", "port": 8501}
    assert (probe["periodSeconds"], probe["timeoutSeconds"], probe["failureThreshold"]) == (5, 3, 3)


@pytest.mark.parametrize(("startup", "at_least"), [("10m", 600), ("45s", 45), ("3m1s", 181)])
def test_start_up_may_take_what_the_stack_file_says(startup: str, at_least: int) -> None:
    changed = record_changed((f"{MODEL}.startup", startup))
    probe = server(changed)["startupProbe"]
    assert at_least <= probe["periodSeconds"] * probe["failureThreshold"] < at_least + probe["periodSeconds"]
    assert deployment(changed).inputs["spec"]["progressDeadlineSeconds"] == at_least + 15


def test_the_engine_waits_for_a_whole_rollout() -> None:
    words = ((f"{MODEL}.startup", "10m"), (f"{MODEL}.autoscaling.maxReplicas", 3))
    waited = deployment(record_changed(*words))
    assert waited.create_timeout == waited.update_timeout == f"{3 * 615}s"


def test_a_new_version_counts_as_ready_with_its_first_replicas_only() -> None:
    assert deployment(committed_platform("prod"), "digits-v1").inputs["spec"]["minReadySeconds"] == 10
    assert "minReadySeconds" not in deployment(sound_platform()).inputs["spec"]


def test_the_autoscaler_stands_before_the_servers() -> None:
    platform = sound_platform()
    assert platform.waits_for(deployment(platform), platform.one("autoscaling/v2:HorizontalPodAutoscaler", NAME))


def test_servers_spread_over_zones_and_nodes_where_they_can() -> None:
    constraints = pod(sound_platform())["topologySpreadConstraints"]
    assert [one["topologyKey"] for one in constraints] == ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]
    for one in constraints:
        assert one["whenUnsatisfiable"] == "ScheduleAnyway"
        assert one["matchLabelKeys"] == ["pod-template-hash"]
        assert one["labelSelector"] == deployment(sound_platform()).inputs["spec"]["selector"]


def test_exactly_one_version_is_served_and_read_once() -> None:
    [map_] = [one for one in sound_platform().all("core/v1:ConfigMap") if one.name == f"{NAME}-config"]
    config = re.sub(r"\s+", " ", map_.inputs["data"]["models.config"])
    assert 'name: "digits" base_path: "/models/digits" model_platform: "tensorflow"' in config
    assert "model_version_policy { specific { versions: 3 } }" in config
    assert flags(sound_platform())["file_system_poll_wait_seconds"] == "0"
    assert flags(sound_platform())["model_config_file"] == "/etc/tfserving/models.config"


def test_a_changed_configuration_is_a_new_map_that_pods_roll_over_to() -> None:
    map_ = sound_platform().one("core/v1:ConfigMap", f"{NAME}-config")
    assert map_.inputs["immutable"] is True
    assert "name" not in map_.inputs["metadata"]
    [volume] = [volume for volume in pod(sound_platform())["volumes"] if volume["name"] == "config"]
    assert volume["configMap"]["name"] == f"{NAME}-config-1a2b3c4d"
    assert {"name": "config", "mountPath": "/etc/tfserving", "readOnly": True} in server(sound_platform())[
        "volumeMounts"
    ]


def test_metrics_are_on_the_rest_port() -> None:
    map_ = sound_platform().one("core/v1:ConfigMap", f"{NAME}-config").inputs["data"]
    assert map_["monitoring.config"].split() == [
        "prometheus_config", "{", "enable:", "true", "path:", '"/monitoring/prometheus/metrics"', "}",
    ]  # fmt: skip
    assert flags(sound_platform())["monitoring_config_file"] == "/etc/tfserving/monitoring.config"
    assert flags(sound_platform())["rest_api_port"] == "8501"


def test_tensorflow_uses_the_cores_of_its_limit_and_not_those_of_the_node() -> None:
    assert flags(committed_platform("prod"), "digits-v1")["tensorflow_intra_op_parallelism"] == "2"
    assert flags(committed_platform("prod"), "digits-v1")["tensorflow_inter_op_parallelism"] == "2"
    assert flags(committed_platform("prod"), "digits-v1")["rest_api_num_threads"] == "8"


def test_what_asks_nobody_who_they_are_is_off_and_a_failed_load_is_said_at_once() -> None:
    assert flags(sound_platform())["enable_profiler"] == "false"
    assert flags(sound_platform())["max_num_load_retries"] == "0"


def test_each_server_has_what_the_stack_file_says() -> None:
    asked = server(committed_platform("prod"), "digits-v1")["resources"]
    wanted = {"cpu": "2", "memory": "4Gi", "nvidia.com/gpu": "1"}
    assert wanted.items() <= asked["requests"].items()
    assert wanted.items() <= asked["limits"].items()


def test_a_server_with_a_gpu_gets_to_a_gpu_node() -> None:
    spec = pod(committed_platform("prod"), "digits-v1")
    assert spec["nodeSelector"] == {"nvidia.com/gpu.present": "true"}
    assert spec["runtimeClassName"] == "nvidia"
    assert spec["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]


def test_on_a_shared_gpu_a_server_leaves_memory_to_others() -> None:
    [only] = pod(committed_platform("dev"), "digits-v1")["containers"]
    assert environment(only)["TF_FORCE_GPU_ALLOW_GROWTH"] == "true"
    assert "TF_FORCE_GPU_ALLOW_GROWTH" not in environment(server(sound_platform()))


def test_on_a_shared_gpu_a_server_takes_its_share_of_the_memory_at_most() -> None:
    flag = "per_process_gpu_memory_fraction"
    assert flags(committed_platform("dev"), "digits-v1")[flag] == "0.25"  # a fourth each, for four pods a device
    assert flag not in flags(sound_platform())


def test_the_share_of_the_memory_is_the_one_given_and_none_without_a_gpu() -> None:
    shared = ("gpu", {"mode": "mps", "podsPerGpu": 3, "memoryFraction": "20%"})
    given = record_changed(shared, ("trainingJobs.digits.gpus", 1))
    assert flags(given)["per_process_gpu_memory_fraction"] == "0.2"
    without = record_changed(shared, ("trainingJobs.digits.gpus", 1), (f"{MODEL}.resources.gpu", 0))
    assert "per_process_gpu_memory_fraction" not in flags(without)


def test_the_image_is_tensorflow_serving_as_given() -> None:
    assert server(sound_platform())["image"] == f"tensorflow/serving:2.20.0@{DIGEST}"
    assert server(sound_platform())["command"] == ["tensorflow_model_server"]


def test_a_version_is_verified_before_it_is_served() -> None:
    step = verify(sound_platform())
    assert step["command"] == ["python3", "-m", "serving.fetch"]
    assert step["image"] == f"registry.example.org/train:1@{DIGEST}"
    variables = environment(step)
    assert {"TFK8S_MODEL": "digits", "TFK8S_VERSION": "3", "TFK8S_MODEL_DIR": "/models"}.items() <= variables.items()
    assert not {"TFK8S_FETCH_URL", "TFK8S_WARMUP"} & variables.keys()


def test_the_step_asks_for_no_more_than_the_server_and_for_no_gpu() -> None:
    step, serving = verify(sound_platform())["resources"], server(sound_platform())["resources"]
    for kind in ("requests", "limits"):
        assert "nvidia.com/gpu" not in step[kind]
        assert step[kind].items() <= serving[kind].items()


def test_servers_only_read_the_store() -> None:
    [volume] = [volume for volume in pod(sound_platform())["volumes"] if volume["name"] == "models"]
    assert volume["persistentVolumeClaim"]["readOnly"] is True
    for container in (verify(sound_platform()), server(sound_platform())):
        assert {"name": "models", "mountPath": "/models", "readOnly": True} in container["volumeMounts"]


def test_a_fetched_version_lands_on_the_node_and_only_the_step_writes_it() -> None:
    [volume] = [volume for volume in pod(fetching())["volumes"] if volume["name"] == "models"]
    assert volume["emptyDir"]["sizeLimit"]
    assert {"name": "models", "mountPath": "/models", "readOnly": False} in verify(fetching())["volumeMounts"]
    assert {"name": "models", "mountPath": "/models", "readOnly": True} in server(fetching())["volumeMounts"]


def test_a_fetched_version_comes_from_its_address_and_is_the_one_that_was_meant() -> None:
    variables = environment(verify(fetching()))
    assert variables["TFK8S_FETCH_URL"] == FETCH["url"]
    assert variables["TFK8S_FETCH_SHA256"] == FETCH["sha256"]


def test_only_a_version_that_fetches_reaches_out_and_only_by_https() -> None:
    policy = fetching().one("networking.k8s.io/v1:NetworkPolicy", f"{NAME}-fetch").inputs["spec"]
    assert policy["podSelector"] == deployment(fetching()).inputs["spec"]["selector"]
    assert policy["policyTypes"] == ["Egress"]
    assert policy["egress"] == [{"ports": [{"protocol": "TCP", "port": 443}]}]
    names = [one.name for one in sound_platform().all("networking.k8s.io/v1:NetworkPolicy")]
    assert f"{NAME}-fetch" not in names


def test_all_objects_of_a_version_carry_its_recommended_labels() -> None:
    for one in sound_platform().objects():
        if one.name.startswith(NAME):
            labels = one.inputs["metadata"]["labels"]
            assert labels["app.kubernetes.io/name"] == "digits"
            assert labels["app.kubernetes.io/instance"] == "digits-v3"
            assert labels["app.kubernetes.io/version"] == "3"


def test_training_and_serving_pods_of_one_version_are_told_apart() -> None:
    serving = deployment(sound_platform()).inputs["spec"]["selector"]["matchLabels"]
    training = sound_platform().one("batch/v1:Job", NAME).inputs["spec"]["template"]["metadata"]["labels"]
    own = deployment(sound_platform()).inputs["spec"]["template"]["metadata"]["labels"]
    assert serving.items() <= own.items()
    assert not serving.items() <= training.items()


def test_a_version_trained_here_is_served_after_its_training() -> None:
    platform = sound_platform()
    run = platform.one("batch/v1:Job", NAME)
    for one in platform.resources:
        if one.name == NAME and one.type.partition(":")[0] in ("apps/v1", "autoscaling/v2", "policy/v1"):
            assert platform.waits_for(one, run), one.type


def test_a_version_trained_earlier_does_not_wait_for_the_one_in_training() -> None:
    platform = record_changed(("trainingJobs.digits.version", 4))
    assert not platform.waits_for(deployment(platform), platform.one("batch/v1:Job", "digits-v4"))


def test_the_versions_service_has_the_rest_port_only() -> None:
    service = sound_platform().one("core/v1:Service", NAME).inputs["spec"]
    assert service["type"] == "ClusterIP"
    assert [(port["name"], port["port"], port["targetPort"]) for port in service["ports"]] == [("rest", 8501, "rest")]
    assert service["selector"] == deployment(sound_platform()).inputs["spec"]["selector"]["matchLabels"]
