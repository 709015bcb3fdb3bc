from tests.unit.recorder import Recorder, Resource, committed_platform, record_changed, sound_platform

CSI = {
    "csi": {
        "driver": "efs.csi.aws.com",
        "volumeHandles": {"train": "fs-1::a", "serve": "fs-1::b"},
        "volumeAttributes": {"path": "/models"},
    }
}


def pair(platform: Recorder, tenant: str) -> tuple[Resource, Resource]:
    volume = platform.one("core/v1:PersistentVolume", f"{tenant}-models-volume")
    return volume, platform.one("core/v1:PersistentVolumeClaim", f"{tenant}-models-claim")


def test_each_tenant_has_a_volume_over_the_same_nfs_path() -> None:
    for tenant in ("train", "serve"):
        volume, _ = pair(sound_platform(), tenant)
        assert volume.inputs["spec"]["nfs"] == {"server": "10.0.0.1", "path": "/exports"}


def test_each_tenant_has_a_csi_handle_of_its_own() -> None:
    platform = record_changed(("store", CSI))
    sources = [pair(platform, tenant)[0].inputs["spec"]["csi"] for tenant in ("train", "serve")]
    assert [source["volumeHandle"] for source in sources] == ["fs-1::a", "fs-1::b"]
    assert all(source["driver"] == "efs.csi.aws.com" for source in sources)
    assert all(source["volumeAttributes"] == {"path": "/models"} for source in sources)


def test_a_local_store_is_a_directory_that_must_exist_on_the_node() -> None:
    volume, _ = pair(committed_platform("local"), "ml")
    assert volume.inputs["spec"]["hostPath"] == {"path": "/var/lib/tfk8s/models", "type": "Directory"}


def test_volume_and_claim_belong_to_each_other_and_to_nobody_else() -> None:
    volume, claim = pair(sound_platform(), "serve")
    reference = volume.inputs["spec"]["claimRef"]
    assert (reference["namespace"], reference["name"]) == ("serve", claim.object_name)
    [(key, value)] = claim.inputs["spec"]["selector"]["matchLabels"].items()
    assert volume.inputs["metadata"]["labels"][key] == value
    other, _ = pair(sound_platform(), "train")
    assert other.inputs["metadata"]["labels"][key] != value
    assert volume.object_name != other.object_name


def test_no_storage_class_makes_a_volume_of_its_own() -> None:
    for one in pair(sound_platform(), "serve"):
        assert one.inputs["spec"]["storageClassName"] == ""


def test_many_nodes_may_mount_the_store_and_its_data_outlives_the_stack() -> None:
    volume, claim = pair(sound_platform(), "serve")
    assert volume.inputs["spec"]["accessModes"] == claim.inputs["spec"]["accessModes"] == ["ReadWriteMany"]
    assert volume.inputs["spec"]["persistentVolumeReclaimPolicy"] == "Retain"


def test_both_state_the_stores_size() -> None:
    volume, claim = pair(committed_platform("prod"), "ml-serving")
    assert volume.inputs["spec"]["capacity"] == {"storage": "500Gi"}
    assert claim.inputs["spec"]["resources"]["requests"] == {"storage": "500Gi"}


def test_the_claim_is_made_after_its_volume() -> None:
    volume, claim = pair(sound_platform(), "serve")
    assert sound_platform().waits_for(claim, volume)


def test_a_moved_store_is_a_new_pair_and_the_same_logical_resources() -> None:
    moved = record_changed(("store.nfs.path", "/exports2"))
    for before, after in zip(pair(sound_platform(), "serve"), pair(moved, "serve"), strict=True):
        assert before.urn == after.urn
        assert before.object_name != after.object_name


def test_a_grown_store_is_a_new_pair_since_static_claims_cannot_grow() -> None:
    grown = record_changed(("store.size", "200Gi"))
    assert pair(grown, "serve")[1].object_name != pair(sound_platform(), "serve")[1].object_name


def test_another_tenants_handle_changes_nothing_for_this_one() -> None:
    before = record_changed(("store", CSI))
    after = record_changed(("store", CSI), ("store.csi.volumeHandles.train", "fs-2::c"))
    assert pair(before, "serve")[1].object_name == pair(after, "serve")[1].object_name
    assert pair(before, "train")[1].object_name != pair(after, "train")[1].object_name


def test_the_pods_of_a_tenant_mount_its_claim() -> None:
    platform = sound_platform()
    _, claim = pair(platform, "train")
    volumes = platform.one("batch/v1:Job", "digits-v3").inputs["spec"]["template"]["spec"]["volumes"]
    claims = [volume["persistentVolumeClaim"] for volume in volumes if "persistentVolumeClaim" in volume]
    assert claims == [{"claimName": claim.object_name}]
