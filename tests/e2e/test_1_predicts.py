"""From nothing to a correct prediction, and TensorFlow Serving's REST answers."""

import importlib
import json
import re
from typing import Any

import httpx
import numpy as np
import pytest

from contract.store import version_dir
from local import paths
from tests.e2e.platform import Done, Platform, make
from training.data import load


@pytest.fixture(scope="module")
def up(platform: Platform) -> Done:
    done = platform.up()
    assert done.status == 0, done.text
    return done


@pytest.fixture(scope="module")
def outputs(up: Done) -> Any:
    return json.loads(paths.OUTPUTS.read_text())


@pytest.fixture(scope="module")
def url(outputs: Any) -> str:
    """Of the model, without the verb."""
    return outputs["models"]["digits"]["predict_url"].removesuffix(":predict")


def test_up_ends_with_an_accuracy_a_prediction_and_how_to_stop(up: Done) -> None:
    accuracy = re.search(r"0\.\d{4}", up.text)
    assert accuracy
    assert float(accuracy[0]) >= 0.95
    assert re.search(r"a (\d) read as \1", up.text)
    assert "make down" in up.text


def test_outputs_hold_what_applications_need(outputs: Any) -> None:
    model, training = outputs["models"]["digits"], outputs["training"]["digits"]
    assert outputs["contract_version"] == 1
    assert model["predict_url"].startswith("http://127.0.0.1:")
    assert model["cluster_url"].startswith("http://digits.ml.svc")
    assert (model["version"], training["version"]) == (1, 1)
    assert "@sha256:" in training["image"]
    assert "ml" in outputs["tenants"]


def test_status_shows_cluster_run_and_model(up: Done) -> None:
    status = make("status")
    assert status.status == 0
    for what in ("kube-apiserver", "digits-v1", "Complete"):
        assert what in status.text


def test_kubeconfig_is_for_its_owner_only() -> None:
    assert paths.KUBECONFIG.stat().st_mode & 0o077 == 0


def test_status_of_the_model_and_of_its_version(url: str) -> None:
    for path in (url, f"{url}/versions/1"):
        status = httpx.get(path).json()["model_version_status"]
        assert [(one["version"], one["state"]) for one in status] == [("1", "AVAILABLE")]


def test_metadata_names_the_signature(url: str) -> None:
    answer = httpx.get(f"{url}/metadata").json()
    signature = answer["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert set(signature["inputs"]) == {"pixels"}


def test_answers_equal_the_saved_model_on_every_held_out_digit(url: str) -> None:
    tf: Any = importlib.import_module("tensorflow")  # seconds, only this test needs it, and it has no types
    images = load().test.images
    # The model is kept: its functions hold its variables only weakly.
    model: Any = tf.saved_model.load(str(version_dir(paths.STORE, "digits", 1)))
    expected = model.signatures["serving_default"](pixels=tf.constant(images))["probabilities"].numpy()
    rows = httpx.post(f"{url}:predict", json={"instances": images.tolist()}, timeout=30).json()["predictions"]
    columns = httpx.post(f"{url}:predict", json={"inputs": images.tolist()}, timeout=30).json()["outputs"]
    np.testing.assert_allclose(np.array(rows, np.float32), expected, rtol=1e-5, atol=1e-6)
    assert rows == columns


def test_a_wrong_shape_is_refused_with_a_reason(url: str) -> None:
    answer = httpx.post(f"{url}:predict", json={"instances": [[1.0, 2.0]]})
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_an_unknown_model_is_not_found(url: str) -> None:
    assert httpx.get(url.replace("digits", "nobody")).status_code == 404


def test_pods_are_restricted_and_read_only(platform: Platform, up: Done) -> None:
    pods = platform.pods()
    assert pods
    for pod in pods.values():
        for container in [*pod["spec"]["containers"], *pod["spec"].get("initContainers", [])]:
            security = container["securityContext"]
            assert security["readOnlyRootFilesystem"], container["name"]
            assert not security["allowPrivilegeEscalation"], container["name"]
        assert pod["spec"]["securityContext"]["runAsNonRoot"]
        assert not pod["spec"]["automountServiceAccountToken"]


def test_the_namespace_refuses_a_pod_that_is_not_restricted(platform: Platform, up: Done) -> None:
    container = {"name": "root", "image": paths.PAUSE_IMAGE}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "root"}, "spec": {"containers": [container]}}
    answer = platform.post("/api/v1/namespaces/ml/pods", pod)
    assert answer.status_code == 403
    assert 'violates PodSecurity "restricted' in answer.json()["message"]


def test_the_clusters_merged_schema_is_whole_as_official_clients_need_it(platform: Platform, up: Done) -> None:
    definitions = platform.get("/openapi/v2")["definitions"]
    references = set(re.findall(r'"#/definitions/([^"]+)"', json.dumps(definitions)))
    assert references
    assert not {reference for reference in references if reference.replace("~1", "/") not in definitions}
