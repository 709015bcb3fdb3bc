"""Why a Job failed, kept on the Job itself for the next `up`. Imports no Pulumi.

What tells it does not last. A provider tells what it sees during one update, and not every provider reads events; the
Job controller deletes the pods of a Job that is at its deadline, and those whose containers would be started again;
events go after an hour. So what is known when a Job fails is written into an annotation, which nobody else touches, and
which `kubectl describe job` shows too.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, cast

from infra.cluster_client import Answer, Question, ask_server
from infra.kubeconfig import Access, Words

ANNOTATION: Final = "tfk8s.dev/failure"
LINES: Final = 20
"""How many lines are kept: the last ones, which are the newest."""

_LONGEST_LINE: Final = 500
_TELLING: Final = 80
"""How many of a line's last letters tell it from others."""

_POD_NAME: Final = re.compile(r'pods "[^"]*"')
"""In refusals: every try has a new name, and is the same cause."""

_HEADING: Final = re.compile(r"\d+ errors? occurred:")
_REPEATED: Final = frozenset({"BackOff", "BackoffLimitExceeded", "DeadlineExceeded"})
"""Reasons of events that say in other words what the Job's condition or a container's end says."""

_ONLY_THAT: Final = "Error: "
"""How the kubelet begins when it says that it has no image, after it has said why."""


@dataclass(frozen=True)
class Failure:
    """What is known of a Job whose update failed."""

    is_final: bool
    """Whether the Job has failed, rather than only the waiting for it."""

    untold: tuple[str, ...]
    """Lines that the provider did not say this time, oldest first."""


def failure_of(access: Access, namespace: str, name: str, said: str) -> Failure:
    """Ask the cluster why a Job failed; keep what comes together, unless it is kept already.

    Args:
        access: The way to the cluster.
        namespace: Of the Job.
        name: Of the Job.
        said: What the provider said of it just now, as the engine hands it to error hooks.

    Raises:
        ClusterError: The cluster cannot be asked.
    """
    path = f"/apis/batch/v1/namespaces/{namespace}/jobs/{name}"
    warnings = Question(f"/api/v1/namespaces/{namespace}/events", {"fieldSelector": "type=Warning"})
    asked, events = ask_server(access, [Question(path), warnings])
    job = asked.words()
    is_final = any(one.get("type") == "Failed" and one.get("status") == "True" for one in _list(job, "conditions"))
    kept = str(_part(_part(job, "metadata"), "annotations").get(ANNOTATION, ""))
    warned = [line for line in _warnings(job, name, events) if not _is_told(line, said)]
    lines = kept.splitlines() or list(dict.fromkeys([*_details(said), *warned]))[-LINES:]
    if is_final and lines and not kept:
        note: Words = {"metadata": {"annotations": {ANNOTATION: "\n".join(lines)}}}
        ask_server(access, [Question(path, {"fieldManager": "tfk8s"}, merge=note)])
    return Failure(is_final, tuple(line for line in lines if not _is_told(line, said)))


def _details(said: str) -> Iterator[str]:
    """What a provider said beside its first sentence, which says the same at every update."""
    entries = [line for line in said.splitlines() if line.strip() and not _HEADING.fullmatch(line.strip())]
    for line in entries[1:]:
        yield line.removeprefix("\t* ").rstrip()[:_LONGEST_LINE]


def _warnings(job: Words, name: str, answer: Answer) -> Iterator[str]:
    """Warnings about the Job and its pods, those of pods that are gone too: they bear its name."""
    pod, metadata = re.compile(rf"{re.escape(name)}-([0-9]+-)?[a-z0-9]{{5}}"), _part(job, "metadata")
    uid, created = metadata.get("uid"), str(metadata.get("creationTimestamp", ""))
    for event in cast("Iterable[Words]", answer.words().get("items", ())):
        about, reason, message = _part(event, "involvedObject"), str(event.get("reason")), str(event.get("message"))
        when = str(event.get("lastTimestamp") or event.get("eventTime") or "")
        is_own = about.get("uid") == uid or (about.get("kind") == "Pod" and pod.fullmatch(str(about.get("name"))))
        # Seconds only: times of events may have fractions, creation has none.
        if is_own and when[:19] >= created[:19] and reason not in _REPEATED and not message.startswith(_ONLY_THAT):
            yield f"[{reason}] {_POD_NAME.sub('pods', message)}"[:_LONGEST_LINE]


def _is_told(line: str, said: str) -> bool:
    """Whether the provider said it, in whatever words it began with: the pod, the reason, what was tried."""
    return line.strip().rpartition("] ")[2][-_TELLING:] in said


def _part(words: Words, key: str) -> Words:
    value = words.get(key)
    return cast("Words", value) if isinstance(value, Mapping) else {}


def _list(job: Words, key: str) -> list[Words]:
    return cast("list[Words]", _part(job, "status").get(key, []))
