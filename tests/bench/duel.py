"""Two versions of a digit classifier behind the serving stand-in, each a process of its own, under a steady load."""

import multiprocessing
import random
import tempfile
import threading
import time
import zlib
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray

from local.images.serving.config import ModelConfig, MonitoringConfig
from local.images.serving.httpd import RestServer
from local.images.serving.metrics import Metrics
from local.images.serving.rest import RestApi
from local.images.serving.signature import Array, Signature, TensorInfo
from local.images.serving.status import ServingError
from local.images.serving.versions import LoadPolicy, Versions
from training.data import load

LATENCY_SECONDS = 0.003
"""Median of a healthy version's, lognormal with a deviation of 0.3."""

WORKERS = 10
PATIENCE_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True)
class Faults:
    """What is wrong with a version."""

    errors: float = 0.0
    """Share of requests."""

    times_slower: float = 1.0
    wrong: float = 0.0
    """Share of digits that it gets wrong beside the usual ones: always the same."""


class Classifier:
    """Reads digits as well as the served network does, and is made faulty."""

    signatures: Mapping[str, Signature] = {
        "serving_default": Signature(
            inputs={"pixels": TensorInfo(dtype="DT_FLOAT", shape=(-1, 8, 8))}, method_name="tensorflow/serving/predict"
        )
    }

    def __init__(self, faults: Faults) -> None:
        train = load().train  # scikit-learn ships no type information
        self._svm: Any = import_module("sklearn.svm").SVC(kernel="poly", degree=3)
        self._svm.fit(train.images.reshape(-1, 64), train.labels)
        self._faults = faults

    def run(self, signature_name: str, inputs: Mapping[str, Array]) -> dict[str, Array]:
        pixels: NDArray[np.float32] = np.asarray(inputs["pixels"])
        time.sleep(LATENCY_SECONDS * self._faults.times_slower * random.lognormvariate(0, 0.3))
        if random.random() < self._faults.errors:
            raise ServingError("INTERNAL", "made to fail")
        digits: NDArray[np.int64] = self._svm.predict(pixels.reshape(-1, 64))
        # A hash of the picture chooses: every time the same ones.
        chosen = np.array([zlib.crc32(image.tobytes()) % 1000 < 1000 * self._faults.wrong for image in pixels])
        return {"probabilities": np.eye(10, dtype=np.float32)[(digits + chosen) % 10]}

    def signature_def_json(self) -> str:
        return '{"signature_def": {}}'


def _serve(version: int, faults: Faults, ready: Connection) -> None:
    classifier, metrics = Classifier(faults), Metrics()
    with tempfile.TemporaryDirectory() as base:
        (Path(base) / str(version)).mkdir()
        versions = Versions(
            [ModelConfig(name="digits", base_path=base, latest=0, version_labels={})],
            lambda _: classifier,
            LoadPolicy(max_num_load_retries=0, interval_seconds=0),
            early_labels=False,
        )
        versions.reconcile()
        monitoring = MonitoringConfig(enable=True)
        with RestServer(("127.0.0.1", 0), RestApi(versions, metrics), metrics, monitoring, 16) as server:
            ready.send(server.server_address[1])
            server.serve_forever()


@contextmanager
def served(version: int, faults: Faults) -> Generator[str]:
    """A version's server; its address."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(version, faults, theirs), daemon=True)
    process.start()
    try:
        assert ours.poll(60), "the server did not start within a minute"
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.kill()
        process.join()


@contextmanager
def load_on(incoming: str, stable: str, *, per_second: float, weight: float) -> Generator[None]:
    """Callers that send digits to both at a steady rate, as a weighted route would, while the block runs."""
    images = [image.tolist() for image in load().validation.images]
    ended = threading.Event()

    def call(seed: int) -> None:
        draw, due = random.Random(seed), time.monotonic()
        with httpx.Client(timeout=PATIENCE_SECONDS) as client:
            while not ended.is_set():
                url = incoming if draw.random() < weight else stable
                client.post(f"{url}/v1/models/digits:predict", json={"instances": [draw.choice(images)]})
                due += draw.expovariate(per_second / WORKERS)
                ended.wait(max(0.0, due - time.monotonic()))

    workers = [threading.Thread(target=call, args=(seed,), daemon=True) for seed in range(WORKERS)]
    for worker in workers:
        worker.start()
    try:
        yield
    finally:
        ended.set()
        for worker in workers:
            worker.join()
