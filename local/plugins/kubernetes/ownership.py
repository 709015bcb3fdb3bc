"""Who owns which field of an object, as server-side apply records it in `metadata.managedFields`."""

from local.plugins.kubernetes.client import CONFLICT, CREATE_MANAGER, ApiClient, ApiError
from local.plugins.kubernetes.paths import Path
from local.plugins.wire import Object, dig, is_object, mapping, objects

TAKEN_OVER = frozenset({CREATE_MANAGER, "pulumi-resource-kubernetes", "kubectl", "before-first-apply"})
"""Managers whose fields the program declares: its own from the create, and those of objects imported into it."""


def _is_taken_over(entry: Object) -> bool:
    return entry.get("manager") in TAKEN_OVER and entry.get("operation") == "Update" and not entry.get("subresource")


def needs_takeover(live: Object) -> bool:
    """Whether fields still belong to the create rather than to the apply that follows."""
    return any(_is_taken_over(entry) for entry in objects(live, "metadata", "managedFields"))


def drops_fields(old: Object, new: Object) -> bool:
    """Whether a field is left out now. Until the create's fields are taken over a dry run keeps it, and may mind."""
    return any(
        key not in new or (is_object(value) and is_object(new[key]) and drops_fields(value, new[key]))
        for key, value in old.items()
    )


def take_over(client: ApiClient, live: Object, manager: str) -> Object:
    """Give the fields set by the create to the apply's manager.

    Otherwise the two would share them, and a field the program drops would stay for ever.

    Returns:
        The live object after it.
    """
    for _ in range(5):
        if not needs_takeover(live):
            return live
        try:
            return client.replace_managed_fields(live, _taken_over(live, manager))
        except ApiError as error:
            if error.code != CONFLICT:
                raise
            live = client.get(live)  # somebody wrote in between, a controller its status
    return live


def _taken_over(live: Object, manager: str) -> list[Object]:
    managed = objects(live, "metadata", "managedFields")
    taken = [entry for entry in managed if _is_taken_over(entry)]
    own = [entry for entry in managed if _is_own(entry, manager)]
    fields: Object = {}
    for entry in [*own, *taken]:
        fields = _union(fields, mapping(entry, "fieldsV1"))
    merged = {**(own or taken)[0], "manager": manager, "operation": "Apply", "fieldsV1": fields}
    return [merged, *(entry for entry in managed if entry not in taken and entry not in own)]


def _is_own(entry: Object, manager: str) -> bool:
    return entry.get("manager") == manager and entry.get("operation") == "Apply" and not entry.get("subresource")


def _union(one: Object, other: Object) -> Object:
    return {
        **one,
        **{key: _union(mapping(one, key), value) if is_object(value) else value for key, value in other.items()},
    }


def leave_ignored(inputs: Object, live: Object, manager: str, ignored: list[Path]) -> Object:
    """Inputs that do not touch what `ignore_changes` names.

    A field only others own is left out, one of ours keeps its live value: left out, it would be removed.
    """
    managed = objects(live, "metadata", "managedFields")
    for path in ignored:
        steps = [step for step in path if isinstance(step, str) and step != "*"]
        if len(steps) != len(path):
            continue  # inside an array: the engine has put the old inputs there already
        owners = [entry for entry in managed if _owns(entry, steps)]
        value = dig(live, *steps)
        if owners and not any(_is_own(entry, manager) for entry in owners):
            inputs = _without(inputs, steps)
        elif value is not None:
            inputs = _with(inputs, steps, value)
    return inputs


def _owns(entry: Object, steps: list[str]) -> bool:
    return dig(mapping(entry, "fieldsV1"), *(f"f:{step}" for step in steps)) is not None


def _without(obj: Object, steps: list[str]) -> Object:
    key, *rest = steps
    if key not in obj:
        return obj
    if rest:
        return {**obj, key: _without(mapping(obj, key), rest)}
    return {name: value for name, value in obj.items() if name != key}


def _with(obj: Object, steps: list[str], value: object) -> Object:
    key, *rest = steps
    return {**obj, key: _with(mapping(obj, key), rest, value) if rest else value}
