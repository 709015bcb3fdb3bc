import functools
import json

import pytest

from tests.unit.recorder import Recorder, Resource, Tree, committed_platform, record_changed, sound_platform
from tests.unit.words import DIGEST

NAMESPACE = "nvidia-device-plugin"


def daemon_set(platform: Recorder, name: str = NAMESPACE) -> Resource:
    return platform.one("apps/v1:DaemonSet", name)


def pod(platform: Recorder, name: str = NAMESPACE) -> Tree:
    return daemon_set(platform, name).inputs["spec"]["template"]["spec"]


def config(platform: Recorder) -> Tree:
    return json.loads(platform.one("core/v1:ConfigMap", f"{NAMESPACE}-config").inputs["data"]["config.yaml"])


@functools.cache
def shared(mode: str) -> Recorder:
    return record_changed(("gpu", {"mode": mode, "podsPerGpu": 4}), ("trainingJobs.digits.gpus", 1))


def test_it_is_the_official_static_manifest_on_gpu_nodes_only() -> None:
    spec = pod(sound_platform())
    assert spec["nodeSelector"] == {"nvidia.com/gpu.present": "true"}
    assert spec["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    assert spec["priorityClassName"] == "system-node-critical"
    assert daemon_set(sound_platform()).inputs["spec"]["updateStrategy"] == {"type": "RollingUpdate"}
    [container] = spec["containers"]
    assert container["image"] == f"nvcr.io/nvidia/k8s-device-plugin:v0.20.0@{DIGEST}"
    assert container["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    plugins = {"path": "/var/lib/kubelet/device-plugins", "type": "Directory"}
    assert [volume["hostPath"] for volume in spec["volumes"] if "hostPath" in volume] == [plugins]
    assert [mount["mountPath"] for mount in container["volumeMounts"]] == [plugins["path"], "/config"]


def test_it_may_call_what_any_container_may_and_take_what_little_it_needs() -> None:
    spec = pod(sound_platform())
    assert spec["securityContext"] == {"seccompProfile": {"type": "RuntimeDefault"}}
    [container] = spec["containers"]
    assert container["resources"]["requests"] == {"cpu": "50m", "memory": "64Mi"}
    assert container["resources"]["limits"] == {"cpu": "500m", "memory": "512Mi"}


def test_it_runs_with_the_runtime_class_and_node_labels_of_the_stack_file() -> None:
    changed = record_changed(("gpu.runtimeClassName", "nvidia"), ("gpu.nodeSelector", {"pool": "a100"}))
    assert pod(changed)["runtimeClassName"] == "nvidia"
    assert pod(changed)["nodeSelector"] == {"pool": "a100"}


def test_its_namespace_is_the_only_privileged_one() -> None:
    namespaces = sound_platform().all("core/v1:Namespace")
    levels = {
        one.object_name: one.inputs["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] for one in namespaces
    }
    assert levels == {"train": "restricted", "serve": "restricted", NAMESPACE: "privileged"}


def test_nothing_reaches_it_and_it_reaches_nothing() -> None:
    policy = sound_platform().one("networking.k8s.io/v1:NetworkPolicy", f"{NAMESPACE}-deny-all")
    assert policy.inputs["metadata"]["namespace"] == NAMESPACE
    assert policy.inputs["spec"]["policyTypes"] == ["Ingress", "Egress"]


def test_it_talks_to_no_api_server() -> None:
    assert pod(sound_platform())["automountServiceAccountToken"] is False
    assert pod(sound_platform())["enableServiceLinks"] is False
    account = sound_platform().one("core/v1:ServiceAccount", f"{NAMESPACE}-account").inputs
    assert account["automountServiceAccountToken"] is False
    assert pod(sound_platform())["serviceAccountName"] == account["metadata"]["name"]


def test_whole_devices_are_not_shared() -> None:
    assert config(sound_platform()) == {"version": "v1", "flags": {"migStrategy": "none"}}


@pytest.mark.parametrize("mode", ["timeSlicing", "mps"])
def test_shared_devices_get_their_own_name_and_a_pod_gets_one(mode: str) -> None:
    assert config(shared(mode))["sharing"] == {
        mode: {
            "renameByDefault": True,
            "failRequestsGreaterThanOne": True,
            "resources": [{"name": "nvidia.com/gpu", "replicas": 4}],
        }
    }


def test_mig_devices_appear_as_gpus_and_can_be_watched() -> None:
    mig = record_changed(("gpu.mode", "mig"), ("trainingJobs.digits.gpus", 1))
    assert config(mig)["flags"]["migStrategy"] == "single"
    [container] = pod(mig)["containers"]
    assert {"name": "NVIDIA_MIG_MONITOR_DEVICES", "value": "all"} in container["env"]
    assert container["securityContext"] == {"capabilities": {"add": ["SYS_ADMIN"]}}


def test_the_plugin_reads_the_configuration_and_rolls_when_it_changes() -> None:
    [container] = pod(sound_platform())["containers"]
    assert {"name": "CONFIG_FILE", "value": "/config/config.yaml"} in container["env"]
    map_ = sound_platform().one("core/v1:ConfigMap", f"{NAMESPACE}-config")
    assert map_.inputs["immutable"] is True
    assert "name" not in map_.inputs["metadata"]
    [volume] = [volume for volume in pod(sound_platform())["volumes"] if volume["name"] == "config"]
    assert volume["configMap"]["name"] == f"{NAMESPACE}-config-1a2b3c4d"


def test_mps_brings_its_control_daemon_and_time_slicing_does_not() -> None:
    spec = pod(shared("mps"), f"{NAMESPACE}-mps")
    assert spec["hostPID"] is True
    [daemon], [mount] = spec["containers"], spec["initContainers"]
    assert daemon["command"] == ["mps-control-daemon"]
    assert mount["command"] == ["mps-control-daemon", "mount-shm"]
    for container in (daemon, mount):
        assert container["image"] == f"nvcr.io/nvidia/k8s-device-plugin:v0.20.0@{DIGEST}"
        assert container["securityContext"] == {"privileged": True}
    assert {"name": "mps-root", "mountPath": "/mps", "mountPropagation": "Bidirectional"} in mount["volumeMounts"]
    node = {"name": "NODE_NAME", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}
    assert daemon["env"] == [node, {"name": "CONFIG_FILE", "value": "/config/config.yaml"}]
    assert {"name": "MPS_ROOT", "value": "/run/nvidia/mps"} in pod(shared("mps"))["containers"][0]["env"]
    assert len(shared("timeSlicing").all("apps/v1:DaemonSet")) == 1


def test_plugin_and_control_daemon_share_the_hosts_mps_directories() -> None:
    shared_directories = [
        {"name": "mps-root", "hostPath": {"path": "/run/nvidia/mps", "type": "DirectoryOrCreate"}},
        {"name": "mps-shm", "hostPath": {"path": "/run/nvidia/mps/shm"}},
    ]
    for name in (NAMESPACE, f"{NAMESPACE}-mps"):
        spec = pod(shared("mps"), name)
        assert [volume for volume in spec["volumes"] if volume["name"].startswith("mps")] == shared_directories
        mounts = {mount["name"]: mount["mountPath"] for mount in spec["containers"][0]["volumeMounts"]}
        assert (mounts["mps-root"], mounts["mps-shm"], mounts["config"]) == ("/mps", "/dev/shm", "/config")


def test_the_two_daemon_sets_do_not_select_each_others_pods() -> None:
    selectors = [one.inputs["spec"]["selector"]["matchLabels"] for one in shared("mps").all("apps/v1:DaemonSet")]
    assert selectors[0] != selectors[1]
    for one in shared("mps").all("apps/v1:DaemonSet"):
        labels = one.inputs["spec"]["template"]["metadata"]["labels"]
        assert one.inputs["spec"]["selector"]["matchLabels"].items() <= labels.items()


def test_pretend_gpus_need_no_plugin() -> None:
    assert committed_platform("local").all("apps/v1:DaemonSet") == []


def test_a_cluster_without_gpus_needs_no_plugin() -> None:
    none = record_changed(("gpu", None), ("trainingJobs.digits.gpus", 0), ("models.digits.resources.gpu", 0))
    assert none.all("apps/v1:DaemonSet") == []


def test_it_is_pulled_with_the_given_credentials() -> None:
    platform = record_changed(("images.registries", {"nvcr.io": {"username": "$oauthtoken", "password": "key"}}))
    account = platform.one("core/v1:ServiceAccount", f"{NAMESPACE}-account").inputs
    assert account["imagePullSecrets"] == [{"name": f"{NAMESPACE}-pull-1a2b3c4d"}]
