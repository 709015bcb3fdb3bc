"""TensorBoard on the cluster: its page through its Service, the curves of the run, and a store that it cannot write."""

import errno
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.reader import read_outputs
from local import paths
from tests.e2e.platform import Platform, first_process, until, words


@pytest.fixture(autouse=True)
def running(platform: Platform) -> None:
    if not paths.OUTPUTS.exists():
        assert platform.up().status == 0


def with_tensorboard() -> Any:
    config = words()
    config["tfk8s:tenants"]["ml"]["tensorboard"] = {}
    return config


def asked(platform: Platform, page: str, **query: str) -> Any:
    """What TensorBoard answers to a caller of its Service."""
    service = platform.get("/api/v1/namespaces/ml/services/tensorboard")["spec"]
    with httpx.Client(base_url=f"http://{service['clusterIP']}:{service['ports'][0]['port']}", trust_env=False) as web:
        answer = web.get(page, params=query)
        answer.raise_for_status()
        return answer.json() if "json" in answer.headers["content-type"] else answer.text


def test_a_tenant_that_asks_for_tensorboard_sees_the_curves_and_cannot_write_the_store(platform: Platform) -> None:
    assert not [pod for pod in platform.pods() if pod.startswith("tensorboard")], "nobody asked for it"
    done = platform.up(with_tensorboard())
    assert done.status == 0, done.text
    assert read_outputs(paths.OUTPUTS.read_text()).tenants["ml"].tensorboard_url == "http://tensorboard.ml.svc:6006"

    assert "<title>TensorBoard</title>" in asked(platform, "/")
    run = "digits/.logs/1"
    until("the run is listed", 30, lambda: run in asked(platform, "/data/runs"))
    tags = asked(platform, "/data/plugin/scalars/tags")[run]
    assert sorted(tags) == ["accuracy/train", "accuracy/validation", "loss/train", "loss/validation"]
    points = asked(platform, "/data/plugin/scalars/scalars", run=run, tag="accuracy/validation")
    assert [step for _, step, _ in points] == list(
        range(1, words()["tfk8s:trainingJobs"]["digits"]["args"]["epochs"] + 1)
    )

    [pod] = [pod for name, pod in platform.pods().items() if name.startswith("tensorboard")]
    assert pod["status"]["containerStatuses"][0]["restartCount"] == 0
    namespace = platform.get("/api/v1/namespaces/ml")["metadata"]["labels"]
    assert namespace["pod-security.kubernetes.io/enforce"] == "restricted"
    # Even this machine's root, by the way of the container's own mounts.
    seen = Path(f"/proc/{first_process('HOSTNAME=' + pod['metadata']['name'])}/root")
    for place in ("store/digits", "etc"):
        assert (seen / place).is_dir()
        with pytest.raises(OSError, match=r".") as refused:
            (seen / place / "written").touch()
        assert refused.value.errno == errno.EROFS

    assert set(platform.up(with_tensorboard()).stack_changes()) == {"unchanged"}


def test_without_the_word_it_is_gone(platform: Platform) -> None:
    assert platform.up().status == 0
    until("its pod is gone", 20, lambda: not [pod for pod in platform.pods() if pod.startswith("tensorboard")])
    assert read_outputs(paths.OUTPUTS.read_text()).tenants["ml"].tensorboard_url is None
