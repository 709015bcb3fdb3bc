"""Data sets: a directory beside the store, mounted read-only into the training that names it."""

import functools

import pytest

from infra.checks import examine
from tests.unit.recorder import Recorder, Tree, record_changed, sound_platform
from tests.unit.words import SWEEP, TODAY, changed, only

SCANS = {"scans": {"nfs": {"server": "10.0.0.2", "path": "/scans"}, "size": "2Ti"}}
NAMED = (("dataSets", SCANS), ("trainingJobs.digits.dataSet", "scans"))
LARGE = (
    "tenants.train.quota",
    {"requests": {"cpu": 9, "memory": "9Ti", "gpu": 9}, "limits": {"cpu": 9, "memory": "9Ti"}},
)


@functools.cache
def with_scans() -> Recorder:
    return record_changed(*NAMED, LARGE, ("sweeps", {"search": SWEEP}))


def pod(job: str) -> Tree:
    return with_scans().one("batch/v1:Job", job).inputs["spec"]["template"]["spec"]


@pytest.mark.parametrize("job", ["digits-v3", "search-sweep"])
def test_a_run_and_the_sweep_of_its_model_mount_it_and_cannot_write(job: str) -> None:
    [container] = pod(job)["containers"]
    [mount] = [mount for mount in container["volumeMounts"] if mount["name"] == "data"]
    assert mount == {"name": "data", "mountPath": "/data", "readOnly": True}
    [volume] = [volume for volume in pod(job)["volumes"] if volume["name"] == "data"]
    claim = with_scans().one("core/v1:PersistentVolumeClaim", "train-data-scans-claim")
    assert volume["persistentVolumeClaim"] == {"claimName": claim.object_name, "readOnly": True}


def test_its_volume_is_the_directory_for_readers_of_that_tenant_only() -> None:
    volume = with_scans().one("core/v1:PersistentVolume", "train-data-scans-volume")
    claim = with_scans().one("core/v1:PersistentVolumeClaim", "train-data-scans-claim")
    assert volume.inputs["spec"]["nfs"] == {"server": "10.0.0.2", "path": "/scans"}
    assert volume.inputs["spec"]["accessModes"] == claim.inputs["spec"]["accessModes"] == ["ReadOnlyMany"]
    assert volume.inputs["spec"]["capacity"] == {"storage": "2Ti"}
    assert volume.inputs["spec"]["claimRef"]["name"] == claim.object_name
    assert [one.name for one in with_scans().all("core/v1:PersistentVolume") if "data" in one.name] == [volume.name]


def test_where_the_data_lie_is_not_part_of_the_definition() -> None:
    named = with_scans().one("batch/v1:Job", "digits-v3").inputs["metadata"]["annotations"]
    assert named == sound_platform().one("batch/v1:Job", "digits-v3").inputs["metadata"]["annotations"]


def test_a_name_that_is_not_declared_is_refused_with_the_nearest_one() -> None:
    finding = only("settings", ("dataSets", SCANS), ("trainingJobs.digits.dataSet", "scan"))
    assert finding.path == "tfk8s:trainingJobs.digits.dataSet"
    assert finding.message == "no data set is called 'scan'; tfk8s:dataSets declares scans"
    assert finding.fix == "did you mean scans?"


def test_it_lies_in_one_place() -> None:
    finding = only("store-kind", *NAMED, ("dataSets.scans.local", "/scans"))
    assert finding.path == "tfk8s:dataSets.scans"
    assert finding.fix == "keep the one where the data lie"


def test_a_csi_volume_needs_a_handle_for_each_tenant_that_trains_on_it_and_no_other() -> None:
    csi = {"scans": {"csi": {"driver": "efs.csi.aws.com", "volumeHandles": {"serve": "fs-1"}}}}
    finding = only("store-handles", ("dataSets", csi), NAMED[1])
    assert finding.path == "tfk8s:dataSets.scans.csi.volumeHandles.train"
    csi["scans"]["csi"]["volumeHandles"] = {"train": "fs-1"}  # pyright: ignore[reportArgumentType] - a tree of words
    assert examine(changed(("dataSets", csi), NAMED[1]), TODAY).findings == ()


def test_a_sweep_may_train_on_other_data_than_its_models_runs() -> None:
    sets = {**SCANS, "small": {"local": "/small"}}
    words = changed(("dataSets", sets), NAMED[1], LARGE, ("sweeps", {"search": {**SWEEP, "dataSet": "small"}}))
    assert examine(words, TODAY).plan.data_sets == {("train", "scans"), ("train", "small")}
