"""JSON documents with a version of their own, as manifests and results are."""

import json
from typing import cast


def fields_of(text: bytes | str, schema_version: int) -> dict[str, object]:
    """The fields of a JSON object that says it has this `schemaVersion`; nothing else in it is looked at.

    Raises:
        ValueError: Not JSON, no object, or another schema.
    """
    try:
        document = cast("object", json.loads(text))
    except ValueError as error:  # UnicodeDecodeError is one too
        msg = f"not JSON: {error}"
        raise ValueError(msg) from None
    if not isinstance(document, dict):
        msg = "must be a JSON object"
        raise ValueError(msg)
    fields = cast("dict[str, object]", document)
    if fields.get("schemaVersion") != schema_version:
        msg = f"schemaVersion is {fields.get('schemaVersion')!r}; this program reads {schema_version}"
        raise ValueError(msg)
    return fields
