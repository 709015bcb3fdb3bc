"""`tfk8s pin` against a real registry on this machine: digests are the ones the registry itself answers with."""

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

import httpx
import pytest

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
START_SECONDS = 10


class Registry:
    """A registry of one test, and what was pushed to it."""

    def __init__(self, host: str) -> None:
        self.host = host

    def push_empty_image(self, name: str, directory: Path) -> None:
        """An image of no files, copied by skopeo from a directory."""
        write_empty_image(directory)
        command = ["skopeo", "copy", "-q", "--insecure-policy", "--dest-tls-verify=false"]
        subprocess.run([*command, f"dir:{directory}", f"docker://{self.host}/{name}"], check=True)

    def push_index(self, name: str, of: str) -> None:
        """A list of platforms that has none of the machine's own: a digest must be had all the same."""
        repository, _, tag = name.partition(":")
        content = httpx.get(f"http://{self.host}/v2/{repository}/manifests/{of}", headers={"Accept": MANIFEST}).content
        entry = {
            "mediaType": MANIFEST,
            "digest": f"sha256:{hashlib.sha256(content).hexdigest()}",
            "size": len(content),
            "platform": {"os": "linux", "architecture": "s390x"},
        }
        index = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]})
        put = f"http://{self.host}/v2/{repository}/manifests/{tag}"
        httpx.put(put, content=index, headers={"Content-Type": INDEX}).raise_for_status()

    def digest(self, name: str, kind: str) -> str:
        """What the registry says the digest of a tag is."""
        repository, _, tag = name.partition(":")
        answer = httpx.head(f"http://{self.host}/v2/{repository}/manifests/{tag}", headers={"Accept": kind})
        return answer.raise_for_status().headers["Docker-Content-Digest"]


def write_empty_image(directory: Path) -> None:
    directory.mkdir()
    config = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}).encode()
    name = hashlib.sha256(config).hexdigest()
    kind = "application/vnd.oci.image.config.v1+json"
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": kind, "digest": f"sha256:{name}", "size": len(config)},
        "layers": list[object](),
    }
    (directory / name).write_bytes(config)
    (directory / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    (directory / "version").write_text("Directory Transport Version: 1.1\n", encoding="utf-8")


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Generator[Registry]:
    program = shutil.which("docker-registry")
    assert program, "docker-registry is not installed: apt-get install docker-registry"
    directory = tmp_path_factory.mktemp("registry")
    with socket.create_server(("127.0.0.1", 0)) as free:
        host = f"127.0.0.1:{free.getsockname()[1]}"
    settings = {
        "version": 0.1,
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(directory / "data")}},
        "http": {"addr": host},
    }
    config = directory / "config.yml"
    config.write_text(json.dumps(settings), encoding="utf-8")
    process = subprocess.Popen([program, "serve", str(config)])
    try:
        until = time.monotonic() + START_SECONDS
        while not answers(host):
            assert process.poll() is None, "the registry ended at once"
            assert time.monotonic() < until, f"no registry at {host} after {START_SECONDS} s"
            time.sleep(0.05)
        yield Registry(host)
    finally:
        process.terminate()
        process.wait()


def answers(host: str) -> bool:
    try:
        return httpx.get(f"http://{host}/v2/").is_success
    except httpx.TransportError:
        return False


def pin(path: Path, *more: str) -> "subprocess.CompletedProcess[str]":
    command = [str(Path(sys.executable).with_name("tfk8s")), "pin", "prod", "--file", str(path), *more]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=os.environ)


def test_pin_writes_the_digests_the_registry_publishes_and_nothing_else(registry: Registry, tmp_path: Path) -> None:
    registry.push_empty_image("tf/serving:2.20.0", tmp_path / "image")
    registry.push_index("tf/serving:2.20.0-all", of="2.20.0")
    path = tmp_path / "stack.yaml"
    text = (
        "config:\n"
        "  tfk8s:images: # ours\n"
        f"    training: {{build: {{repository: r.example.org/t, base: '{registry.host}/tf/serving:2.20.0-all'}}}}\n"
        f'    serving: {{ref: "{registry.host}/tf/serving:2.20.0"}}   # behind\n'
    )
    path.write_text(text, encoding="utf-8")

    done = pin(path)

    assert (done.returncode, done.stderr) == (0, "")
    every = registry.digest("tf/serving:2.20.0-all", INDEX)
    single = registry.digest("tf/serving:2.20.0", MANIFEST)
    expected = text.replace("2.20.0-all", f"2.20.0-all@{every}").replace('2.20.0"', f'2.20.0@{single}"')
    assert path.read_text(encoding="utf-8") == expected
    assert "nothing to do" in pin(path).stdout
    assert "nothing changed" in pin(path, "--update").stdout


def test_one_unknown_tag_leaves_the_file_alone_and_is_named(registry: Registry, tmp_path: Path) -> None:
    registry.push_empty_image("tf/known:1", tmp_path / "image")
    path = tmp_path / "stack.yaml"
    text = (
        "config:\n  tfk8s:images:\n"
        f"    training: {{ref: {registry.host}/tf/known:1}}\n    serving: {{ref: {registry.host}/tf/known:2}}\n"
    )
    path.write_text(text, encoding="utf-8")

    done = pin(path)

    assert done.returncode == 1
    assert path.read_text(encoding="utf-8") == text
    assert "1 of 2 images could not be resolved; nothing was written" in done.stderr
    assert f"tfk8s:images.serving.ref: {registry.host}/tf/known:2" in done.stderr
    assert "manifest unknown" in done.stderr
    assert "Traceback" not in done.stderr
