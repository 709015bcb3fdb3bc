"""`python -m tests.lint.manifests CHECKOV [KUEUE_CRDS GATEWAY_CRDS]`: judges rendered manifests of stacks, offline.

Strict schemas of three Kubernetes minors, and checkov with the exceptions of `tests.lint.exceptions`. Ways of the
program that no committed stack takes are held against the schemas too. Definitions of Kueue and of the Gateway API are
not in the repository: objects of the shared pool and of gateways are judged where directories with them are named.
"""

import functools
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Final

import kubernetes_validate  # pyright: ignore[reportMissingTypeStubs] - it has annotations, without the marker file

from infra.overrides import stack_file_words
from ops.directory import replace_directory
from ops.manifests import files, manifest, place
from ops.recording import Answers, record
from ops.stackfile import ROOT
from tests.lint.crds import Crds, against_crds, read_crds
from tests.lint.exceptions import KEPT
from tests.unit.canary import exposed, tracks
from tests.unit.words import DIGEST, SWEEP, changed

STACKS: Final = ("local", "dev", "prod")
MINORS: Final = ("1.35", "1.36", "1.37")
"""The newest that kubernetes-validate has; the embedded default runs the first."""

_PLUGIN: Final = f"nvcr.io/nvidia/k8s-device-plugin:v0.20.0@{DIGEST}"
_PASSWORD: Final = {"username": "robot", "password": "s3cret"}
_ROOMY: Final = {
    "requests": {"cpu": 9, "memory": "90Gi", "gpu": 9},
    "limits": {"cpu": 90, "memory": "90Gi"},
}
_HANDLES: Final = {"driver": "efs.csi.aws.com", "volumeHandles": {"train": "fs-1", "serve": "fs-2"}}
_COUNTED: Final = {"traefik": {"namespace": "traefik", "service": "metrics", "port": 9100}}
VARIANTS: Final[Mapping[str, Sequence[tuple[str, object]]]] = {
    "sound": (),
    "mps": (("gpu", {"mode": "mps", "podsPerGpu": 2}), ("trainingJobs.digits.gpus", 1)),
    "mig": (("gpu", {"mode": "mig"}), ("trainingJobs.digits.gpus", 1)),
    "workers": (("trainingJobs.digits.workers", 2), ("tenants.train.quota", _ROOMY)),
    "credentials": (("images.registries", {"nvcr.io": _PASSWORD}),),
    "csi": (("store", {"csi": _HANDLES}),),
    "fetch": (
        ("models.digits.tracks.stable", {"version": 9, "fetch": {"url": "https://x.test/m.tgz", "sha256": "a" * 64}}),
    ),
    "server": (
        ("models.digits.batching", {"maxBatchSize": 32}),
        ("models.digits.grpc", {"fromNamespaces": ["serve", "apps"], "tls": {"secret": "digits-tls"}}),
        ("models.digits.rollout", {"maxSurge": 0, "maxUnavailable": 1}),
    ),
    "sweep": (
        ("sweeps.rates", {**SWEEP, "gpus": 1, "nodeSelector": {"pool": "a100"}}),
        ("tenants.train.quota", _ROOMY),
    ),
    "tensorboard": (("tenants.train.tensorboard", {}), ("tenants.train.quota", _ROOMY)),
    "monitoring": (
        ("images.prometheus", {"ref": f"quay.io/prometheus/prometheus:v3.5.0@{DIGEST}"}),
        ("monitoring", {"objectives": {"latency": "1s"}, "storageClassName": "fast", "gateway": _COUNTED}),
    ),
    "requests, counted elsewhere": (
        ("cluster.kubernetesVersion", "1.37"),
        ("models.digits.autoscaling", {"minReplicas": 0, "maxReplicas": 3, "targets": {"requestsPerSecond": 9}}),
    ),
    "another stack's image": (("images.training", {"fromStack": "organization/tfk8s/dev"}),),
}
"""Changes of the sound stack of `tests.unit.words`."""

CUSTOM: Final[Mapping[str, Sequence[tuple[str, object]]]] = {
    "pool": (
        ("tenants.train.queue", "gpus"),
        ("tenants.train.labels", {"team": "vision"}),
        ("tenants.serve.queue", "gpus"),
        ("gpuPool.flavor.nodeLabels", {"pool": "a100"}),
        ("gpuPool.tenants", {"train": {"gpu": 2}, "serve": {"gpu": 3, "borrowingLimit": 2, "lendingLimit": 1}}),
    ),
    "gateway": (
        exposed(features=["HTTPRouteRequestTimeout", "HTTPRouteRequestMirror"], hostname="ml.example.org"),
        *tracks(2, canary=3, weight=10, headers={"x-track": "canary"}, mirror=True),
    ),
    "parent": (
        exposed(className=None, parent={"namespace": "gateways", "name": "public"}, hostname="ml.example.org"),
        *tracks(2, canary=3),
    ),
}
"""Changes of the same stack that make custom resources."""

