"""What a gateway does with a model's requests: shares them among its versions, by weight and by header.

Only what TensorFlow Serving answers about this model, by its name, goes through: the servers' metrics and a version of
the caller's choice, which would pass the weights by, do not.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from infra.components import gateway_api as api
from infra.components.serving_pod import REST_PORT
from infra.settings import Duration, ModelSettings, Track
from infra.settings.workloads import Canary, Gateway

_CALLS: Final = (":predict", ":classify", ":regress", "", "/metadata")
"""After `/v1/models/<name>` (https://www.tensorflow.org/tfx/serving/api_rest). Exact paths: `digits` is no prefix of
`digits:predict`, since prefixes end at a slash."""


def predict_path(model: str) -> str:
    """Path of predictions, as TensorFlow Serving has it."""
    return f"/v1/models/{model}:predict"


def route(model: str, settings: ModelSettings, gateway: Gateway) -> api.HTTPRouteSpec:
    """The one route of a model."""
    return api.HTTPRouteSpec(
        parent_refs=(_parent(gateway),),
        hostnames=None if gateway.hostname is None else (gateway.hostname,),
        rules=tuple(_rules(model, settings, gateway)),
    )


def _parent(gateway: Gateway) -> api.ParentReference:
    if gateway.parent is not None:
        return api.ParentReference(name=gateway.parent.name, namespace=gateway.parent.namespace)
    assert gateway.class_name is not None, "settings take one of the two"
    return api.ParentReference(name=gateway.class_name)


def _rules(model: str, settings: ModelSettings, gateway: Gateway) -> Iterator[api.RouteRule]:
    canary, timeouts = settings.tracks.canary, None
    if "HTTPRouteRequestTimeout" in gateway.features:
        whole = Duration(Decimal(settings.request_timeout.milliseconds) / 1000)  # a route takes no smaller parts
        timeouts = api.RouteTimeouts(request=str(whole))
    if canary is not None and canary.headers:
        yield api.RouteRule(
            matches=tuple(_matches(model, canary)), backend_refs=(_backend(model, canary, 100),), timeouts=timeouts
        )
    tracks = [track for _, track in settings.tracks.named()]
    yield api.RouteRule(
        matches=tuple(_matches(model)),
        filters=(_mirror(model, canary),) if canary is not None and canary.mirror else None,
        backend_refs=tuple(_backend(model, track, track.weight) for track in tracks),
        timeouts=timeouts,
    )


def _matches(model: str, canary: Canary | None = None) -> Iterator[api.RouteMatch]:
    headers = () if canary is None else tuple(sorted(canary.headers.items()))
    for call in _CALLS:
        yield api.RouteMatch(
            path=api.PathMatch(type="Exact", value=f"/v1/models/{model}{call}"),
            headers=tuple(api.HeaderMatch(type="Exact", name=name, value=value) for name, value in headers) or None,
        )


def _backend(model: str, track: Track, weight: int) -> api.BackendRef:
    return api.BackendRef(name=f"{model}-v{track.version}", port=REST_PORT, weight=weight)


def _mirror(model: str, canary: Canary) -> api.RouteFilter:
    copies = api.ServiceReference(name=f"{model}-v{canary.version}", port=REST_PORT)
    return api.RouteFilter(type="RequestMirror", request_mirror=api.RequestMirror(backend_ref=copies))
