"""Names that the cluster takes, and that do not collide in it."""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Final, NamedTuple

from infra.checks.report import error
from infra.finding import Finding
from infra.plan import Plan
from infra.settings import ModelSettings, Settings, TrainingJobSettings
from infra.settings.monitoring import NAMESPACE
from infra.settings.standin import Location

_LONGEST_NAME: Final = 63
"""Of a Service, of a label's value such as `job-name`, and of a pod's host name (RFC 1123)."""

_POD_SUFFIX: Final = len("-x7k2p")
"""What the Job controller adds to a Job's name to name a pod, after the index of a worker if there are several."""

_WORKERS: Final = "workers"
"""What the headless Service of several workers has after the run's name."""

_LARGEST_VERSION: Final = 2**53 - 1
"""Outputs are JSON, whose numbers are exact up to here; TensorFlow Serving takes 64 bits."""

_DEVICE_PLUGIN: Final = "nvidia-device-plugin"

_KEY: Final = re.compile(
    r"(?:(?P<prefix>[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?)/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
)
"""https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set"""

_RESERVED: Final = re.compile(r"(.*\.)?(kubernetes\.io|k8s\.io|tfk8s\.dev)")
_OF_CONTROLLERS: Final = ("job-name", "controller-uid", "pod-template-hash")


class Named(NamedTuple):
    """An object that the program names, and the words that make it."""

    kind: str
    namespace: str
    name: str
    location: Location


