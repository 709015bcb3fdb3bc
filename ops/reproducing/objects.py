"""The objects of a reproduction: those of the run, as the repository's program makes them, under other names.

What is changed in them is what makes them a reproduction: the store is read-only, nothing is tried again, and all of
it goes by itself when the Job is gone.
"""

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, cast

from contract.comparison import TOLERANCE
from contract.manifest import Manifest
from contract.run import RunDefinition
from infra.components.workers import COMPONENT, peers, subdomain
from infra.finding import StackFileError
from infra.overrides import Words
from infra.settings import Quantity
from ops.manifests import manifest
from ops.problem import CommandError
from ops.recording import Answers, Tree, record

CONTAINER: Final = "train"
LEFT_SECONDS: Final = 600
"""How long an ended Job stays if the command that made it was killed and could not remove it."""

_COMPONENT_LABEL: Final = "app.kubernetes.io/component"
_REPRODUCTION: Final = "reproduction"
_QUEUE_LABEL: Final = "kueue.x-k8s.io/queue-name"
_KINDS: Final = ("Job", "Service", "NetworkPolicy")
_SCRATCH_PER_BYTE: Final = 12
"""Bytes that a second training writes for each byte of the version: the version, and three checkpoints at most of
weights with Adam's two moments."""

_READER: Final = {"cpu": "100m", "memory": "128Mi", "limits": {"cpu": 1, "memory": "256Mi"}}
"""Of a pod that hashes files, and nothing else."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run of a stack."""

    stack: str
    words: Words
    """Of the stack file."""

    model: str
    version: int

    @property
    def name(self) -> str:
        """As in the cluster."""
        return f"{self.model}-v{self.version}"

    @property
    def what(self) -> str:
        """For people."""
        return f"{self.model} version {self.version}"


@dataclass(frozen=True, kw_only=True)
class Objects:
    """A Job, and what its pods need to find each other."""

    job: Tree
    others: tuple[Tree, ...] = ()

    @property
    def name(self) -> str:
        """Of the Job."""
        return cast("str", self.job["metadata"]["name"])

    @property
    def namespace(self) -> str:
        """Of all of it."""
        return cast("str", self.job["metadata"]["namespace"])


def reader(run: Run, image: str) -> Objects:
    """A Job that prints the version's manifest.

    Args:
        run: Whose.
        image: Any training image.

    Raises:
        CommandError: The stack cannot run it.
    """
    objects = _of(run, "manifest", RunDefinition(), {"resources": _READER})
    objects.job["metadata"]["labels"].pop(_QUEUE_LABEL, None)
    container = _container(objects)
    _take(objects, image, ["python3", "-m", "training.published"])
    for probe in ("livenessProbe", "startupProbe"):  # there is no watcher that would answer them
        container.pop(probe)
    return objects


def second_training(run: Run, published: Manifest, image: str, tolerance: float = TOLERANCE) -> Objects:
    """What trains a published version again and compares.

    Args:
        run: Whose.
        published: The version's manifest.
        image: What trains.
        tolerance: Largest absolute difference of a metric.

    Raises:
        CommandError: The stack cannot run what the version was trained from.
    """
    definition = published.definition
    objects = _of(run, "reproduce", definition, {})
    _take(objects, image, ["python3", "-m", "training.reproduce", "--tolerance", f"{tolerance:g}"])
    spec = objects.job["spec"]["template"]["spec"]
    if definition.workers > 1:
        names = peers(objects.name, objects.namespace, definition.workers)
        _variables(objects)["TFK8S_PEERS"]["value"] = ",".join(names)
        spec["subdomain"] = subdomain(objects.name)
        spec["restartPolicy"] = "Never"
    _make_room(objects, sum(entry.size for entry in published.files))
    return objects


