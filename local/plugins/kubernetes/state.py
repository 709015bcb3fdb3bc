"""What the engine keeps of an object: its name, its identity, and the inputs beside the live object."""

import hashlib
import re
import secrets
from typing import Any

from pulumi.runtime.proto.provider_pb2 import CheckRequest

from local.plugins.serve import PluginError
from local.plugins.wire import UNKNOWN, Object, Secret, dig, hide_like, is_array, is_object, mapping, reveal

AUTONAMED = "pulumi.com/autonamed"
INPUTS, API_VERSION, MANAGER = "__inputs", "__initialApiVersion", "__fieldManager"
"""Keys of the official provider beside the live object's own, so that either can read the other's state."""

EXTENSION = re.compile(r"x[_-]kubernetes[_-][a-z_-]+")
"""Keys of CustomResourceDefinitions that no programming language can write with their dashes."""


def annotation(obj: Object, name: str) -> str | None:
    """An annotation's value."""
    return dig(obj, "metadata", "annotations", name)


def is_named(inputs: Object) -> bool:
    """Whether the program gave a name, maybe one not known yet."""
    return inputs.get("metadata") is UNKNOWN or bool(dig(inputs, "metadata", "name"))


def give_name(inputs: Object, old_inputs: Object, request: CheckRequest) -> Object:
    """Name what the program left unnamed: as before, as the engine proposes, or from the resource's name.

    Raises:
        PluginError: The project switched automatic names off.
    """
    if is_named(inputs):
        return inputs
    if annotation(old_inputs, AUTONAMED) == "true":
        name = dig(old_inputs, "metadata", "name")
    elif request.HasField("autonaming"):
        if request.autonaming.mode == CheckRequest.AutonamingOptions.DISABLE:
            message = "autonaming is disabled: the resource needs `metadata.name`"
            raise PluginError(message)
        name = request.autonaming.proposed_name
    else:
        name = f"{request.urn.rpartition('::')[2]}-{random_suffix(request.randomSeed)}"
    metadata = mapping(inputs, "metadata")
    annotations = mapping(metadata, "annotations") | {AUTONAMED: "true"}
    return inputs | {"metadata": metadata | {"name": name, "annotations": annotations}}


def random_suffix(seed: bytes = b"") -> str:
    """Eight hexadecimal digits, always the same for a seed."""
    return hashlib.sha256(seed).hexdigest()[:8] if seed else secrets.token_hex(4)


def identity(obj: Object) -> str:
    """An object's ID for the engine: `namespace/name`, or the name alone."""
    namespace, name = (dig(obj, "metadata", key) for key in ("namespace", "name"))
    return f"{namespace}/{name}" if namespace else name


def named(identifier: str, api_version: str, kind: str) -> Object:
    """The bare object that an ID means."""
    namespace, _, name = identifier.rpartition("/")
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": name} | ({"namespace": namespace} if namespace else {}),
    }


def kind_of(type_token: str) -> tuple[str, str]:
    """API version and kind of a type such as `kubernetes:apps/v1:Deployment`.

    Raises:
        PluginError: It is none of Kubernetes' kinds.
    """
    _, _, rest = type_token.partition(":")
    api_version, _, kind = rest.partition(":")
    group, slash, version = api_version.partition("/")
    if not slash or not kind:
        message = f"{type_token} is no Kubernetes kind; the embedded default's stand-in manages plain objects only"
        raise PluginError(message)
    return (version if group == "core" else api_version), kind


def checkpoint(inputs: Object, live: Object, manager: str) -> Object:
    """What the state keeps: the live object with the inputs and the field manager beside it, secrets marked.

    Args:
        inputs: As the engine sent them, secrets marked.
        live: As the API server sent it.
        manager: Name of the server-side apply manager.
    """
    hidden, kept = hide_like(live, inputs), dict(inputs)
    if (live.get("apiVersion"), live.get("kind")) == ("v1", "Secret"):
        hidden, kept = ({**part, **_hide_secret(part)} for part in (hidden, kept))
    kept = with_underscores(kept)
    return with_underscores(hidden) | {INPUTS: kept, API_VERSION: inputs.get("apiVersion"), MANAGER: manager}


def _hide_secret(secret: Object) -> Object:
    """The data of a Secret, marked as such."""
    return {
        key: secret[key] if isinstance(secret[key], Secret) else Secret(secret[key])
        for key in ("data", "stringData")
        if key in secret
    }


def split(state: Object) -> tuple[Object, Object]:
    """The inputs and the live object of what `checkpoint` made, secrets revealed."""
    plain = with_dashes(reveal(state))
    own = (INPUTS, API_VERSION, MANAGER)
    return mapping(plain, INPUTS), {key: value for key, value in plain.items() if key not in own}


def with_dashes(value: Any) -> Any:  # noqa: ANN401  # JSON
    """With `x_kubernetes_…` keys as the API server spells them."""
    return _spelled(value, "_", "-")


def with_underscores(value: Any) -> Any:  # noqa: ANN401  # JSON
    """With `x-kubernetes-…` keys as the SDKs spell them."""
    return _spelled(value, "-", "_")


def _spelled(value: Any, old: str, new: str) -> Any:  # noqa: ANN401  # JSON
    if is_object(value):
        return {
            key.replace(old, new) if EXTENSION.fullmatch(key) else key: _spelled(item, old, new)
            for key, item in value.items()
        }
    if is_array(value):
        return [_spelled(item, old, new) for item in value]
    return value


def is_replaced_in_place(new_inputs: Object, live: Object) -> bool:
    """Whether a replacement would have the name of the object it replaces, so that must go first."""
    if annotation(new_inputs, AUTONAMED) == "true" or dig(new_inputs, "metadata", "name") is UNKNOWN:
        return False
    return all(dig(new_inputs, "metadata", key) == dig(live, "metadata", key) for key in ("name", "namespace"))
