import json
import signal
from dataclasses import replace

import httpx
import pytest

from contract.comparison import Comparison, Weights
from contract.manifest import Manifest
from contract.run import RunDefinition
from infra.kubeconfig import Access, ClusterError
from ops import cli, reproduce
from ops.monitor import Tree
from ops.reproducing import waiting
from ops.reproducing.api import ApiServer
from ops.reproducing.objects import Objects, Run
from tests.unit.ops.fake_cluster import ACCESS, FakeCluster, Life, at_once, complete, failed, pod

NEW, OLD = "train@sha256:new", "train@sha256:old"
PUBLISHED = Manifest(
    model="digits",
    version=7,
    definition=RunDefinition(args={"epochs": 3}),
    metrics={"testAccuracy": 0.98, "seconds": 10.0},
    image=OLD,
    data_digest="a" * 64,
    tensorflow_version="2.20.0",
    created="2026-01-31T12:00:00Z",
    files=(),
)
SAME = Comparison(published=PUBLISHED, again=PUBLISHED, weights=Weights(count=100, differing=0, largest=0.0))
RUNNING: Tree = {"pods": [pod(running={})]}


def job(name: str, image: str) -> Objects:
    tree: Tree = {
        "kind": "Job",
        "metadata": {"name": name, "namespace": "ml"},
        "spec": {"parallelism": 1, "template": {"spec": {"containers": [{"image": image}]}}},
    }
    service: Tree = {"kind": "Service", "metadata": {"name": f"{name}-workers", "namespace": "ml"}}
    return Objects(job=tree, others=(service,) if name.endswith("reproduce") else ())


def manifest_line(manifest: Manifest) -> str:
    document = json.loads(manifest.text())
    return json.dumps({**document, "files": [{"path": "saved_model.pb", "size": 1, "sha256": "0" * 64}]})


def comparison_line(comparison: Comparison) -> str:
    document = json.loads(comparison.line())
    for key in ("published", "again"):
        document[key] = json.loads(manifest_line(getattr(comparison, key)))
    return json.dumps(document)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    """One that has served version 7 with the stack's newer image, and reproduces it well."""
    served: Tree = {
        "kind": "Deployment",
        "metadata": {"name": "digits-v7"},
        "spec": {"template": {"spec": {"initContainers": [{"image": NEW}]}}},
    }
    fake = FakeCluster(
        lives={
            "digits-v7-manifest": Life([RUNNING, complete()], manifest_line(PUBLISHED)),
            "digits-v7-reproduce": Life([RUNNING, complete()], f"epoch 1/3\n{comparison_line(SAME)}"),
        },
        objects={"/apis/apps/v1/namespaces/ml/deployments/digits-v7": served},
    )
    monkeypatch.setattr(waiting.time, "sleep", at_once)
    monkeypatch.setattr(httpx, "Client", fake.client)

    def way(_settings: object) -> Access:
        return ACCESS

    def server(access: Access) -> ApiServer:
        return ApiServer(access, fake.enter)

    def first(run: Run, image: str) -> Objects:
        return job(f"{run.name}-manifest", image)

    def second(run: Run, _published: Manifest, image: str, _tolerance: float) -> Objects:
        return job(f"{run.name}-reproduce", image)

    # What the Jobs are is tested apart; a recording of the program for each of these tests would take its time.
    for name, value in {"_access": way, "ApiServer": server, "reader": first, "second_training": second}.items():
        monkeypatch.setattr(reproduce, name, value)
    return fake


def images(cluster: FakeCluster) -> list[tuple[str, str]]:
    jobs = [one for one in cluster.made if one["kind"] == "Job"]
    return [(one["metadata"]["name"], one["spec"]["template"]["spec"]["containers"][0]["image"]) for one in jobs]


def left(cluster: FakeCluster) -> list[str]:
    return [path for path in cluster.objects if "deployments" not in path]


ARGUMENTS = ["reproduce", "local", "digits", "7"]


def test_the_same_ends_with_0_and_leaves_nothing(cluster: FakeCluster, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(ARGUMENTS) == 0
    shown = capsys.readouterr()
    assert images(cluster) == [("digits-v7-manifest", NEW), ("digits-v7-reproduce", OLD)]
    assert shown.out.splitlines()[-1] == (
        "digits version 7: identical: all 100 weights have the same bits, and every metric is the same"
    )
    assert "epoch 1/3" in shown.err
    assert left(cluster) == []


def test_what_the_workers_share_belongs_to_the_job(cluster: FakeCluster) -> None:
    cli.main(ARGUMENTS)
    [service] = [one for one in cluster.made if one["kind"] == "Service"]
    [owner] = service["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"]) == ("Job", "digits-v7-reproduce")


def test_a_difference_ends_with_1(cluster: FakeCluster, capsys: pytest.CaptureFixture[str]) -> None:
    other = replace(SAME, again=replace(PUBLISHED, metrics={"testAccuracy": 0.9, "seconds": 99.0}))
    cluster.lives["digits-v7-reproduce"].log = comparison_line(other)
    assert cli.main(ARGUMENTS) == 1
    out = capsys.readouterr().out
    assert "different: testAccuracy was 0.98 and is 0.9" in out
    assert "-0.08" in out
    assert "+89, not judged" in out