def _of(run: Run, purpose: str, definition: RunDefinition, changes: Words) -> Objects:
    """The objects of the run as it would be declared with this definition, renamed."""
    answers = Answers()
    try:
        recording = record(_declared(run, definition, changes), stack=run.stack, answers=answers)
    except StackFileError as error:
        found = "\n".join(finding.text() for finding in error.findings if finding.severity == "error")
        raise CommandError(
            f"the stack {run.stack} cannot run {run.what} as it was trained ({definition.canonical()})\n{found}"
        ) from None
    own = [each for each in recording.objects() if each.name in (run.name, subdomain(run.name))]
    trees = {kind: copy.deepcopy(dict(manifest(each, answers))) for each in own if (kind := each.inputs["kind"])}
    if "Job" not in trees or not set(trees) <= set(_KINDS):
        raise CommandError(f"the program makes no Job {run.name}, but {', '.join(sorted(trees)) or 'nothing'}")
    name = f"{run.name}-{purpose}"
    for kind, tree in trees.items():
        tree["metadata"]["name"] = name if kind == "Job" else subdomain(name)
        for labels in _labels(tree):
            _relabel(labels, name)
    job = trees.pop("Job")
    job["spec"] |= {"backoffLimit": 0, "ttlSecondsAfterFinished": LEFT_SECONDS}
    return Objects(job=job, others=tuple(trees.values()))


def _declared(run: Run, definition: RunDefinition, changes: Words) -> Words:
    """The stack's words with this run as all it does; what else it runs has no part in whether this can."""
    jobs = cast("Mapping[str, Words]", run.words["trainingJobs"])
    declared = {
        **jobs[run.model],
        "version": run.version,
        "args": dict(definition.args),
        "seed": definition.seed,
        "workers": definition.workers,
        "gpus": definition.gpus,
        **changes,
    }
    declared.pop("dataVersion", None)
    if definition.data_version is not None:
        declared["dataVersion"] = definition.data_version
    others = {key: value for key, value in run.words.items() if key not in ("models", "sweeps")}
    return {**others, "trainingJobs": {run.model: declared}}


def _take(objects: Objects, image: str, command: Sequence[str]) -> None:
    """Runs a command of an image over a store that can only be read."""
    container = _container(objects)
    container["image"], container["command"] = image, list(command)
    _variables(objects)["TFK8S_IMAGE"]["value"] = image
    for mount in container["volumeMounts"]:
        if mount["name"] == "store":
            mount["readOnly"] = True
    for volume in objects.job["spec"]["template"]["spec"]["volumes"]:
        if volume["name"] == "store":
            volume["persistentVolumeClaim"]["readOnly"] = True


def _make_room(objects: Objects, size: int) -> None:
    """Enlarges the temp volume by what a second training of so many bytes writes there."""
    more = Decimal(size * _SCRATCH_PER_BYTE)

    def grown(quantity: str) -> str:
        return str(Quantity.size(Quantity.parse(quantity).amount + more))

    for volume in objects.job["spec"]["template"]["spec"]["volumes"]:
        if volume["name"] == "temp":
            volume["emptyDir"]["sizeLimit"] = grown(volume["emptyDir"]["sizeLimit"])
    for amounts in _container(objects)["resources"].values():
        amounts["ephemeral-storage"] = grown(amounts["ephemeral-storage"])


def _container(objects: Objects) -> Tree:
    [container] = objects.job["spec"]["template"]["spec"]["containers"]
    return container


def _variables(objects: Objects) -> dict[str, Tree]:
    return {variable["name"]: variable for variable in _container(objects)["env"]}


def _labels(value: Tree) -> Iterator[dict[str, str]]:
    """Every mapping of labels in a tree, selectors included."""
    if isinstance(value, dict):
        tree = cast("dict[str, Tree]", value)
        if _COMPONENT_LABEL in tree:
            yield tree
        for inner in tree.values():
            yield from _labels(inner)
    elif isinstance(value, list):
        for inner in cast("list[Tree]", value):
            yield from _labels(inner)


def _relabel(labels: dict[str, str], name: str) -> None:
    """So that nothing takes it for the run, nor for an object of Pulumi's."""
    if labels[_COMPONENT_LABEL] == COMPONENT:
        labels[_COMPONENT_LABEL] = _REPRODUCTION
    for label, value in (("instance", name), ("managed-by", "tfk8s")):
        key = f"app.kubernetes.io/{label}"
        if key in labels:
            labels[key] = value
