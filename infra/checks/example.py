"""A small sound stack, whose changes show what each check says."""

import copy
import functools
from string import Template
from typing import Final, cast

from ruamel.yaml import YAML

from infra.checks.check import Change

Words = dict[str, object]

DIGEST: Final = "sha256:" + "a1" * 32
UID: Final = "3f0c2a9e-8a54-4a39-9d56-0d2f6d2b7c11"

PROMETHEUS: Final[Change] = ("images.prometheus", {"ref": f"quay.io/prometheus/prometheus:v3.5.0@{DIGEST}"})
GATEWAY: Final = {"gateway": {"className": "traefik", "fromNamespaces": ["traefik"]}}

COUNTED: Final[tuple[Change, ...]] = (
    PROMETHEUS,
    ("models.digits.expose", GATEWAY),
    ("monitoring.gateway", {"traefik": {"namespace": "traefik", "service": "metrics", "port": 9100}}),
    ("monitoring.fromNamespaces", ["prometheus-adapter"]),
)
"""What a target for requests per second needs besides."""

_STACK: Final = Template("""
cluster: {context: test, kubeSystemUid: $UID}
images:
  training: {ref: "registry.example.org/train:1@$DIGEST"}
  serving: {ref: "tensorflow/serving:2.20.0@$DIGEST"}
  devicePlugin: {ref: "nvcr.io/nvidia/k8s-device-plugin:v0.20.0@$DIGEST"}
store: {nfs: {server: 10.0.0.1, path: /exports}}
gpu: {mode: exclusive}
tenants: # each quota is exactly what is needed at worst
  train: {quota: {requests: {cpu: 2, memory: 4Gi, gpu: 2}, limits: {cpu: 4, memory: 8Gi}}}
  serve: {quota: {requests: {cpu: 2500m, memory: 5Gi, gpu: 5}, limits: {cpu: 5, memory: 5Gi}, pods: 5}}
trainingJobs:
  digits:
    tenant: train
    version: 3
    gpus: 2
    resources: {cpu: 2, memory: 4Gi, limits: {cpu: 4, memory: 8Gi}}
    args: {epochs: 3}
models:
  digits:
    tenant: serve
    resources: {cpu: 500m, memory: 1Gi, gpu: 1, limits: {cpu: 1, memory: 1Gi}}
    tracks: {stable: {version: 3}}
    autoscaling: {minReplicas: 1, maxReplicas: 3}
""")


def sound_words() -> Words:
    """Words about which no check says anything; the caller's own to change."""
    return copy.deepcopy(_parsed())


def changed_words(words: Words, *changes: Change) -> Words:
    """Puts values at dotted key paths; sections on the way are made."""
    for path, value in changes:
        *parents, last = path.split(".")
        here: Words = words
        for parent in parents:
            here = cast("Words", here.setdefault(parent, {}))
        here[last] = copy.deepcopy(value)
    return words


@functools.cache
def _parsed() -> Words:
    return cast("Words", YAML(typ="safe", pure=True).load(_STACK.substitute(DIGEST=DIGEST, UID=UID)))  # pyright: ignore[reportUnknownMemberType] - untyped parameter of ruamel.yaml
