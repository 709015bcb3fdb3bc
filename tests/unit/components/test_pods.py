from collections.abc import Iterator

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


def platforms() -> Iterator[Recorder]:
    yield from map(committed_platform, ("local", "dev", "prod"))
    yield sound_platform()
    yield record_changed(("models.digits.tracks.stable.fetch", FETCH))
    yield record_changed(("tenants.train.tensorboard", {}), ("tenants.train.quota", ROOMY))
    yield record_changed(("tenants.train.quota", ROOMY), ("trainingJobs.digits.workers", 2))
    yield record_changed(("tenants.train.quota", ROOMY), ("sweeps.rates", SWEEP))


def tenants_pods() -> list[tuple[str, Tree]]:
    """Every pod outside the device plugin's own namespace."""
    return [
        (f"{one.name} {index}", spec)
        for index, platform in enumerate(platforms())
        for one, spec in sorted(platform.pods(), key=lambda pod: pod[0].urn)  # the order of registration varies
        if one.inputs["metadata"]["namespace"] != "nvidia-device-plugin"
    ]


PODS = tenants_pods()
CONTAINERS = [
    (f"{name} {container['name']}", container)
    for name, spec in PODS
    for container in [*spec["containers"], *spec.get("initContainers", [])]
]
each_pod = pytest.mark.parametrize("spec", [spec for _, spec in PODS], ids=[name for name, _ in PODS])
each_container = pytest.mark.parametrize(
    "container", [one for _, one in CONTAINERS], ids=[name for name, _ in CONTAINERS]
)


@each_pod
def test_a_pod_meets_pod_security_restricted(spec: Tree) -> None:
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for word in ("hostNetwork", "hostPID", "hostIPC"):
        assert word not in spec
    for volume in spec["volumes"]:
        assert len(ALLOWED_VOLUMES & volume.keys()) == 1, volume


@each_pod
def test_a_pod_is_nobody_on_the_node_and_owns_what_it_writes(spec: Tree) -> None:
    context = spec["securityContext"]
    assert context["runAsUser"] == context["runAsGroup"] == context["fsGroup"] == 10001
    assert context["fsGroupChangePolicy"] == "OnRootMismatch", "a large store is not walked at every start"


@each_pod
def test_a_pod_knows_no_token_and_no_other_service(spec: Tree) -> None:
    assert spec["serviceAccountName"] == "workload"
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False


@each_pod
def test_node_disk_and_memory_that_a_pod_may_fill_are_bounded(spec: Tree) -> None:
    for volume in spec["volumes"]:
        if "emptyDir" in volume:
            assert volume["emptyDir"]["sizeLimit"], volume["name"]


@each_container
def test_a_container_can_gain_nothing_and_writes_to_volumes_only(container: Tree) -> None:
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "runAsUser": 10001,
        "runAsGroup": 10001,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


@each_container
def test_a_container_has_one_temporary_place_and_its_home_is_there(container: Tree) -> None:
    assert {"name": "temp", "mountPath": "/tmp"} in container["volumeMounts"]
    variables = {variable["name"]: variable["value"] for variable in container["env"]}
    assert variables["HOME"] == variables["TMPDIR"] == "/tmp"


@each_container
def test_a_container_states_requests_and_limits_of_everything(container: Tree) -> None:
    for kind in ("requests", "limits"):
        assert {"cpu", "memory", "ephemeral-storage"} <= container["resources"][kind].keys()


@each_container
def test_the_end_of_a_containers_log_is_its_reason(container: Tree) -> None:
    assert container["terminationMessagePolicy"] == "FallbackToLogsOnError"
    assert container["imagePullPolicy"] == "IfNotPresent"
