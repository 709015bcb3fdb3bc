"""A wrong cluster is found out before anything is registered, whatever makes it the wrong one."""

import socket
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from local import paths
from tests.e2e.platform import Platform, words

WRONG = "99999999-1111-4222-8333-444455556666"
SECONDS = 15
"""In which a refusal must be said, the checks and the engine's own start included."""


@pytest.fixture(autouse=True)
def running(platform: Platform) -> None:
    if not paths.OUTPUTS.exists():
        assert platform.up().status == 0


@pytest.fixture
def uid(platform: Platform) -> str:
    return platform.get("/api/v1/namespaces/kube-system")["metadata"]["uid"]


def on(**cluster: str) -> Any:
    """The local stack on the cluster that these words mean."""
    config = words()
    config["tfk8s:cluster"] = {"context": paths.CONTEXT, **cluster}
    return config


def refused(platform: Platform, **cluster: str) -> str:
    """What is said on a stack that must not be touched; nothing may have changed, though a change was asked for."""
    before = state(platform)
    config = on(**cluster)
    config["tfk8s:tenants"]["ml"]["labels"] = {"team": "guard"}
    done = platform.up(config)
    assert done.status != 0
    assert "Traceback" not in done.text
    assert "nothing was changed" in done.text
    assert done.seconds < SECONDS
    assert state(platform) == before
    return done.text


def state(platform: Platform) -> Any:
    """The pods and the version of everything the stack has in the cluster, and what the engine knows."""
    tenant = platform.get("/api/v1/namespaces/ml")["metadata"]
    kinds = (
        "apis/apps/v1/namespaces/ml/deployments",
        "apis/batch/v1/namespaces/ml/jobs",
        "api/v1/namespaces/ml/services",
    )
    objects = [one["metadata"]["uid"] for kind in kinds for one in platform.get(f"/{kind}")["items"]]
    known = (paths.STATE / ".pulumi" / "stacks" / "tfk8s" / "local.json").read_bytes()
    return platform.serving_pods(), tenant["uid"], tenant["labels"], objects, known


def test_another_cluster_is_refused_with_both_uids_and_where_it_looked(platform: Platform, uid: str) -> None:
    said = refused(platform, kubeSystemUid=WRONG)
    for part in (WRONG, uid, "tfk8s:cluster.kubeSystemUid", paths.CONTEXT, str(paths.KUBECONFIG), paths.API_SERVER):
        assert part in said


def test_a_context_that_does_not_exist_is_refused_with_those_that_do(platform: Platform, uid: str) -> None:
    said = refused(platform, kubeSystemUid=uid, context="prod-gpu")
    assert f"has no context 'prod-gpu'; it has {paths.CONTEXT}" in said


def test_a_server_that_does_not_answer_is_refused_in_seconds(platform: Platform, uid: str, tmp_path: Path) -> None:
    yaml: Any = YAML(typ="safe")
    config = yaml.load(paths.KUBECONFIG)
    with socket.socket() as closed:
        closed.bind((paths.LOOPBACK, 0))  # taken, and nobody listens
        server = f"https://{paths.LOOPBACK}:{closed.getsockname()[1]}"
        config["clusters"][0]["cluster"]["server"] = server
        yaml.dump(config, tmp_path / "config")
        said = refused(platform, kubeSystemUid=uid, kubeconfig=str(tmp_path / "config"))
    assert f"({server}) cannot be asked" in said


def test_the_right_cluster_passes(platform: Platform, uid: str) -> None:
    assert platform.up(on(kubeSystemUid=uid)).status == 0  # whatever was tried before
    done = platform.up(on(kubeSystemUid=uid))
    assert done.status == 0, done.text
    assert set(done.stack_changes()) == {"unchanged"}


def test_the_embedded_cluster_is_guarded_by_itself_and_the_committed_file_stays(platform: Platform, uid: str) -> None:
    yaml: Any = YAML(typ="safe")
    guarded, committed = (yaml.load(place / "Pulumi.local.yaml")["config"] for place in (paths.WORK, paths.ROOT))
    assert guarded["tfk8s:cluster"] == {**committed["tfk8s:cluster"], "kubeSystemUid": uid}
    assert "kubeSystemUid" not in committed["tfk8s:cluster"]