def namespaces_are_free(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """A tenant is a namespace of its own; `default`, `kube-…`, the device plugin's and monitoring's are not."""
    for name in settings.tenants:
        plugin = name == _DEVICE_PLUGIN and settings.images.device_plugin is not None
        watched = name == NAMESPACE and settings.monitoring is not None
        if name == "default" or name.startswith("kube-") or plugin or watched:
            owner = "device plugin" if plugin else "monitoring" if watched else "cluster"
            yield error(
                "tenant-name",
                ("tenants", name),
                f"the namespace {name} is the {owner}'s own",
                "choose another name",
            )


def objects_have_their_own_names(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """No two jobs or models make an object of the same kind and name in a tenant."""
    first: dict[tuple[str, str, str], Location] = {}
    said = set[tuple[Location, Location]]()
    for named in named_objects(settings, plan):
        other = first.setdefault((named.kind, named.namespace, named.name), named.location)
        pair = (other, named.location)
        if other != named.location and pair not in said:
            said.add(pair)
            maker = ".".join(map(str, other))
            yield error(
                "object-name",
                named.location,
                f"makes the {named.kind} {named.name} in {named.namespace}, which {maker} makes too",
                "rename one of the two",
            )


def names_fit(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """Names of versions and runs, and of their pods, are not longer than Kubernetes allows."""
    for location, name, version in _versions(settings):
        full = f"{name}-v{version}"
        suffix = _suffix(settings.training_jobs[name]) if location[0] == "trainingJobs" else 0
        length = len(full) + suffix
        if length > _LONGEST_NAME:
            pods = f", and its pods' names {suffix} more: {length}" if suffix else ""
            yield error(
                "name-length",
                location,
                f"{full} has {len(full)} characters{pods} > {_LONGEST_NAME}",
                f"shorten the name or the version by {length - _LONGEST_NAME}",
            )


def versions_are_exact_numbers(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """Version numbers stay exact wherever they go: in the outputs, in the store, in the server."""
    for location, _, version in _versions(settings):
        if version > _LARGEST_VERSION:
            yield error(
                "version-number",
                location,
                f"{version} > {_LARGEST_VERSION}, the largest whole number that JSON keeps exact",
                "count versions from 1, or use a shorter date",
            )


def label_keys_are_free(settings: Settings, plan: Plan, today: date) -> Iterator[Finding]:
    """Keys of labels and node selectors are ones that Kubernetes takes; labels of tenants are nobody else's."""
    for tenant, owner in settings.tenants.items():
        for key in owner.labels:
            location = ("tenants", tenant, "labels", key)
            match = _KEY.fullmatch(key)
            if match is None:
                yield _malformed(location, key)
            elif _RESERVED.fullmatch(match["prefix"] or "") or key in _OF_CONTROLLERS:
                yield error(
                    "label-key", location, f"{key} belongs to Kubernetes or to the program", "choose another key"
                )
    for location, selector in _selectors(settings):
        for key in selector:
            if _KEY.fullmatch(key) is None:
                yield _malformed((*location, key), key)


def named_objects(settings: Settings, plan: Plan) -> Iterator[Named]:
    """Every object that jobs, models and TensorBoards put into a tenant under a name of the program's choice.

    ConfigMaps and Secrets are not among them: their names end in a random part.
    """
    for tenant, owner in settings.tenants.items():
        if owner.tensorboard is not None:
            location = ("tenants", tenant, "tensorboard")
            for kind in ("Deployment", "Service"):
                yield Named(kind, tenant, "tensorboard", location)
            for purpose in ("callers", "calls"):
                yield Named("NetworkPolicy", tenant, f"tensorboard-{purpose}", location)
    for job, words in settings.training_jobs.items():
        yield from _of_run(job, words, plan.jobs[job].run)
    for sweep, words in settings.sweeps.items():
        yield Named("Job", words.tenant, plan.sweeps[sweep].job, ("sweeps", sweep))
    for model, words in settings.models.items():
        location = ("models", model)
        yield Named("Service", words.tenant, model, location)
        if words.expose.gateway is not None:
            yield Named("HTTPRoute", words.tenant, model, location)
        for purpose in ("callers", "calls"):
            yield Named("NetworkPolicy", words.tenant, f"{model}-{purpose}", location)
        yield from _of_grpc(model, words, location)
        for _, track in words.tracks.named():
            version = f"{model}-v{track.version}"
            for kind in ("Deployment", "Service", "HorizontalPodAutoscaler", "PodDisruptionBudget"):
                yield Named(kind, words.tenant, version, location)
            if track.fetch is not None:
                yield Named("NetworkPolicy", words.tenant, f"{version}-fetch", location)


def _of_grpc(model: str, words: ModelSettings, location: Location) -> Iterator[Named]:
    if words.grpc is not None:
        yield Named("Service", words.tenant, f"{model}-grpc", location)
        yield Named("NetworkPolicy", words.tenant, f"{model}-grpc", location)
        if words.tenant in words.grpc.from_namespaces:
            yield Named("NetworkPolicy", words.tenant, f"{model}-grpc-calls", location)


def _of_run(job: str, words: TrainingJobSettings, run: str) -> Iterator[Named]:
    location = ("trainingJobs", job)
    yield Named("Job", words.tenant, run, location)
    if words.workers > 1:
        for kind in ("Service", "NetworkPolicy"):
            yield Named(kind, words.tenant, f"{run}-{_WORKERS}", location)


def _suffix(job: TrainingJobSettings) -> int:
    """Characters that follow the run's name in the longest name made from it."""
    if job.workers == 1:
        return _POD_SUFFIX
    return max(len(f"-{job.workers - 1}") + _POD_SUFFIX, len(f"-{_WORKERS}"))


def _versions(settings: Settings) -> Iterator[tuple[Location, str, int]]:
    for name, job in settings.training_jobs.items():
        yield ("trainingJobs", name, "version"), name, job.version
    for name, model in settings.models.items():
        for track, served in model.tracks.named():
            yield ("models", name, "tracks", track, "version"), name, served.version


def _selectors(settings: Settings) -> Iterator[tuple[Location, Mapping[str, str]]]:
    if settings.gpu is not None:
        yield ("gpu", "nodeSelector"), settings.gpu.node_selector
    for name, job in settings.training_jobs.items():
        yield ("trainingJobs", name, "nodeSelector"), job.node_selector
    for name, sweep in settings.sweeps.items():
        yield ("sweeps", name, "nodeSelector"), sweep.node_selector


def _malformed(location: Location, key: str) -> Finding:
    return error(
        "label-key",
        location,
        f"{key!r} is no label key: at most 63 letters, digits, `-`, `_` and `.`, after a DNS name and `/` if any",
        "choose another key, such as cost-center or example.org/team",
    )
