"""What is declared once happens once: no change without words, no training without a new number."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from contract.store import version_dir, versions
from local import paths
from tests.e2e.platform import Platform, changed_training_code, until, words


@pytest.fixture(autouse=True)
def running(platform: Platform) -> None:
    if not paths.OUTPUTS.exists():
        assert platform.up().status == 0


def predict_url() -> str:
    return json.loads(paths.OUTPUTS.read_text())["models"]["digits"]["predict_url"]


def load_for(seconds: float) -> None:
    """Requests from this machine to its loopback, one after the other, until the time is over."""
    deadline = time.monotonic() + seconds
    with httpx.Client(timeout=30) as client:
        while time.monotonic() < deadline:
            client.post(predict_url(), json={"instances": [[[0.0] * 8] * 8] * 64}).raise_for_status()


def test_up_again_changes_nothing(platform: Platform) -> None:
    pods = platform.serving_pods()
    done = platform.up()
    assert done.status == 0
    assert set(done.stack_changes()) == {"unchanged"}
    assert platform.serving_pods() == pods


def test_up_after_the_autoscaler_moved_changes_nothing(platform: Platform) -> None:
    with ThreadPoolExecutor(max_workers=2) as pool:
        clients = [pool.submit(load_for, 75) for _ in range(2)]
        until("the autoscaler adds a replica", 120, lambda: platform.replicas() > 1)
        for client in clients:
            client.result()
    replicas, pods = platform.replicas(), platform.serving_pods()
    done = platform.up()
    assert set(done.stack_changes()) == {"unchanged"}
    assert platform.replicas() == replicas
    assert platform.serving_pods() == pods


def bumped(version: int) -> Any:
    config = words()
    config["tfk8s:trainingJobs"]["digits"]["version"] = version
    config["tfk8s:models"]["digits"]["tracks"]["stable"]["version"] = version
    return config


def manifest(version: int) -> str:
    return (version_dir(paths.STORE, "digits", version) / "manifest.json").read_text()


def served() -> list[str]:
    status = httpx.get(predict_url().removesuffix(":predict")).json()["model_version_status"]
    return [one["version"] for one in status if one["state"] == "AVAILABLE"]


def test_a_new_version_is_trained_and_served_and_the_way_back_trains_nothing(platform: Platform) -> None:
    first = manifest(1)
    assert platform.up(bumped(2)).status == 0
    assert versions(paths.STORE, "digits") == [1, 2]
    assert served() == ["2"]

    second = manifest(2)
    with changed_training_code():
        back = platform.up(bumped(1))
        assert back.status == 0, back.text
        assert "nothing to train" in platform.log("digits-v1")
    assert served() == ["1"]
    assert (manifest(1), manifest(2)) == (first, second)


def test_a_changed_definition_under_a_used_number_is_refused_with_both_named(platform: Platform) -> None:
    assert platform.up().status == 0
    config = words()
    config["tfk8s:trainingJobs"]["digits"]["args"]["epochs"] = 13
    pods = platform.serving_pods()
    with changed_training_code():
        done = platform.up(config)
    assert done.status != 0
    assert "epochs" in done.text
    assert "12" in done.text
    assert "13" in done.text
    assert "Traceback" not in done.text
    assert platform.serving_pods() == pods, "the changed code would have rolled them"
    assert set(platform.up().stack_changes()) == {"unchanged"}