def test_machines_get_the_line_itself(cluster: FakeCluster, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*ARGUMENTS, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["verdict"] == "identical"


def test_where_the_manifest_s_image_is_gone_the_stack_s_is_taken_and_said(
    cluster: FakeCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    gone: Tree = {"pods": [pod(waiting={"reason": "ErrImagePull", "message": "not found"})]}
    cluster.lives[f"digits-v7-reproduce {OLD}"] = Life([gone])
    assert cli.main(ARGUMENTS) == 0
    assert images(cluster)[1:] == [("digits-v7-reproduce", OLD), ("digits-v7-reproduce", NEW)]
    assert f"trained in the image that the stack runs now instead: {NEW}" in capsys.readouterr().err


def test_an_image_of_one_s_own_is_the_only_one_that_is_tried(cluster: FakeCluster) -> None:
    gone: Tree = {"pods": [pod(waiting={"reason": "ErrImagePull", "message": "not found"})]}
    cluster.lives["digits-v7-reproduce mine:1"] = Life([gone])
    assert cli.main([*ARGUMENTS, "--image", "mine:1"]) == 1
    assert images(cluster) == [("digits-v7-manifest", "mine:1"), ("digits-v7-reproduce", "mine:1")]
    assert left(cluster) == []


def test_without_a_known_image_one_is_asked_for(cluster: FakeCluster, capsys: pytest.CaptureFixture[str]) -> None:
    cluster.objects.clear()
    assert cli.main(ARGUMENTS) == 1
    assert "no training image is known" in capsys.readouterr().err
    assert cluster.made == []


def test_the_newest_run_s_image_is_taken_where_nothing_is_served(cluster: FakeCluster) -> None:
    cluster.objects.clear()
    for name, image, created in (("digits-v6", "train:6", "2026-01"), ("digits-v5", "train:5", "2025-12")):
        tree = job(name, image).job
        tree["metadata"]["creationTimestamp"] = created
        cluster.objects[f"/apis/batch/v1/namespaces/ml/jobs/{name}"] = tree
    cluster.refused["Job"] = (403, "no more")
    cli.main(ARGUMENTS)
    assert images(cluster) == [("digits-v7-manifest", "train:6")]


MISSING = failed("x", pod(terminated={"exitCode": 5, "message": "error: digits version 7: it does not exist"}))


@pytest.mark.parametrize(
    ("lives", "refused", "said"),
    [
        ({"digits-v7-manifest": Life([MISSING])}, {}, "error: digits version 7: it does not exist (exit code 5)\n"),
        ({"digits-v7-manifest": Life([complete()], "{}")}, {}, "what digits-v7-manifest printed is no manifest: "),
        ({"digits-v7-reproduce": Life([complete()], "done")}, {}, "digits-v7-reproduce printed last is no comparison"),
        ({}, {"Job": (409, "exists")}, "is in ml already: it is being reproduced"),
        ({}, {"Job": (403, "may not")}, "the cluster refused it: may not"),
        ({}, {"Service": (403, "may not")}, "the cluster refused it: may not"),
    ],
)
def test_whatever_goes_wrong_is_one_error_and_leaves_nothing(
    cluster: FakeCluster,
    capsys: pytest.CaptureFixture[str],
    lives: dict[str, Life],
    refused: dict[str, tuple[int, str]],
    said: str,
) -> None:
    cluster.lives |= lives
    cluster.refused = refused
    assert cli.main(ARGUMENTS) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert said in shown.err
    assert left(cluster) == []


def test_whoever_is_stopped_leaves_nothing(cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = iter(range(3))

    def stop(_seconds: float) -> None:
        if next(looked, None) is None:
            signal.raise_signal(signal.SIGTERM)

    cluster.lives["digits-v7-reproduce"].steps = [RUNNING]
    monkeypatch.setattr(waiting.time, "sleep", stop)
    assert cli.main(ARGUMENTS) == 130
    assert cluster.deleted == ["digits-v7-manifest", "digits-v7-reproduce"]
    assert left(cluster) == []


def test_a_model_that_the_stack_does_not_train_is_refused_with_those_it_does(
    cluster: FakeCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["reproduce", "local", "letters", "7"]) == 1
    assert capsys.readouterr().err == "error: the stack local has no training job 'letters'; it has digits\n"
    assert cluster.log_ins == 0


@pytest.mark.parametrize("arguments", [["0"], ["-1"], ["x"], ["7", "--tolerance", "-1"], ["7", "--tolerance", "nan"]])
def test_numbers_that_are_none_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["reproduce", "local", "digits", *arguments]) == 2
    assert "error: " in capsys.readouterr().err


def test_another_cluster_is_refused_before_it_is_asked_for_anything(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def wrong(_settings: object) -> None:
        raise ClusterError("kubeSystemUid", "wrong cluster", "go elsewhere")

    monkeypatch.setattr(reproduce, "guarded_kubeconfig", wrong)
    assert cli.main(ARGUMENTS) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: nothing was changed, because the cluster is not certain\n")
    assert "wrong cluster\n" in said
