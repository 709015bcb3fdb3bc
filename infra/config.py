"""The stack's configuration as Pulumi hands it over: every key of the project, known or not."""

import json
import os
from collections.abc import Mapping
from typing import cast

import pulumi
from pulumi.runtime.config import CONFIG, get_config_env

from infra.overrides import PREFIX, read_overrides


def read_config() -> Mapping[str, object]:
    """The raw words of the stack file, by key without `tfk8s:`.

    `pulumi.Config` only answers for keys one asks for by name; here all are read, so that a mistyped one is refused.
    The engine hands them over in PULUMI_CONFIG, the Automation API in a context variable; structured values are JSON
    in both. Secrets inside them arrive in the clear and are typed as such by the settings.

    Raises:
        StackFileError: The file named by TFK8S_OVERRIDES cannot be used.
    """
    config = cast("Mapping[str, object]", {**get_config_env(), **CONFIG.get()})
    words = {key.removeprefix(PREFIX): _decoded(value) for key, value in config.items() if key.startswith(PREFIX)}
    overrides = read_overrides(os.environ)
    if overrides is None:
        return words
    pulumi.log.warn(overrides.warning())
    return {**words, **overrides.words}


def _decoded(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return cast("object", json.loads(value))
    except ValueError:
        return value
