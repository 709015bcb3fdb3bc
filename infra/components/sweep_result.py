"""What a sweep found: read from the status of its pods when it has ended, and kept in the stack's state since then."""

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Final, cast

import pulumi

from contract.sweep_result import ResultError, SweepResult
from infra.cluster_client import ANSWER_SECONDS, LogIn, log_in
from infra.cluster_identity import may_ask
from infra.kubeconfig import Access, ClusterError, Words, find_access
from infra.settings.platform import ClusterSettings

if TYPE_CHECKING:
    import httpx

_PAGE: Final = 500
"""Pods asked for at a time, some 10 KB each."""


def kept_result(
    name: str,
    *,
    cluster: ClusterSettings,
    namespace: pulumi.Input[str],
    job_uid: pulumi.Output[str],
    opts: pulumi.ResourceOptions,
) -> pulumi.Output[SweepResult | None]:
    """The sweep's result; None, with a warning, where nobody could read it when its Job had ended.

    No provider tells what a Job's pods said, so the program asks the API server itself, once the Job is complete. Pods
    go, with their node for one: a Stash keeps what they said until another Job takes this one's place.

    Args:
        name: Name of the sweep's Job.
        cluster: Where it ran.
        namespace: Of the Job.
        job_uid: Known as soon as the Job is complete.
        opts: Parent of the Stash.
    """
    environment = {**os.environ}  # as it is for the body of the program, which an engine may run with its own
    said = pulumi.Output.all(namespace, job_uid).apply(
        lambda known: asyncio.to_thread(read_result, cluster, environment, namespace=known[0], job_uid=known[1])
    )
    keep = pulumi.ResourceOptions(ignore_changes=["input"], replacement_trigger=job_uid)
    stash = pulumi.Stash(f"{name}-result", input=said, opts=pulumi.ResourceOptions.merge(opts, keep))
    return stash.output.apply(lambda text: _parsed(name, str(text)))


def read_result(
    cluster: ClusterSettings,
    environment: Mapping[str, str],
    *,
    namespace: str,
    job_uid: str,
    enter: Callable[[Access], LogIn] = log_in,
) -> str:
    """What a pod of the Job left in its status, as `SweepResult.message` gives it; otherwise why there is nothing.

    Args:
        cluster: Where the pods are.
        environment: Where KUBECONFIG is looked up.
        namespace: Of the pods.
        job_uid: Of their Job.
        enter: Logs in.
    """
    if not may_ask():
        return ""
    import httpx  # noqa: PLC0415 - takes long to import, and most stacks have no sweep

    try:
        entered = enter(find_access(cluster.kubeconfig, cluster.context, environment))
        with httpx.Client(
            base_url=entered.server,
            headers=dict(entered.headers),
            verify=entered.verify,
            proxy=entered.proxy,
            trust_env=entered.trust_env,
            timeout=ANSWER_SECONDS,
        ) as client:
            for pod in _pods(client, entered, namespace, job_uid):
                if message := _message(pod):
                    return message
    except ClusterError as error:
        return error.finding.message
    except (httpx.HTTPError, OSError, ValueError) as error:
        return f"the pods in namespace {namespace} cannot be read: {error or type(error).__name__}"
    return f"no pod in namespace {namespace} tells it"


def _pods(client: "httpx.Client", entered: LogIn, namespace: str, job_uid: str) -> Iterator[Words]:
    query: dict[str, str | int] = {"labelSelector": f"batch.kubernetes.io/controller-uid={job_uid}", "limit": _PAGE}
    while True:
        answer = client.get(
            f"/api/v1/namespaces/{namespace}/pods", params=query, extensions=dict(entered.extensions)
        ).raise_for_status()
        page = cast("Words", answer.json())
        yield from cast("list[Words]", page.get("items") or [])
        token = str(cast("Words", page.get("metadata") or {}).get("continue") or "")
        if not token:
            return
        query["continue"] = token


def _message(pod: Words) -> str:
    status = cast("Words", pod.get("status") or {})
    for container in cast("list[Words]", status.get("containerStatuses") or []):
        ended = cast("Words", cast("Words", container.get("state") or {}).get("terminated") or {})
        if ended.get("exitCode") == 0 and ended.get("message"):
            return str(ended["message"])
    return ""


def _parsed(name: str, text: str) -> SweepResult | None:
    if not text:
        return None
    try:
        return SweepResult.parse(text)
    except ResultError as error:
        why = error if text.startswith("{") else text
    pulumi.log.warn(
        f"{name} is complete, but what it found was not read when it ended, so it is no output: {why}. It is in the "
        "store. A higher `attempt` has it read again; no trial that is done is run again"
    )
    return None
