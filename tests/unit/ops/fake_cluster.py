"""A cluster of one namespace, behind the API that `tfk8s reproduce` speaks: Jobs run as a test tells them to."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import httpx

from infra.cluster_client import LogIn
from infra.kubeconfig import Access
from ops.monitor import Tree

ACCESS: Access = Access(file=None, context="prod", cluster={"server": "https://prod.example.org"}, user={})  # pyright: ignore[reportArgumentType] - never opened


def at_once(_seconds: float) -> None:
    """In place of `time.sleep`."""


@dataclass
class Life:
    """What becomes of a Job: each time it is looked at, one step more; the last one stays."""

    steps: list[Tree]
    """Of the Job: `conditions` of its status, and `pods` and `events` beside it."""

    log: str = ""
    """Of its pod."""

    at: int = -1

    @property
    def now(self) -> Tree:
        return self.steps[min(max(self.at, 0), len(self.steps) - 1)]


def complete() -> Tree:
    return {"conditions": [{"type": "Complete", "status": "True"}], "pods": [pod(terminated={"exitCode": 0})]}


def failed(reason: str = "BackoffLimitExceeded", *pods: Tree) -> Tree:
    return {"conditions": [{"type": "Failed", "status": "True", "reason": reason}], "pods": list(pods)}


def pod(name: str = "pod", *, index: str | None = None, unplaced: str = "", **state: Any) -> Tree:
    """A pod whose one container is in a state such as `running={}`; with none, it is not known yet."""
    labels = {} if index is None else {"batch.kubernetes.io/job-completion-index": index}
    status: Tree = {"containerStatuses": [{"image": "train@sha256:1", "state": state}]} if state else {}
    if unplaced:
        status["conditions"] = [{"type": "PodScheduled", "status": "False", "message": unplaced}]
    return {
        "metadata": {"name": name, "labels": labels, "creationTimestamp": "2026-01-31T12:00:00Z"},
        "spec": {"containers": [{"image": "train@sha256:1"}]},
        "status": status,
    }


@dataclass
class FakeCluster:
    """Answers requests, and remembers what it was asked to make and to delete."""

    lives: dict[str, Life] = field(default_factory=dict[str, Life])
    """By a Job's name, or by its name and image with a blank between them."""

    refused: dict[str, tuple[int, str]] = field(default_factory=dict[str, tuple[int, str]])
    """Status and message by the kind that cannot be made."""

    objects: dict[str, Tree] = field(default_factory=dict[str, Tree])
    """What there is, by path."""

    made: list[Tree] = field(default_factory=list[Tree])
    deleted: list[str] = field(default_factory=list[str])
    log_ins: int = 0

    def enter(self, _access: Access) -> LogIn:
        self.log_ins += 1
        return LogIn(
            server="https://prod.example.org",
            headers={"Authorization": f"Bearer {self.log_ins}"},
            verify=True,
            proxy=None,
            trust_env=False,
            extensions={},
        )

    def client(self, **options: Any) -> httpx.Client:
        """In place of `httpx.Client`."""
        return _CLIENT(
            base_url=options["base_url"], headers=options["headers"], transport=httpx.MockTransport(self.answer)
        )

    def answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        query = {key: values[0] for key, values in parse_qs(request.url.query.decode()).items()}
        answers: dict[str, Callable[[], httpx.Response]] = {
            "POST": lambda: self._make(path, json.loads(request.content)),
            "DELETE": lambda: self._delete(path, json.loads(request.content)),
            "GET": lambda: self._get(path, query),
        }
        return answers[request.method]()

    def _make(self, path: str, tree: Tree) -> httpx.Response:
        self.made.append(tree)
        kind, name = tree["kind"], tree["metadata"]["name"]
        if kind in self.refused:
            status, message = self.refused[kind]
            return httpx.Response(status, json={"message": message})
        made = {**tree, "metadata": {**tree["metadata"], "uid": f"{name}-{len(self.made)}"}}
        self.objects[f"{path}/{name}"] = made
        return httpx.Response(201, json=made)

    def _delete(self, path: str, how: Tree) -> httpx.Response:
        self.deleted.append(path.rpartition("/")[2])
        gone = self.objects.pop(path)
        assert how["preconditions"] == {"uid": gone["metadata"]["uid"]}
        assert how["propagationPolicy"] == "Foreground", "its pods would be left"
        owned = [
            key
            for key, one in self.objects.items()
            if any(o["uid"] == gone["metadata"]["uid"] for o in one["metadata"].get("ownerReferences", []))
        ]
        for key in owned:
            del self.objects[key]
        return httpx.Response(200, json={})

    def _get(self, path: str, query: dict[str, str]) -> httpx.Response:
        if path.endswith("/log"):
            return httpx.Response(200, text=self._log(query))
        collection = path.rpartition("/")[2]
        if collection == "pods":
            return httpx.Response(200, json={"items": self._now(query["labelSelector"].partition("=")[2])["pods"]})
        if collection == "events":
            uid = query["fieldSelector"].partition("involvedObject.uid=")[2].partition(",")[0]
            return httpx.Response(200, json={"items": self._now(uid.rpartition("-")[0]).get("events", [])})
        if collection in ("jobs", "deployments"):
            return httpx.Response(200, json={"items": [one for key, one in self.objects.items() if collection in key]})
        if path not in self.objects:
            return httpx.Response(404, json={"message": "not found"})
        life = self._life(collection)
        life.at += 1
        return httpx.Response(
            200, json={**self.objects[path], "status": {"conditions": self._now(collection).get("conditions", [])}}
        )

    def _life(self, job: str) -> Life:
        [image] = [
            one["spec"]["template"]["spec"]["containers"][0]["image"]
            for key, one in self.objects.items()
            if key.endswith(f"/jobs/{job}")
        ]
        return self.lives.get(f"{job} {image}") or self.lives[job]

    def _now(self, job: str) -> Tree:
        return {"pods": [], **self._life(job).now}

    def _log(self, query: dict[str, str]) -> str:
        """Of the one Job there is at a time; a line a second, the API's `sinceTime` included."""
        [job] = {
            one["metadata"]["name"] for key, one in self.objects.items() if key.rpartition("/")[0].endswith("jobs")
        }
        life = self._life(job)
        lines = life.log.splitlines()
        if "timestamps" not in query:
            return life.log
        written = lines[: life.at + 1]
        stamped = [f"2026-01-31T12:00:{second:02}.123456789Z {line}" for second, line in enumerate(written)]
        return "\n".join(line for line in stamped if line >= query.get("sinceTime", "").rstrip("Z"))


_CLIENT = httpx.Client
