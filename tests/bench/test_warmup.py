"""The first request of a fresh server against the median of its later ones, with warm-up requests and without.

The embedded default's server runs as a process of its own, as in its pod, on a version that `training` exports. Each
request has a connection of its own, as those of many callers have.
"""

import http.client
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from contract.store import WARMUP
from local import paths
from training.data import SIDE

STARTS = 5
LATER = 200
ALLOWED = 3
"""Times the median of warm requests."""

START_SECONDS = 60
MILLISECONDS = 1e3
_HEADER = f"{'':16} {'first request':>40} {'median of warm ones':>20} {'ratio':>6}"

EXPORT = """
import sys, pathlib
from training.model import build, export
from training.data import load
digits = load()
export(build(digits), digits, pathlib.Path(sys.argv[1]))
"""
SERVE = (
    "import sys; from local.images.serving.main import main; sys.exit(main(['tensorflow_model_server', *sys.argv[1:]]))"
)
BODY = json.dumps({"instances": [[[8.0] * SIDE] * SIDE]})


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same version with warm-up requests and without, by that."""
    root = tmp_path_factory.mktemp("models")
    warm, cold = root / "warm" / "1", root / "cold" / "1"
    warm.mkdir(parents=True)
    subprocess.run([sys.executable, "-c", EXPORT, str(warm)], cwd=paths.ROOT, check=True, capture_output=True)
    shutil.copytree(warm, cold)
    (cold / WARMUP).unlink()
    return {"with": warm.parent, "without": cold.parent}


@contextmanager
def serving(models: Path, port: int) -> Generator[None]:
    """A fresh server of one thread, ready."""
    flags = [
        f"--rest_api_port={port}",
        "--model_name=digits",
        f"--model_base_path={models}",
        "--max_num_load_retries=0",
        "--tensorflow_intra_op_parallelism=1",
        "--tensorflow_inter_op_parallelism=1",
    ]
    server = subprocess.Popen(
        [sys.executable, "-c", SERVE, *flags],
        cwd=paths.ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not ready(port):
            assert server.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield
    finally:
        server.kill()
        server.wait()


def ready(port: int) -> bool:
    """What the pod's readiness asks."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/v1/models/digits/versions/1/metadata")
        return connection.getresponse().status == http.client.OK
    except OSError:
        return False
    finally:
        connection.close()


def predict(port: int) -> float:
    """Seconds of one request."""
    started = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", "/v1/models/digits:predict", BODY)
    answer = connection.getresponse()
    assert answer.status == http.client.OK, answer.read()
    answer.read()
    connection.close()
    return time.perf_counter() - started


def measured(models: Path) -> tuple[list[float], float, float]:
    """First requests of several starts in ms, the median of all later ones in ms, and the median of the ratios."""
    firsts, later, ratios = list[float](), list[float](), list[float]()
    for start in range(STARTS):
        port = 18600 + start
        with serving(models, port):
            first, warm = predict(port), [predict(port) for _ in range(LATER)]
        firsts.append(first * MILLISECONDS)
        later += warm
        ratios.append(first / statistics.median(warm))
    return firsts, statistics.median(later) * MILLISECONDS, statistics.median(ratios)


def test_the_first_request_of_a_fresh_server_is_as_fast_as_others(models: dict[str, Path]) -> None:
    found = {which: measured(path) for which, path in models.items()}
    print(f"\n{_HEADER}")
    for which, (firsts, median, ratio) in found.items():
        shown = ", ".join(f"{first:.1f}" for first in sorted(firsts))
        print(f"{which + ' warm-up':16} {shown + ' ms':>40} {f'{median:.2f} ms':>20} {ratio:6.1f}")
    assert found["with"][2] <= ALLOWED
    assert found["without"][2] > found["with"][2]
