import json
from dataclasses import replace
from typing import Any

import pytest

from contract.manifest import FileEntry, Manifest
from contract.run import RunDefinition, RunEnvironment
from ops.monitor import Tree
from ops.problem import CommandError
from ops.reproducing.objects import Objects, Run, reader, second_training
from tests.unit.words import changed

IMAGE = "registry.example.org/train@sha256:" + "9" * 64
RUN = Run(
    stack="test",
    words=changed(("tenants.train.queue", "team"), ("trainingJobs.digits.args", {"epochs": 9})),
    model="digits",
    version=7,
)
"""The sound stack trains version 3 with other arguments, and one worker with two GPUs."""

PUBLISHED = Manifest(
    model="digits",
    version=7,
    definition=RunDefinition(args={"epochs": 4, "deterministic": True}, seed=5, data_version="1", workers=2, gpus=1),
    metrics={},
    image=IMAGE,
    data_digest="a" * 64,
    tensorflow_version="2.20.0",
    created="2026-01-31T12:00:00Z",
    files=(FileEntry(path="variables/variables.index", size=2**30, sha256="1" * 64),),
)


@pytest.fixture(scope="module")
def gang() -> Objects:
    """A second training by two workers, in a tenant whose quota it fills; a model in it takes no part."""
    words = changed(
        ("tenants.train.queue", "team"),
        ("trainingJobs.digits.resources", {"cpu": 1, "memory": "2Gi"}),
        ("models.digits.tenant", "train"),
    )
    return second_training(replace(RUN, words=words), PUBLISHED, IMAGE, 0.02)


@pytest.fixture(scope="module")
def reading() -> Objects:
    return reader(RUN, IMAGE)


def pod(objects: Objects) -> Tree:
    return objects.job["spec"]["template"]["spec"]


def environment(objects: Objects) -> dict[str, str]:
    return {one["name"]: one["value"] for one in pod(objects)["containers"][0]["env"]}


def test_it_trains_the_manifest_s_definition_whatever_the_stack_says_now(gang: Objects) -> None:
    run = RunEnvironment.from_env({**environment(gang), "JOB_COMPLETION_INDEX": "0"})
    assert (run.model, run.version, run.definition) == ("digits", 7, PUBLISHED.definition)
    assert gang.job["spec"]["completions"] == 2
    assert pod(gang)["containers"][0]["resources"]["requests"]["nvidia.com/gpu"] == "1"


def test_it_runs_the_image_it_is_told_and_says_so_in_the_second_manifest(gang: Objects) -> None:
    [container] = pod(gang)["containers"]
    assert container["image"] == environment(gang)["TFK8S_IMAGE"] == IMAGE
    assert container["command"] == ["python3", "-m", "training.reproduce", "--tolerance", "0.02"]


@pytest.mark.parametrize("which", ["gang", "reading"])
def test_the_store_can_only_be_read(which: str, request: pytest.FixtureRequest) -> None:
    spec = pod(request.getfixturevalue(which))
    [mount] = [one for one in spec["containers"][0]["volumeMounts"] if one["name"] == "store"]
    [volume] = [one for one in spec["volumes"] if one["name"] == "store"]
    assert mount["readOnly"] is True
    assert volume["persistentVolumeClaim"]["readOnly"] is True


def test_its_workers_find_each_other_and_nobody_else(gang: Objects) -> None:
    service, policy = sorted(gang.others, key=lambda one: one["kind"], reverse=True)
    labels = gang.job["spec"]["template"]["metadata"]["labels"]
    selectors: list[dict[str, str]] = [
        service["spec"]["selector"],
        policy["spec"]["podSelector"]["matchLabels"],
        policy["spec"]["ingress"][0]["from"][0]["podSelector"]["matchLabels"],
        policy["spec"]["egress"][0]["to"][0]["podSelector"]["matchLabels"],
    ]
    for selector in selectors:
        assert selector.items() <= labels.items()
        assert selector["app.kubernetes.io/component"] == "reproduction"
    assert service["metadata"]["name"] == pod(gang)["subdomain"] == "digits-v7-reproduce-workers"
    assert environment(gang)["TFK8S_PEERS"] == ",".join(
        f"digits-v7-reproduce-{index}.digits-v7-reproduce-workers.train.svc:2222" for index in (0, 1)
    )


def test_nothing_takes_it_for_the_run_or_for_an_object_of_pulumi_s(gang: Objects, reading: Objects) -> None:
    for tree in (gang.job, *gang.others, reading.job):
        text = json.dumps(tree)
        assert '"app.kubernetes.io/component": "training"' not in text
        assert '"pulumi"' not in text
        assert tree["metadata"]["name"].startswith(("digits-v7-reproduce", "digits-v7-manifest"))


def test_it_is_not_tried_again_and_goes_by_itself(gang: Objects, reading: Objects) -> None:
    for objects in (gang, reading):
        spec: dict[str, Any] = objects.job["spec"]
        assert (spec["backoffLimit"], spec["ttlSecondsAfterFinished"]) == (0, 600)
        assert pod(objects)["restartPolicy"] == "Never"


def test_the_temp_volume_has_room_for_the_second_training(gang: Objects) -> None:
    [temp] = [one for one in pod(gang)["volumes"] if one["name"] == "temp"]
    assert temp["emptyDir"]["sizeLimit"] == "13Gi"  # 12 times the version's 1 GiB, and what every pod has
    resources = pod(gang)["containers"][0]["resources"]
    assert resources["limits"]["ephemeral-storage"] == "14Gi"
    assert resources["requests"]["ephemeral-storage"] == "12352Mi"


def test_the_reader_asks_for_little_and_waits_in_no_queue(gang: Objects, reading: Objects) -> None:
    [container] = pod(reading)["containers"]
    assert container["command"] == ["python3", "-m", "training.published"]
    assert container["resources"]["requests"] == {"cpu": "100m", "ephemeral-storage": "64Mi", "memory": "128Mi"}
    assert not {"livenessProbe", "startupProbe"} & container.keys()
    assert "kueue.x-k8s.io/queue-name" not in reading.job["metadata"]["labels"]
    assert gang.job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "team"


def test_what_the_stack_has_no_room_for_is_refused_with_the_numbers() -> None:
    large = replace(PUBLISHED, definition=RunDefinition(gpus=3))
    with pytest.raises(CommandError) as refused:
        second_training(RUN, large, IMAGE)
    said = str(refused.value)
    assert said.startswith("the stack test cannot run digits version 7 as it was trained (")
    assert "tfk8s:tenants.train.quota.requests.gpu" in said
