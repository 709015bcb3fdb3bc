"""Credentials with which a namespace's pods pull images."""

import base64
import json
from collections.abc import Mapping

import pulumi
from pulumi_kubernetes.core.v1 import LocalObjectReferenceArgs, Secret
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.settings.platform import RegistryCredentials


def pull_secrets(
    name: str,
    namespace: pulumi.Input[str],
    labels: Mapping[str, str],
    registries: Mapping[str, RegistryCredentials],
    opts: pulumi.ResourceOptions,
) -> list[LocalObjectReferenceArgs]:
    """One Secret for all registries, and what a ServiceAccount says to use it; nothing where there are no credentials.

    It names itself and is immutable, so that changed credentials are a new Secret that its users move to.
    """
    if not registries:
        return []
    secret = Secret(
        f"{name}-pull",
        metadata=ObjectMetaArgs(namespace=namespace, labels=labels),
        type="kubernetes.io/dockerconfigjson",
        immutable=True,
        data={".dockerconfigjson": pulumi.Output.secret(_docker_config(registries))},
        opts=opts,
    )
    return [LocalObjectReferenceArgs(name=secret.metadata.name)]


def _docker_config(registries: Mapping[str, RegistryCredentials]) -> str:
    """https://kubernetes.io/docs/concepts/containers/images/#config-json, in base64 as Secrets hold it."""
    auths = {
        host: {"username": given.username, "password": given.password.get_secret_value(), "auth": _basic(given)}
        for host, given in registries.items()
    }
    return _base64(json.dumps({"auths": auths}, sort_keys=True))


def _basic(credentials: RegistryCredentials) -> str:
    return _base64(f"{credentials.username}:{credentials.password.get_secret_value()}")


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
