"""1 GB of records, trained on the cluster by workers that may have 1 GiB of memory each: one, then two."""

import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from contract import store
from contract.manifest import Manifest
from local import paths
from tests.bench import cgroup
from tests.e2e.platform import Platform, first_process, make, words
from training import records
from training.records import Records

GIB, MB = 2**30, 10**6
MEGABYTES = 1000
SIDE = 128
"""Pixels: records of 16 KiB."""

VERSION = 60
GENERATION_SECONDS = 60
READ_BESIDES = 200 * MB
"""What a training reads beside the train files: Python, TensorFlow, scikit-learn, the validation and test parts."""
REMAINDER = 8 * MB
"""More than a last batch, which is not whole and need not be read."""


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Generator[Platform]:
    assert make("down").status == 0
    yield Platform(tmp_path_factory.mktemp("overrides"))
    assert make("down").status == 0


@pytest.fixture(scope="module")
def data() -> Generator[Records]:
    """Outside the store, where pods' users can read it."""
    directory = Path(tempfile.mkdtemp(prefix="tfk8s-records-", dir="/var/tmp"))
    directory.chmod(0o755)
    started = time.monotonic()
    try:
        written = subprocess.run(
            [sys.executable, "-m", "training.records", directory, f"--megabytes={MEGABYTES}", f"--side={SIDE}"],
            cwd=paths.ROOT,
            check=True,
            capture_output=True,
            text=True,
        )
        seconds = time.monotonic() - started
        print(f"\n{written.stdout.strip()}, generated in {seconds:.1f} s")
        assert seconds < GENERATION_SECONDS
        yield records.load(directory)
    finally:
        shutil.rmtree(directory)


@dataclass
class Watched:
    """What was seen of one worker's container."""

    limit: int = 0
    peak: int = 0
    own: int = 0
    """Largest of the samples."""

    read: int = 0


@dataclass
class Run:
    """A run of some workers."""

    version: int
    workers: int
    watched: list[Watched] = field(default_factory=list[Watched])

    def config(self, data: Records) -> Any:
        config = words()
        config["tfk8s:models"] = {}
        config["tfk8s:dataSets"] = {"generated": {"local": str(data.directory), "size": "2Gi"}}
        config["tfk8s:trainingJobs"]["digits"] |= {
            "version": self.version,
            "workers": self.workers,
            "gpus": 0,
            "dataSet": "generated",
            "dataVersion": data.digest[:12],
            "resources": {"cpu": "500m", "memory": "1Gi", "limits": {"cpu": 2, "memory": "1Gi"}},
            "args": {"data": "/data", "epochs": 1, "batchSize": 256, "checkpointSteps": 100},
        }
        return config

    def watch(self, ended: threading.Event) -> None:
        """Sample every worker's container while it is there."""
        self.watched = [Watched() for _ in range(self.workers)]
        first = [0] * self.workers
        while not ended.wait(0.2):
            for index, watched in enumerate(self.watched):
                indexed = [f"JOB_COMPLETION_INDEX={index}"] if self.workers > 1 else []
                first[index] = first[index] or first_process(f"TFK8S_VERSION={self.version}", *indexed)
                if not first[index]:
                    continue
                try:
                    memory = cgroup.Memory(first[index])
                    watched.limit, watched.peak = memory.limit(), memory.peak()
                    watched.own = max(watched.own, memory.own())
                    watched.read = max(watched.read, cgroup.bytes_read(first[index]))
                except (OSError, ValueError):  # between two processes, or gone
                    continue

    def up(self, platform: Platform, data: Records) -> Manifest:
        ended = threading.Event()
        watcher = threading.Thread(target=self.watch, args=(ended,))
        watcher.start()
        try:
            done = platform.up(self.config(data))
        finally:
            ended.set()
            watcher.join()
        assert done.status == 0, done.text
        version = store.version_dir(paths.STORE, "digits", self.version)
        return store.verify(version, model="digits", version=self.version)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_worker_of_1_gib_streams_1_gb(platform: Platform, data: Records, workers: int) -> None:
    run = Run(VERSION + workers - 1, workers)
    manifest = run.up(platform, data)
    size = sum(file.size for file in data.of("train"))
    examples, seconds = data.examples["train"], manifest.metrics["seconds"]
    accuracy = manifest.metrics["testAccuracy"]
    print(
        f"\n{workers} x 1 GiB: {examples} examples, {size / MB:.0f} MB in {seconds:.1f} s: "
        f"{size / MB / seconds:.0f} MB/s, {examples / seconds:.0f} examples/s, test accuracy {accuracy:.3f}"
    )
    for index, watched in enumerate(run.watched):
        print(
            f"worker {index}: peak {watched.peak / 2**20:.0f} MiB of {watched.limit / 2**20:.0f} with pages of files, "
            f"{watched.own / 2**20:.0f} MiB of its own, {watched.read / MB:.0f} MB read"
        )
        assert watched.limit == GIB
        assert watched.own < GIB
        # Each reads its own files, all of them, and no other's.
        assert size / workers - REMAINDER < watched.read < size / workers + READ_BESIDES
    assert manifest.data_digest == data.digest
    assert accuracy >= 0.95
