"""Which API server to talk to and how to prove who we are, from a kubeconfig."""

import base64
import os
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from local.plugins.serve import PluginError
from local.plugins.wire import Object, dig, is_object, mapping, objects


class KubeconfigError(PluginError):
    """The kubeconfig does not lead to a cluster."""


@dataclass(frozen=True)
class Connection:
    """How to reach an API server."""

    server: str
    """Base URL."""
    namespace: str | None = None
    """The context's namespace."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    verify: ssl.SSLContext | bool = True


def parse(text_or_path: str) -> Object:
    """Read a kubeconfig given as its text or as a path.

    Raises:
        KubeconfigError: It is neither.
    """
    text = text_or_path
    if "\n" not in text_or_path and not text_or_path.lstrip().startswith("{"):
        path = Path(text_or_path).expanduser()
        if not path.is_file():
            message = f"kubeconfig {path} does not exist"
            raise KubeconfigError(message)
        text = path.read_text()
    try:
        config = yaml.safe_load(text)
    except yaml.YAMLError as error:
        message = f"the kubeconfig is not YAML: {error}"
        raise KubeconfigError(message) from error
    if not is_object(config):
        message = "the kubeconfig is no YAML object"
        raise KubeconfigError(message)
    return config


def ambient() -> Object:
    """The kubeconfig the environment names: the first existing file of KUBECONFIG, else ~/.kube/config.

    Raises:
        KubeconfigError: There is none.
    """
    candidates = [Path(part) for part in os.environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    for path in candidates or [Path("~/.kube/config").expanduser()]:
        if path.is_file():
            return parse(str(path))
    message = "no kubeconfig: set the provider's `kubeconfig`, or KUBECONFIG"
    raise KubeconfigError(message)


def active_cluster(config: Object, context: str | None, cluster: str | None) -> Object | None:
    """The cluster entry that a context, or the current one, leads to."""
    entry = _named(config, "contexts", "context", context or config.get("current-context") or "")
    name = cluster or dig(entry, "cluster") or ""
    return _named(config, "clusters", "cluster", name)


def connection(config: Object, context: str | None = None, cluster: str | None = None) -> Connection:
    """Work out server, certificates and credentials.

    Raises:
        KubeconfigError: The context, cluster or user is missing, or the user's credentials need a program to run.
    """
    name = context or config.get("current-context") or ""
    chosen = _named(config, "contexts", "context", name)
    if chosen is None:
        known = ", ".join(sorted(entry.get("name", "") for entry in objects(config, "contexts"))) or "none"
        message = f"the kubeconfig has no context {name!r} (it has: {known})"
        raise KubeconfigError(message)
    target = active_cluster(config, context, cluster)
    if target is None or not target.get("server"):
        message = f"context {name!r} of the kubeconfig leads to no cluster with a server"
        raise KubeconfigError(message)
    user = _named(config, "users", "user", chosen.get("user") or "") or {}
    for unsupported in ("exec", "auth-provider"):
        if unsupported in user:
            message = (
                f"context {name!r} takes its credentials from an {unsupported} plugin; the embedded default's stand-in "
                "cannot run one. Use the official pulumi-resource-kubernetes with this cluster."
            )
            raise KubeconfigError(message)
    return Connection(target["server"].rstrip("/"), chosen.get("namespace"), _headers(user), _tls(target, user))


def _named(config: Object, section: str, field_name: str, name: str) -> Object | None:
    for entry in objects(config, section):
        if entry.get("name") == name:
            return mapping(entry, field_name)
    return None


def _headers(user: Object) -> dict[str, str]:
    if token := user.get("token"):
        return {"Authorization": f"Bearer {token}"}
    if token_file := user.get("tokenFile"):
        return {"Authorization": f"Bearer {Path(token_file).read_text().strip()}"}
    if user.get("username"):
        pair = base64.b64encode(f"{user['username']}:{user.get('password', '')}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}
    return {}


def _content(entry: Object, name: str) -> bytes | None:
    if inline := entry.get(f"{name}-data"):
        return base64.b64decode(inline)
    return Path(entry[name]).read_bytes() if entry.get(name) else None


def _tls(cluster: Object, user: Object) -> ssl.SSLContext | bool:
    authority = _content(cluster, "certificate-authority")
    context = ssl.create_default_context(cadata=authority.decode() if authority else None)
    if cluster.get("insecure-skip-tls-verify"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    certificate, key = _content(user, "client-certificate"), _content(user, "client-key")
    if certificate and key:
        with tempfile.NamedTemporaryFile() as file:  # the ssl module reads key pairs from files only
            file.write(certificate + b"\n" + key)
            file.flush()
            context.load_cert_chain(file.name)
    return context
