"""`tfk8s reproduce`: trains a published version again beside it, and compares."""

import argparse
import os
import signal
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Final, cast

from rich.console import Console
from rich.markup import escape

from contract.comparison import TOLERANCE, Comparison, ComparisonError, Verdict
from contract.manifest import Manifest, ManifestError
from infra.checks import require_valid
from infra.cluster_identity import guarded_kubeconfig
from infra.kubeconfig import Access, ClusterError, find_access
from infra.settings import Settings
from ops.monitor import Tree
from ops.problem import CommandError
from ops.reproducing.api import ApiServer, RefusedError
from ops.reproducing.objects import LEFT_SECONDS, Objects, Run, reader, second_training
from ops.reproducing.table import table
from ops.reproducing.waiting import ImageError, remove, wait
from ops.verb import Verbs, add_stack_parser, stack_words

_DESCRIPTION: Final = """Trains a published version again, beside it, and compares the two.

A first short Job reads the version's manifest from the store. A second one trains with the manifest's own definition
(arguments, seed, data version, workers, GPUs) in the manifest's own image, if that is still to be had, else in the
one that the stack runs now, which is said. Both mount the store read-only: the second training is written into the
pod's temp volume and goes with it. Compared are TensorFlow, image, data, every metric and every weight.

  identical         every weight has the same bits, every metric the same value
  within tolerance  same data, same variables, and no metric further off than --tolerance
  different         anything else

The exit code is 0 for the first two, and 1 for a difference or when it could not be done. Whatever happens, nothing
stays in the cluster; if this command itself is killed, its Jobs remove themselves ten minutes after their end.

Needed in the tenant's namespace: create and delete Jobs (and Services and NetworkPolicies for several workers), get
and list Jobs, Deployments, Pods, their logs, and Events.
"""
_CONFLICT: Final = 409


def add_parser(verbs: Verbs) -> None:
    """Declares the verb."""
    parser = add_stack_parser(
        verbs,
        "reproduce",
        said="train a published version again beside it, and compare",
        description=_DESCRIPTION,
        example="tfk8s reproduce prod digits 7",
    )
    parser.add_argument("model", metavar="MODEL", help="name of a training job of the stack")
    parser.add_argument("version", metavar="VERSION", type=_version, help="number of a version in the store")
    parser.add_argument("--image", metavar="REF", help="train in this image instead of the manifest's")
    parser.add_argument(
        "--tolerance",
        metavar="X",
        type=_tolerance,
        default=TOLERANCE,
        help=f"largest absolute difference of a metric (default: {TOLERANCE})",
    )
    parser.add_argument("--json", action="store_true", help="print the comparison as one line of JSON, and no table")


def run(options: argparse.Namespace) -> int:
    """Trains and compares.

    Returns:
        0, or 1 where the two are different.

    Raises:
        CommandError: It could not be done; nothing is left in the cluster.
        StackFileError: The stack cannot work.
    """
    words = stack_words(options)
    settings = require_valid(words, date.today()).settings
    again = Run(
        stack=cast("str", options.stack),
        words=words,
        model=cast("str", options.model),
        version=cast("int", options.version),
    )
    if again.model not in settings.training_jobs:
        known = ", ".join(sorted(settings.training_jobs)) or "none"
        raise CommandError(f"the stack {again.stack} has no training job {again.model!r}; it has {known}")
    api = ApiServer(_access(settings))
    with _told_to_end_like_interrupted():
        comparison = _reproduce(api, again, settings, options, _Screen(Console(stderr=True, highlight=False)))
    if cast("bool", options.json):
        sys.stdout.write(f"{comparison.line()}\n")
    else:
        Console(highlight=False).print(table(comparison))
        sys.stdout.write(f"{again.what}: {comparison.sentence}\n")
    return 1 if comparison.verdict is Verdict.DIFFERENT else 0


