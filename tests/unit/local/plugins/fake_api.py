"""An API server in memory, as far as the plugin needs one."""

import copy
import json
from collections.abc import Callable
from typing import Any

import httpx

from local.plugins.kubernetes.client import ApiClient
from local.plugins.kubernetes.kubeconfig import Connection
from local.plugins.wire import is_array

KINDS: dict[str, list[tuple[str, str, bool]]] = {
    "/api/v1": [
        ("ConfigMap", "configmaps", True),
        ("Event", "events", True),
        ("Namespace", "namespaces", False),
        ("PersistentVolumeClaim", "persistentvolumeclaims", True),
        ("Pod", "pods", True),
        ("ResourceQuota", "resourcequotas", True),
        ("Secret", "secrets", True),
        ("Service", "services", True),
    ],
    "/apis/apps/v1": [("Deployment", "deployments", True), ("ReplicaSet", "replicasets", True)],
    "/apis/batch/v1": [("Job", "jobs", True)],
    "/apis/discovery.k8s.io/v1": [("EndpointSlice", "endpointslices", True)],
    "/apis/storage.k8s.io/v1": [("StorageClass", "storageclasses", False)],
}


class FakeApi:
    """Stores objects by their URL and remembers the requests."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.requests: list[httpx.Request] = []
        self.on_get: Callable[[str, dict[str, Any]], None] = lambda _url, _obj: None
        """Changes an object each time it is read, as controllers would meanwhile."""
        self.refusals: dict[str, tuple[int, dict[str, Any]]] = {}
        """Answers instead, by method."""
        self.client = ApiClient(Connection("https://fake"), httpx.MockTransport(self._answered))

    def sent(self, method: str) -> list[httpx.Request]:
        return [request for request in self.requests if request.method == method]

    def _answered(self, request: httpx.Request) -> httpx.Response:
        return self.answer(request)  # looked up at every request, so that a test can put itself before it

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        path = request.url.path
        if request.method in self.refusals:
            code, status = self.refusals[request.method]
            return httpx.Response(code, json=status)
        if path in KINDS:
            resources = [{"kind": kind, "name": name, "namespaced": scope} for kind, name, scope in KINDS[path]]
            return httpx.Response(200, json={"resources": resources})
        return getattr(self, f"_{request.method.lower()}")(path, request)

    def _get(self, path: str, request: httpx.Request) -> httpx.Response:
        if path in self.objects:
            self.on_get(path, self.objects[path])
            return httpx.Response(200, json=self.objects[path])
        collections = {f"/{name}" for kinds in KINDS.values() for _, name, _ in kinds}
        if any(path.endswith(collection) for collection in collections):
            items = [obj for url, obj in self.objects.items() if url.startswith(f"{path}/")]
            return httpx.Response(200, json={"items": items})
        return httpx.Response(404, json={"reason": "NotFound", "message": f"{path} not found"})

    def _post(self, path: str, request: httpx.Request) -> httpx.Response:
        obj = json.loads(request.content)
        url = f"{path}/{obj['metadata']['name']}"
        if url in self.objects:
            return httpx.Response(409, json={"reason": "AlreadyExists", "message": f"{url} already exists"})
        obj["metadata"] |= {"uid": f"uid-{len(self.objects)}", "resourceVersion": "1", "generation": 1}
        obj["metadata"]["managedFields"] = [
            {"manager": "pulumi-kubernetes", "operation": "Update", "fieldsV1": {"f:spec": {}}}
        ]
        if "dryRun" not in request.url.params:
            self.objects[url] = obj
        return httpx.Response(201, json=obj)

    def _patch(self, path: str, request: httpx.Request) -> httpx.Response:
        if path not in self.objects:
            return httpx.Response(404, json={"reason": "NotFound", "message": f"{path} not found"})
        body: Any = json.loads(request.content)
        updated = copy.deepcopy(self.objects[path])
        if is_array(body):
            for step in body:
                updated["metadata"][step["path"].rpartition("/")[2]] = step["value"]
        else:
            updated |= {key: value for key, value in body.items() if key != "metadata"}
        if "dryRun" not in request.url.params:
            self.objects[path] = updated
        return httpx.Response(200, json=updated)

    def _delete(self, path: str, request: httpx.Request) -> httpx.Response:
        if self.objects.pop(path, None) is None:
            return httpx.Response(404, json={"reason": "NotFound"})
        return httpx.Response(200, json={})
