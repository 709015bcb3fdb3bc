"""The provider's own configuration: which cluster, and how objects are treated."""

import json
import os
from dataclasses import dataclass

from local.plugins.kubernetes.kubeconfig import Connection, KubeconfigError, active_cluster, ambient, connection, parse
from local.plugins.serve import PluginError
from local.plugins.wire import UNKNOWN, Object

UNSUPPORTED = ("renderYamlToDirectory", "skipUpdateUnreachable", "deleteUnreachable", "upsertExistingObjects")


@dataclass(frozen=True)
class Options:
    """How the provider treats objects."""

    namespace: str | None
    """Given to namespaced objects that name none."""
    mutable_config_maps: bool
    mutable_secrets: bool
    force: bool
    """Take over fields that others own instead of reporting a conflict."""


def is_on(config: Object, option: str, variable: str, *, default: bool = False) -> bool:
    """A switch, from the provider's arguments (where booleans are text) or else from the environment."""
    value = config.get(option, os.environ.get(variable))
    return default if value is None else str(value).lower() == "true"


def read(config: Object) -> Options:
    """Read the configuration.

    Raises:
        PluginError: It asks for something only the official provider does.
    """
    for option in UNSUPPORTED:
        if config.get(option) and str(config[option]).lower() != "false":
            message = f"the embedded default's stand-in does not support the provider option {option}"
            raise PluginError(message)
    if not is_on(config, "enableServerSideApply", "PULUMI_K8S_ENABLE_SERVER_SIDE_APPLY", default=True):
        message = "the embedded default's stand-in supports server-side apply only"
        raise PluginError(message)
    return Options(
        namespace=text(config, "namespace"),
        mutable_config_maps=is_on(config, "enableConfigMapMutable", "PULUMI_K8S_ENABLE_CONFIGMAP_MUTABLE"),
        mutable_secrets=is_on(config, "enableSecretMutable", "PULUMI_K8S_ENABLE_SECRET_MUTABLE"),
        force=is_on(config, "enablePatchForce", "PULUMI_K8S_ENABLE_PATCH_FORCE"),
    )


def text(config: Object, option: str) -> str | None:
    """An option that is text, None where it is not set or not known."""
    value = config.get(option)
    return value if isinstance(value, str) and value else None


def kubeconfig(config: Object) -> Object:
    """The kubeconfig given as text, path or object, or the environment's.

    Raises:
        KubeconfigError: There is none that can be read.
    """
    given = config.get("kubeconfig")
    if not given:
        return ambient()
    return parse(given if isinstance(given, str) else json.dumps(given))


def connect(config: Object) -> Connection:
    """Work out how to reach the cluster.

    Raises:
        KubeconfigError: The kubeconfig does not lead to one.
    """
    return connection(kubeconfig(config), text(config, "context"), text(config, "cluster"))


def cluster_changes(old: Object, new: Object) -> tuple[list[str], list[str]]:
    """Which options differ, and which of them mean another cluster, so that everything must be made anew.

    With an unchanged `clusterIdentifier` nothing does; without one a kubeconfig not known yet might.
    """
    changed = sorted(key for key in {*old, *new} if old.get(key) != new.get(key))
    identifiers = [config.get("clusterIdentifier") for config in (old, new)]
    if all(identifiers):
        return changed, ["clusterIdentifier"] if identifiers[0] != identifiers[1] else []
    unknown = [key for key in ("kubeconfig", "context", "cluster") if new.get(key) is UNKNOWN]
    if unknown:
        return changed, unknown
    before, after = (_cluster(config) for config in (old, new))
    moved = before is not None and after is not None and before != after
    return changed, [key for key in changed if moved and key in ("kubeconfig", "context", "cluster")]


def _cluster(config: Object) -> Object | None:
    try:
        given = kubeconfig(config) if config.get("kubeconfig") else {}
    except KubeconfigError:
        return None
    return active_cluster(given, text(config, "context"), text(config, "cluster"))
