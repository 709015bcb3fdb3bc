"""Versions that are trained again beside themselves, on the cluster: what is said, and that nothing is left behind."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from contract import store
from contract.manifest import MANIFEST
from local import paths
from tests.e2e.platform import Platform, until

TRAINED = 1
"""The version that `make up` trains."""

MISSING = 70
EDITED = 71
DAMAGED = 72
OF_TWO = 73
TOO_LARGE = 74


@pytest.fixture(autouse=True)
def running(platform: Platform) -> None:
    if not paths.OUTPUTS.exists():
        assert platform.up().status == 0


def started(version: int, *options: str) -> "subprocess.Popen[str]":
    # A shell without job control starts what runs in the background, such as a whole CI, with SIGINT ignored.
    able_to_hear = ["env", "--default-signal=INT"]
    verb = [Path(sys.executable).parent / "tfk8s", "reproduce", "local", "digits", str(version)]
    return subprocess.Popen(
        [*able_to_hear, *verb, *options],
        cwd=paths.ROOT,
        env={**os.environ, "KUBECONFIG": str(paths.KUBECONFIG)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def reproduced(version: int, *options: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error."""
    process = started(version, *options)
    out, err = process.communicate(timeout=120)
    print(out, err, sep="\n")
    return process.returncode, out, err


def copied(version: int, changes: Mapping[str, Any]) -> Path:
    """Version 1 under another number, with other values at dotted paths of its manifest."""
    directory = store.version_dir(paths.STORE, "digits", version)
    shutil.copytree(store.version_dir(paths.STORE, "digits", TRAINED), directory)
    file = directory / MANIFEST
    manifest = json.loads(file.read_text())
    for path, value in {"version": version, **changes}.items():
        *parents, last = path.split(".")
        here = manifest
        for parent in parents:
            here = here[parent]
        here[last] = value
    file.write_text(json.dumps(manifest))
    return directory


def everything_in_the_store() -> dict[str, tuple[int, bytes]]:
    """When each file was written, and what is in it; progress files of runs included."""
    files = sorted(paths.STORE.rglob("*"))
    return {str(file): (file.stat().st_mtime_ns, file.read_bytes() if file.is_file() else b"") for file in files}


def left(platform: Platform) -> set[str]:
    """What there is of any reproduction; serving pods come and go as the autoscaler likes."""
    paths_of = [
        "/api/v1/namespaces/ml/pods",
        "/api/v1/namespaces/ml/services",
        "/apis/batch/v1/namespaces/ml/jobs",
        "/apis/networking.k8s.io/v1/namespaces/ml/networkpolicies",
    ]
    selector = "app.kubernetes.io/component=reproduction"
    return {one["metadata"]["name"] for path in paths_of for one in platform.get(path, labelSelector=selector)["items"]}


def test_a_version_is_trained_again_bit_for_bit_and_nothing_is_left_or_changed(platform: Platform) -> None:
    stored = everything_in_the_store()
    code, out, err = reproduced(TRAINED)
    assert code == 0
    assert out.splitlines()[-1] == (
        "digits version 1: identical: all 151,306 weights have the same bits, and every metric is the same"
    )
    assert "epoch 12/12" in err
    assert everything_in_the_store() == stored
    assert left(platform) == set()


def test_edited_metrics_are_found_out_also_where_the_image_is_gone(platform: Platform) -> None:
    image = json.loads((store.version_dir(paths.STORE, "digits", TRAINED) / MANIFEST).read_text())["image"]
    gone = f"{image.partition('@')[0]}@sha256:{'f' * 64}"
    copied(EDITED, {"metrics.testAccuracy": 0.5, "image": gone})
    code, out, err = reproduced(EDITED)
    assert code == 1
    assert f"the image {gone} cannot be had" in err
    assert f"trained in the image that the stack runs now instead: {image}" in err
    assert "digits version 71: different: testAccuracy was 0.5 and is 0.9" in out
    assert out.rstrip().endswith("all 151,306 weights have the same bits")
    assert left(platform) == set()


def test_two_workers_train_it_again_and_their_other_sums_are_within_the_tolerance_given(platform: Platform) -> None:
    copied(OF_TWO, {"definition.workers": 2})
    code, out, err = reproduced(OF_TWO, "--tolerance", "0.05", "--json")
    assert code == 0, err
    comparison = json.loads(out)
    assert comparison["verdict"] == "within tolerance"
    assert comparison["weights"]["differing"] > 0
    assert comparison["again"]["definition"]["workers"] == 2
    assert left(platform) == set()


def test_what_cannot_be_trained_again_is_said_on_one_screen(platform: Platform) -> None:
    with (copied(DAMAGED, {}) / "saved_model.pb").open("ab") as file:
        file.write(b"x")
    copied(TOO_LARGE, {"definition.gpus": 9})
    for version, said in {
        MISSING: "digits version 70: /store/digits/70 does not exist: the versions of digits are 1, ",
        DAMAGED: "/store/digits/72 is not what its manifest says: saved_model.pb has ",
        TOO_LARGE: "the stack local cannot run digits version 74 as it was trained",
    }.items():
        code, out, err = reproduced(version)
        assert (code, out) == (1, "")
        assert said in err
        assert "Traceback" not in err
        assert len(err.splitlines()) <= 24
    assert left(platform) == set()


def test_whoever_stops_it_leaves_nothing_behind(platform: Platform) -> None:
    process = started(TRAINED)
    until("the second training", 60, lambda: "digits-v1-reproduce" in left(platform))
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert left(platform) == set()
