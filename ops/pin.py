"""`tfk8s pin`: writes into a stack file what it should stay with: digests of its images, the uid of its cluster."""

import argparse
import os
import sys
from dataclasses import dataclass
from typing import Final, cast

from rich.console import Console

from infra.cluster_identity import uid_of
from infra.kubeconfig import ClusterError, find_access
from ops.images import Image, Resolved, images_of, resolve, to_resolve, unresolved
from ops.problem import CommandError
from ops.registry import published_digest, require_skopeo
from ops.stackfile import StackFile
from ops.verb import Verbs, add_stack_parser, stack_file
from ops.yamltext import KeyPath

_DESCRIPTION: Final = """Writes into a stack file what it should stay with.

Images: for each one named by an exact tag (training.ref, training.build.base, serving.ref, devicePlugin.ref and
prometheus.ref of tfk8s:images), the registry is asked through skopeo, and repository:tag becomes
repository:tag@sha256:...
Private registries: log in with `skopeo login REGISTRY` first.

Cluster: where tfk8s:cluster has no kubeSystemUid, the cluster that its context leads to is asked for the uid of its
namespace kube-system. From then on `pulumi up` refuses every other cluster.

Comments, order and style of the file stay as they are. If anything cannot be had, nothing is written.
"""

_CLUSTER: Final = ("config", "tfk8s:cluster")
_UID: Final = (*_CLUSTER, "kubeSystemUid")


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """What a stack file says of its cluster."""

    context: str
    kubeconfig: str | None
    uid: str | None


def add_parser(verbs: Verbs) -> None:
    """Declares the verb."""
    pin = add_stack_parser(
        verbs,
        "pin",
        said="add digests of its images and the uid of its cluster to a stack file",
        description=_DESCRIPTION,
        example="tfk8s pin prod",
    )
    pin.add_argument("--update", action="store_true", help="ask again for what is there already, and show changes")
    pin.add_argument("--images", action="store_true", help="images only: the cluster is not asked")


def run(options: argparse.Namespace) -> int:
    """Asks registries and cluster, and writes; shows progress and the diff.

    Raises:
        CommandError: Something could not be had, or the file not be read or written; the file is as it was.
    """
    update = cast("bool", options.update)
    file = StackFile.read(stack_file(options))
    images = tuple(images_of(file))
    chosen = to_resolve(images, update=update)
    cluster = None if cast("bool", options.images) else cluster_of(file)
    asked = cluster if cluster is not None and (cluster.uid is None or update) else None
    if not chosen and asked is None:
        sys.stdout.write(f"{file.path.name} {_nothing_to_do(images, cluster, update=update)}\n")
        return 0
    console = Console(soft_wrap=True, highlight=False)
    problems = [
        problem for problem in (_pin_images(file, chosen, console), _pin_cluster(file, asked, console)) if problem
    ]
    if problems:
        raise CommandError("\n".join(problems))
    diff = file.diff()
    if diff:
        file.write()
    console.print(diff or f"{file.path.name}: nothing changed", markup=False)
    return 0


def cluster_of(file: StackFile) -> Cluster | None:
    """The cluster a stack file names, if any.

    Raises:
        CommandError: What it says is no string.
    """
    if file.get(_CLUSTER) is None:
        return None
    return Cluster(
        context=_string(file, (*_CLUSTER, "context")) or "",
        kubeconfig=_string(file, (*_CLUSTER, "kubeconfig")),
        uid=_string(file, _UID),
    )


def _string(file: StackFile, keys: KeyPath) -> str | None:
    value = file.get(keys)
    if value is not None and not isinstance(value, str):
        msg = f"{file.path}: {'.'.join(keys[1:])} is {value!r}; expected a string"
        raise CommandError(msg)
    return value


def _nothing_to_do(images: tuple[Image, ...], cluster: Cluster | None, *, update: bool) -> str:
    done = [f"all {len(images)} images have their digests"] if images else []
    done += ["the cluster has its uid"] if cluster is not None else []
    if not done:
        return "names no images"
    return f"has nothing to do: {' and '.join(done)}{'' if update else '; --update asks again'}"


def _pin_images(file: StackFile, chosen: tuple[Image, ...], console: Console) -> str:
    """Sets all digests; what is wrong with those that cannot be had."""
    if not chosen:
        return ""
    require_skopeo()
    with console.status(f"asking registries for {len(chosen)} images"):
        resolved = resolve(chosen, published_digest, lambda one: _progress(console, one))
    problem = unresolved(resolved)
    if not problem:
        for one in resolved:
            file.set(one.image.keys, one.pinned)
    return problem


def _progress(console: Console, one: Resolved) -> None:
    console.print(f"{one.image.place}: {one.pinned if one.digest else 'not resolved'}", markup=False)


def _pin_cluster(file: StackFile, cluster: Cluster | None, console: Console) -> str:
    """Sets the uid; what is wrong where it cannot be had."""
    if cluster is None:
        return ""
    try:
        access = find_access(cluster.kubeconfig, cluster.context, os.environ)
        with console.status(f"asking {access.server}"):
            uid = uid_of(access)
    except ClusterError as error:
        said = error.finding
        return (
            f"the cluster could not be asked for its uid; nothing was written\n    {said.path}: {said.message}\n"
            f"        {said.fix}\n    --images pins the images alone"
        )
    if cluster.uid is None:
        file.add(_UID, uid, after="context")
    else:
        file.set(_UID, uid)
    change = uid if cluster.uid in (None, uid) else f"{cluster.uid} -> {uid}"
    console.print(f"{'.'.join(_UID[1:])}: {change}, {access}", markup=False)
    return ""
