from collections.abc import Callable, Mapping
from functools import partial

import pytest

from tests.unit.recorder import Recorder, Tree, committed_platform, record_changed, sound_platform
from tests.unit.words import SWEEP

FETCH = {"url": "https://models.example.org/d.tar.gz", "sha256": "ab" * 32}
ROOMY = {"requests": {"cpu": 90, "memory": "90Gi", "gpu": 90}, "limits": {"cpu": 90, "memory": "90Gi"}}
ALLOWED_VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}


PLATFORMS: Mapping[str, Callable[[], Recorder]] = {
    **{stack: partial(committed_platform, stack) for stack in ("local", "dev", "prod")},
    "sound": sound_platform,
    "fetched": partial(record_changed, ("models.digits.tracks.stable.fetch", FETCH)),
    "tensorboard": partial(record_changed, ("tenants.train.tensorboard", {}), ("tenants.train.quota", ROOMY)),
    "workers": partial(record_changed, ("tenants.train.quota", ROOMY), ("trainingJobs.digits.workers", 2)),
    "sweep": partial(record_changed, ("tenants.train.quota", ROOMY), ("sweeps.rates", SWEEP)),
}


@pytest.fixture(params=PLATFORMS, scope="module")
def pods(request: pytest.FixtureRequest) -> Mapping[str, Tree]:
    """Every pod outside the device plugin's own namespace."""
    found = {
        one.urn: spec
        for one, spec in PLATFORMS[request.param]().pods()
        if one.inputs["metadata"]["namespace"] != "nvidia-device-plugin"
    }
    assert found
    return found


@pytest.fixture
def containers(pods: Mapping[str, Tree]) -> Mapping[str, Tree]:
    return {
        f"{name} {container['name']}": container
        for name, spec in pods.items()
        for container in [*spec["containers"], *spec.get("initContainers", [])]
    }


def test_a_pod_meets_pod_security_restricted(pods: Mapping[str, Tree]) -> None:
    for name, spec in pods.items():
        assert spec["securityContext"]["runAsNonRoot"] is True, name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        for word in ("hostNetwork", "hostPID", "hostIPC"):
            assert word not in spec, name
        for volume in spec["volumes"]:
            assert len(ALLOWED_VOLUMES & volume.keys()) == 1, (name, volume)


def test_a_pod_is_nobody_on_the_node_and_owns_what_it_writes(pods: Mapping[str, Tree]) -> None:
    for name, spec in pods.items():
        context = spec["securityContext"]
        assert context["runAsUser"] == context["runAsGroup"] == context["fsGroup"] == 10001, name
        # A large store is not walked at every start.
        assert context["fsGroupChangePolicy"] == "OnRootMismatch", name


def test_a_pod_knows_no_token_and_no_other_service(pods: Mapping[str, Tree]) -> None:
    for name, spec in pods.items():
        assert spec["serviceAccountName"] == "workload", name
        assert spec["automountServiceAccountToken"] is False, name
        assert spec["enableServiceLinks"] is False, name


def test_node_disk_and_memory_that_a_pod_may_fill_are_bounded(pods: Mapping[str, Tree]) -> None:
    for name, spec in pods.items():
        for volume in spec["volumes"]:
            if "emptyDir" in volume:
                assert volume["emptyDir"]["sizeLimit"], (name, volume)


def test_a_container_can_gain_nothing_and_writes_to_volumes_only(containers: Mapping[str, Tree]) -> None:
    for name, container in containers.items():
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "privileged": False,
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "runAsGroup": 10001,
            "seccompProfile": {"type": "RuntimeDefault"},
        }, name


def test_a_container_has_one_temporary_place_and_its_home_is_there(containers: Mapping[str, Tree]) -> None:
    for name, container in containers.items():
        assert {"name": "temp", "mountPath": "/tmp"} in container["volumeMounts"], name
        variables = {variable["name"]: variable["value"] for variable in container["env"]}
        assert variables["HOME"] == variables["TMPDIR"] == "/tmp", name


def test_a_container_states_requests_and_limits_of_everything(containers: Mapping[str, Tree]) -> None:
    for name, container in containers.items():
        for kind in ("requests", "limits"):
            assert {"cpu", "memory", "ephemeral-storage"} <= container["resources"][kind].keys(), name


def test_the_end_of_a_containers_log_is_its_reason(containers: Mapping[str, Tree]) -> None:
    for name, container in containers.items():
        assert container["terminationMessagePolicy"] == "FallbackToLogsOnError", name
        assert container["imagePullPolicy"] == "IfNotPresent", name
