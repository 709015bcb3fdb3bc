from pathlib import Path
from typing import Any

import pytest

from local.plugins.kubernetes.kubeconfig import KubeconfigError, ambient, connection, parse
from local.plugins.kubernetes.options import cluster_changes, read
from local.plugins.serve import PluginError
from local.plugins.wire import UNKNOWN, Object

CONFIG: Object = {
    "current-context": "one",
    "contexts": [
        {"name": "one", "context": {"cluster": "a", "user": "token", "namespace": "team"}},
        {"name": "two", "context": {"cluster": "b", "user": "cloud"}},
        {"name": "lost", "context": {"cluster": "c", "user": "token"}},
    ],
    "clusters": [
        {"name": "a", "cluster": {"server": "https://a:6443/"}},
        {"name": "b", "cluster": {"server": "https://b:6443"}},
    ],
    "users": [
        {"name": "token", "user": {"token": "t"}},
        {"name": "cloud", "user": {"exec": {"command": "aws"}}},
    ],
}


def test_the_current_context_gives_server_namespace_and_credentials() -> None:
    chosen = connection(CONFIG)
    assert (chosen.server, chosen.namespace, chosen.headers) == (
        "https://a:6443",
        "team",
        {"Authorization": "Bearer t"},
    )


def test_cluster_and_context_can_be_chosen() -> None:
    assert connection(CONFIG, cluster="b").server == "https://b:6443"
    with pytest.raises(KubeconfigError, match=r"exec plugin[\s\S]*official pulumi-resource-kubernetes"):
        connection(CONFIG, context="two")


def test_a_missing_context_names_those_there_are() -> None:
    with pytest.raises(KubeconfigError, match=r"no context 'three' \(it has: lost, one, two\)"):
        connection(CONFIG, context="three")
    with pytest.raises(KubeconfigError, match="'lost' of the kubeconfig leads to no cluster"):
        connection(CONFIG, context="lost")


@pytest.mark.parametrize(
    ("user", "header"),
    [({"username": "u", "password": "p"}, "Basic dTpw"), ({"token": "t"}, "Bearer t"), ({}, None)],
)
def test_credentials_become_a_header(user: dict[str, str], header: str | None) -> None:
    config = CONFIG | {"users": [{"name": "token", "user": user}]}
    assert connection(config).headers.get("Authorization") == header


def test_a_kubeconfig_is_given_as_text_or_path(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("current-context: x\n")
    assert parse(str(path)) == parse("current-context: x\n") == parse('{"current-context": "x"}')


@pytest.mark.parametrize(
    ("given", "message"),
    [("/nowhere/config", "does not exist"), ("a: [\n", "is not YAML"), ("- a\n", "no YAML object")],
)
def test_a_kubeconfig_that_cannot_be_read_says_why(given: str, message: str) -> None:
    with pytest.raises(KubeconfigError, match=message):
        parse(given)


def test_the_environment_names_the_first_file_that_exists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "b").write_text("current-context: b\n")
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path / 'a'}:{tmp_path / 'b'}")
    assert ambient() == {"current-context": "b"}
    monkeypatch.setenv("KUBECONFIG", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(KubeconfigError, match="no kubeconfig"):
        ambient()


def test_switches_come_from_the_arguments_as_text_or_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_K8S_ENABLE_SECRET_MUTABLE", "true")
    options = read({"enableConfigMapMutable": "true", "enablePatchForce": "false", "namespace": "n"})
    assert (options.mutable_config_maps, options.mutable_secrets, options.force) == (True, True, False)
    assert options.namespace == "n"


@pytest.mark.parametrize(
    "config", [{"renderYamlToDirectory": "out"}, {"enableServerSideApply": "false"}, {"deleteUnreachable": True}]
)
def test_what_only_the_official_provider_does_is_refused(config: Object) -> None:
    with pytest.raises(PluginError, match="the embedded default's stand-in"):
        read(config)


def a_config(server: str, **options: Any) -> Object:
    clusters = [{"name": "a", "cluster": {"server": server}}]
    config = {"current-context": "x", "contexts": [{"name": "x", "context": {"cluster": "a"}}], "clusters": clusters}
    return {"kubeconfig": config, **options}


@pytest.mark.parametrize(
    ("old", "new", "replacing"),
    [
        (a_config("https://a"), a_config("https://a"), []),
        (a_config("https://a"), a_config("https://b"), ["kubeconfig"]),
        (a_config("https://a", clusterIdentifier="1"), a_config("https://b", clusterIdentifier="1"), []),
        (
            a_config("https://a", clusterIdentifier="1"),
            a_config("https://a", clusterIdentifier="2"),
            ["clusterIdentifier"],
        ),
        (a_config("https://a"), a_config("https://a", clusterIdentifier="1"), []),
        (a_config("https://a"), {"kubeconfig": UNKNOWN}, ["kubeconfig"]),
        (a_config("https://a", clusterIdentifier="1"), {"kubeconfig": UNKNOWN, "clusterIdentifier": "1"}, []),
        (a_config("https://a"), a_config("https://a", namespace="n"), []),
    ],
)
def test_only_another_cluster_makes_everything_anew(old: Object, new: Object, replacing: list[str]) -> None:
    changed, found = cluster_changes(old, new)
    assert found == replacing
    assert bool(changed) is (old != new)
