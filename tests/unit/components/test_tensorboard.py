"""TensorBoard of a tenant: there when asked for, reads only, reached by its own."""

import functools

import pytest

from infra.settings.platform import TensorBoardSettings
from tests.unit.recorder import Recorder, Resource, Tree, record_changed, sound_platform
from tests.unit.words import found, only

KEY = "tenants.train.tensorboard"
PLENTY = {"cpu": 99, "memory": "99Gi"}
ROOM = (("tenants.train.quota", {"requests": {**PLENTY, "gpu": 9}, "limits": PLENTY}),)


@functools.cache
def platform() -> Recorder:
    return record_changed((KEY, {}), *ROOM)


def deployment() -> Resource:
    return platform().one("apps/v1:Deployment", "train-tensorboard")


def pod() -> Tree:
    return deployment().inputs["spec"]["template"]["spec"]


def container() -> Tree:
    [one] = pod()["containers"]
    return one


def policy(name: str) -> Tree:
    return platform().one("networking.k8s.io/v1:NetworkPolicy", f"train-tensorboard-{name}").inputs["spec"]


def test_without_being_asked_for_there_is_none() -> None:
    kinds = {one.type for one in sound_platform().resources}
    assert "tfk8s:index:TensorBoard" not in kinds
    assert "tensorboard_url" not in sound_platform().outputs["tenants"]["train"]


def test_only_the_tenant_that_asks_has_one_and_is_told_its_address() -> None:
    assert len(platform().all("tfk8s:index:TensorBoard")) == 1
    tenants = platform().outputs["tenants"]
    assert tenants["train"]["tensorboard_url"] == "http://tensorboard.train.svc:6006"
    assert "tensorboard_url" not in tenants["serve"]


def test_the_service_leads_to_its_pod_and_to_no_other() -> None:
    service = platform().one("core/v1:Service", "train-tensorboard")
    assert (service.object_name, service.inputs["metadata"]["namespace"]) == ("tensorboard", "train")
    selector = service.inputs["spec"]["selector"]
    assert service.inputs["spec"]["type"] == "ClusterIP"
    assert deployment().inputs["spec"]["selector"]["matchLabels"] == selector
    fitting = [
        owner.name
        for owner in platform().objects()
        if "template" in owner.inputs.get("spec", {})
        and selector.items() <= owner.inputs["spec"]["template"]["metadata"]["labels"].items()
    ]
    assert fitting == ["train-tensorboard"]


def test_it_reads_the_whole_store_and_cannot_write_it() -> None:
    assert container()["args"][0] == "--logdir=/store"
    [store] = [mount for mount in container()["volumeMounts"] if mount["name"] == "store"]
    assert store == {"name": "store", "mountPath": "/store", "readOnly": True}
    [volume] = [volume for volume in pod()["volumes"] if volume["name"] == "store"]
    claim = volume["persistentVolumeClaim"]
    assert claim["readOnly"] is True
    assert claim["claimName"] == platform().one("core/v1:PersistentVolumeClaim", "train-models-claim").object_name


def test_it_is_the_training_image_that_runs() -> None:
    job = platform().one("batch/v1:Job", "digits-v3").inputs["spec"]["template"]["spec"]
    assert container()["image"] == job["containers"][0]["image"]
    assert container()["command"] == ["python3", "-m", "tensorboard.main"]


def test_only_the_tenants_own_pods_reach_it() -> None:
    [rule] = policy("callers")["ingress"]
    assert rule == {"from": [{"podSelector": {}}], "ports": [{"port": 6006, "protocol": "TCP"}]}
    [rule] = policy("calls")["egress"]
    assert rule["to"] == [{"podSelector": {"matchLabels": policy("callers")["podSelector"]["matchLabels"]}}]
    for name in ("callers", "calls"):
        one = platform().one("networking.k8s.io/v1:NetworkPolicy", f"train-tensorboard-{name}")
        assert platform().waits_for(deployment(), one)


def test_it_has_time_to_import_tensorflow_before_it_is_judged() -> None:
    startup = container()["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] == 120
    assert deployment().inputs["spec"]["progressDeadlineSeconds"] > 120
    assert container()["readinessProbe"]["httpGet"] == {"path": "/data/environment", "port": 6006}
    assert container()["livenessProbe"]["tcpSocket"] == {"port": 6006}


def test_there_are_never_two_so_the_quota_needs_room_for_one() -> None:
    assert deployment().inputs["spec"]["replicas"] == 1
    assert deployment().inputs["spec"]["strategy"] == {"type": "Recreate"}
    said = {finding.check: finding.message for finding in found((KEY, {}))}
    assert set(said) == {"quota"}
    assert "tenants.train.tensorboard (1 TensorBoard)" in said["quota"]


def test_what_it_takes_can_be_said() -> None:
    words = {"resources": {"cpu": "100m", "memory": "1Gi", "limits": {"cpu": 2, "memory": "3Gi"}}}
    told = record_changed((KEY, words), *ROOM).one("apps/v1:Deployment", "train-tensorboard")
    [one] = told.inputs["spec"]["template"]["spec"]["containers"]
    assert one["resources"]["requests"].items() >= {"cpu": "100m", "memory": "1Gi"}.items()
    assert one["resources"]["limits"].items() >= {"cpu": "2", "memory": "3Gi"}.items()


def test_its_limit_is_held_against_its_request() -> None:
    words = {"resources": {"cpu": 2, "memory": "1Gi", "limits": {"cpu": 1, "memory": "1Gi"}}}
    finding = only("limits", (KEY, words), *ROOM)
    assert finding.path == "tfk8s:tenants.train.tensorboard.resources.limits.cpu"


def test_a_model_of_its_name_in_its_tenant_is_refused() -> None:
    model = "models.tensorboard"
    words = {"tenant": "train", "resources": {"cpu": 1, "memory": "1Gi"}, "tracks": {"stable": {"version": 1}}}
    more = {"autoscaling": {"maxReplicas": 1}, "expose": {"clusterIP": {"fromNamespaces": ["train"]}}}
    said = [
        finding for finding in found((KEY, {}), (model, {**words, **more}), *ROOM) if finding.check == "object-name"
    ]
    assert "Service tensorboard in train" in said[0].message


def test_the_defaults_hold_tensorflow() -> None:
    asked = TensorBoardSettings().resources
    assert (str(asked.cpu), str(asked.memory)) == ("200m", "512Mi")
    assert asked.limits is not None
    assert str(asked.limits.memory) == "1Gi", "it takes 600 MiB"


@pytest.mark.parametrize("word", ["gpu", "replicas"])
def test_it_knows_no_other_words(word: str) -> None:
    assert [finding.check for finding in found((f"{KEY}.resources", {"cpu": 1, "memory": "1Gi", word: 1}))] == [
        "settings"
    ]