class _Screen:
    """Where progress goes: lines that stay, and one that changes if it is a terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._begun = time.monotonic()
        self._status = console.status("")

    @contextmanager
    def showing(self) -> Generator[None]:
        """Shows what goes on while the block runs."""
        with self._status:
            yield

    def line(self, text: str) -> None:
        """A line that stays."""
        self._console.print(escape(text), soft_wrap=True)

    def state(self, text: str) -> None:
        """What goes on now, with the time since the beginning."""
        passed = timedelta(seconds=round(time.monotonic() - self._begun))
        self._status.update(escape(f"{text}, {passed}"))


def _reproduce(
    api: ApiServer, again: Run, settings: Settings, options: argparse.Namespace, screen: _Screen
) -> Comparison:
    wanted = cast("str | None", options.image)
    with screen.showing():
        current = wanted or _current_image(api, again, settings)
        published = _published(api, reader(again, current), again, screen)
        screen.line(f"{again.what} was trained {published.created} by {published.image}")
        image = wanted or published.image
        tolerance = cast("float", options.tolerance)
        try:
            return _trained(api, second_training(again, published, image, tolerance), screen)
        except ImageError as error:
            if current == image:
                raise
            screen.line(f"{error}\ntrained in the image that the stack runs now instead: {current}")
            return _trained(api, second_training(again, published, current, tolerance), screen)


def _published(api: ApiServer, objects: Objects, again: Run, screen: _Screen) -> Manifest:
    with _created(api, objects, screen) as job:
        log = wait(api, job, line=lambda _: None, state=lambda text: screen.state(f"manifest of {again.what}: {text}"))
    try:
        return Manifest.parse(_last_line(log))
    except ManifestError as error:
        raise CommandError(f"what {objects.name} printed is no manifest: {error}") from None


def _trained(api: ApiServer, objects: Objects, screen: _Screen) -> Comparison:
    with _created(api, objects, screen) as job:
        log = wait(api, job, line=screen.line, state=lambda text: screen.state(f"{objects.name}: {text}"))
    try:
        return Comparison.parse(_last_line(log))
    except ComparisonError as error:
        raise CommandError(f"what {objects.name} printed last is no comparison: {error}") from None


def _last_line(log: str) -> str:
    return (log.rstrip().splitlines() or [""])[-1]


@contextmanager
def _created(api: ApiServer, objects: Objects, screen: _Screen) -> Generator[Tree]:
    """The Job as the server made it, with all that belongs to it; gone after the block, however that ends."""
    try:
        job = api.create(objects.job)
    except RefusedError as error:
        if error.status != _CONFLICT:
            raise
        raise CommandError(
            f"the Job {objects.name} is in {objects.namespace} already: it is being reproduced, or whoever did it was "
            f"killed\n    wait (it goes {LEFT_SECONDS} s after its end), or: kubectl -n {objects.namespace} delete job "
            f"{objects.name}"
        ) from None
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": objects.name, "uid": job["metadata"]["uid"]}
    job = {"kind": "Job", "metadata": job["metadata"]}
    try:
        for other in objects.others:
            owned = {**other["metadata"], "ownerReferences": [{**owner, "blockOwnerDeletion": True}]}
            api.create({**other, "metadata": owned})
        yield job
    finally:
        screen.state(f"removes {objects.name}")
        remove(api, job)


def _current_image(api: ApiServer, again: Run, settings: Settings) -> str:
    """The training image that the stack uses now: as its file says, or as it runs in the cluster."""
    if settings.images.training.ref is not None:
        return settings.images.training.ref
    served = settings.models.get(again.model)
    if served is not None:
        serving = f"app.kubernetes.io/name={again.model},app.kubernetes.io/component=serving"
        for deployment in api.list("Deployment", served.tenant, labelSelector=serving):
            return cast("str", deployment["spec"]["template"]["spec"]["initContainers"][0]["image"])
    tenant = settings.training_jobs[again.model].tenant
    jobs = api.list(
        "Job", tenant, labelSelector=f"app.kubernetes.io/name={again.model},app.kubernetes.io/component=training"
    )
    if jobs:
        newest = max(jobs, key=lambda job: job["metadata"]["creationTimestamp"])
        return cast("str", newest["spec"]["template"]["spec"]["containers"][0]["image"])
    raise CommandError(
        f"no training image is known: the stack builds its own, and nothing of {again.model} runs in {tenant}\n"
        "    run `pulumi up`, or name one with --image"
    )


def _access(settings: Settings) -> Access:
    """The way to the stack's cluster, once that is known to be the right one."""
    try:
        guarded_kubeconfig(settings.cluster)
        return find_access(settings.cluster.kubeconfig, settings.cluster.context, os.environ)
    except ClusterError as error:
        raise CommandError(str(error)) from None


@contextmanager
def _told_to_end_like_interrupted() -> Generator[None]:
    """SIGTERM, which CI systems and `timeout` send, leaves the cluster as clean as Ctrl-C does."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _version(text: str) -> int:
    if text.isascii() and text.isdigit() and int(text) > 0:
        return int(text)
    msg = f"{text!r} is no version: a whole number from 1"
    raise argparse.ArgumentTypeError(msg)


def _tolerance(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if 0 <= value < float("inf"):
        return value
    msg = f"{text!r} is no tolerance: a number from 0"
    raise argparse.ArgumentTypeError(msg)