# It reads its schemas, a megabyte each, anew for every object: four fifths of the time.
kubernetes_validate.utils.schema_contents = functools.cache(kubernetes_validate.utils.schema_contents)


def against_schemas(tree: Mapping[str, Any], minors: Sequence[str] = MINORS) -> Iterator[str]:
    """What the strict schemas refuse about a manifest; a kind that they do not know is refused too."""
    where = place(tree).with_suffix("")
    for minor in minors:
        try:
            kubernetes_validate.validate(dict(tree), minor, strict=True)
        except kubernetes_validate.ValidationError as error:
            path = ".".join(str(part) for part in error.absolute_path)
            yield f"{where}: Kubernetes {minor} refuses {path or 'it'}: {error.message}"
        except kubernetes_validate.SchemaNotFoundError:
            yield f"{where}: Kubernetes {minor} has no {tree['apiVersion']} {tree['kind']}: nothing can judge it"


def kept_or_not(failed: Sequence[tuple[str, str, str]]) -> Iterator[str]:
    """Findings of checkov without an exception, and exceptions without a finding.

    Args:
        failed: Stack, id of the check, and resource of each.
    """
    needed = set[tuple[str, str]]()
    for stack, check, resource in sorted(set(failed)):
        kept = next((kept for kept in KEPT if kept.covers(stack, check, resource)), None)
        if kept is None:
            yield f"{stack}: {resource}: checkov {check}"
        else:
            needed.add((kept.reason, check))
    for kept in KEPT:
        for check in sorted(kept.checks):
            if (kept.reason, check) not in needed:
                yield f"tests/lint/exceptions.py: {check} is kept for nothing: {kept.reason}"


def main(arguments: Sequence[str]) -> int:
    """Prints everything that is wrong; 1 where there is anything."""
    checkov = Path(arguments[0]).absolute()
    crds = {key: crd for directory in arguments[1:] for key, crd in read_crds(Path(directory)).items()}
    answers, found = Answers(), list[str]()
    with tempfile.TemporaryDirectory(prefix="tfk8s-manifests-") as work:
        for stack in STACKS:
            words = stack_file_words(ROOT / f"Pulumi.{stack}.yaml", {})
            objects = record(words, stack=stack, answers=answers).objects()
            replace_directory(Path(work) / stack, files(objects, answers))
            found += [f"{stack}: {said}" for one in objects for said in against_schemas(manifest(one, answers))]
        found += kept_or_not(_run_checkov(checkov, Path(work)))
    for variant, changes in VARIANTS.items():
        for one in record(changed(*changes), answers=answers).objects():
            found += [f"{variant}: {said}" for said in against_schemas(manifest(one, answers))]
    if crds:
        found += [said for variant in CUSTOM for said in custom_against(variant, crds)]
    sys.stdout.write("".join(f"{said}\n" for said in found))
    return 1 if found else 0


def custom_against(variant: str, crds: Crds) -> Iterator[str]:
    """What is wrong with the manifests of one of `CUSTOM`, custom resources and others."""
    answers = Answers()
    for one in record(changed(*CUSTOM[variant]), answers=answers).objects():
        tree = manifest(one, answers)
        custom = (tree["apiVersion"], tree["kind"]) in crds
        for said in against_crds(tree, crds) if custom else against_schemas(tree):
            yield f"{variant}: {said}"


def _run_checkov(checkov: Path, directory: Path) -> list[tuple[str, str, str]]:
    command = [checkov, "-d", ".", "--framework", "kubernetes", "--skip-download", "--compact", "--quiet", "-o", "json"]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    try:
        said = json.loads(done.stdout)
        failed, summary = said["results"]["failed_checks"], said["summary"]
    except (ValueError, KeyError, TypeError):
        sys.exit(
            f"checkov ended with {done.returncode} and said no results:\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        )
    assert summary["passed"], "checkov judged nothing"
    assert not summary["parsing_errors"], summary
    return [(PurePosixPath(one["file_path"]).parts[1], one["check_id"], one["resource"]) for one in failed]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
