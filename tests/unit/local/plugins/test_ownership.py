import json
from typing import Any

import httpx

from local.plugins.kubernetes.ownership import leave_ignored, needs_takeover, take_over
from local.plugins.wire import Object
from tests.unit.local.plugins.fake_api import FakeApi

MANAGER = "pulumi-kubernetes-1"
CREATED: Object = {"manager": "pulumi-kubernetes", "operation": "Update", "fieldsV1": {"f:spec": {"f:a": {}}}}
STATUS: Object = {"manager": "pulumi-kubernetes", "operation": "Update", "subresource": "status", "fieldsV1": {}}
SCALED: Object = {
    "manager": "hpa",
    "operation": "Update",
    "subresource": "scale",
    "fieldsV1": {"f:spec": {"f:replicas": {}}},
}
OWN: Object = {"manager": MANAGER, "operation": "Apply", "fieldsV1": {"f:spec": {"f:b": {}}}}


def owned_by(*managers: Object, **spec: Any) -> dict[str, Any]:
    metadata = {"name": "d", "namespace": "n", "resourceVersion": "7", "managedFields": list(managers)}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


def test_the_apply_takes_over_what_the_create_set_and_nothing_else(api: FakeApi) -> None:
    live = owned_by(CREATED, OWN, STATUS, SCALED)
    api.objects["/apis/apps/v1/namespaces/n/deployments/d"] = live
    after = take_over(api.client, live, MANAGER)
    merged: Object = {"manager": MANAGER, "operation": "Apply", "fieldsV1": {"f:spec": {"f:a": {}, "f:b": {}}}}
    assert after["metadata"]["managedFields"] == [merged, STATUS, SCALED]


def test_the_takeover_insists_on_the_version_it_saw(api: FakeApi) -> None:
    live = owned_by(CREATED)
    api.objects["/apis/apps/v1/namespaces/n/deployments/d"] = live
    take_over(api.client, live, MANAGER)
    steps = json.loads(api.sent("PATCH")[0].content)
    assert {"op": "replace", "path": "/metadata/resourceVersion", "value": "7"} in steps


def test_a_takeover_that_lost_a_race_is_tried_again(api: FakeApi) -> None:
    live = owned_by(CREATED)
    api.objects["/apis/apps/v1/namespaces/n/deployments/d"] = live
    answer = api.answer

    def refuse_once(request: httpx.Request) -> httpx.Response:
        if request.method == "PATCH" and not api.sent("PATCH"):
            api.requests.append(request)
            return httpx.Response(409, json={"reason": "Conflict", "message": "changed meanwhile"})
        return answer(request)

    api.answer = refuse_once
    assert not needs_takeover(take_over(api.client, live, MANAGER))


def test_an_object_that_was_applied_before_needs_no_takeover(api: FakeApi) -> None:
    live = owned_by(OWN, STATUS)
    assert take_over(api.client, live, MANAGER) is live
    assert api.requests == []


def test_an_ignored_field_of_another_manager_is_left_out() -> None:
    live = owned_by(OWN, SCALED, replicas=5, b=1)
    assert leave_ignored({"spec": {"replicas": 1, "b": 2}}, live, MANAGER, [("spec", "replicas")]) == {"spec": {"b": 2}}


def test_an_ignored_field_of_ours_keeps_its_live_value() -> None:
    live = owned_by(OWN, b=1)
    assert leave_ignored({"spec": {"b": 2}}, live, MANAGER, [("spec", "b")]) == {"spec": {"b": 1}}


def test_an_ignored_field_that_is_not_live_stays_as_declared() -> None:
    inputs = {"spec": {"c": 2}}
    assert leave_ignored(inputs, owned_by(OWN), MANAGER, [("spec", "c"), ("spec", "l", 0)]) == inputs
