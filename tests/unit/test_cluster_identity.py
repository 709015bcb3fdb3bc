import base64
import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import pulumi
import pytest

from infra import cluster_client, cluster_identity, program
from infra.cluster_identity import guarded_kubeconfig, uid_of, without_asking
from infra.kubeconfig import Access, ClusterError
from infra.settings.platform import ClusterSettings
from tests.unit.recorder import record_changed

UID = "3f0c5d2e-1111-4222-8333-444455556666"
OTHER = "99999999-1111-4222-8333-444455556666"
FILE = Path("/home/me/config")
ACCESS = Access(
    file=FILE, context="prod", cluster={"server": "https://prod.example.org:6443"}, user={"token": "secret-token"}
)


def cluster(uid: str | None = UID, *, kubeconfig: str | None = None) -> ClusterSettings:
    return ClusterSettings(context="prod", kubeconfig=kubeconfig, kubeSystemUid=uid)  # pyright: ignore[reportCallIssue] - the alias, made by a function


@pytest.fixture
def kubeconfig(tmp_path: Path) -> str:
    file = tmp_path / "config"
    words = {
        "contexts": [{"name": "prod", "context": {"cluster": "c"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://prod.example.org"}}],
    }
    file.write_text(json.dumps(words), encoding="utf-8")
    return str(file)


def nobody(_access: Access) -> str:
    pytest.fail("the cluster was asked")


def test_the_right_cluster_passes_and_the_provider_gets_the_file_that_was_asked(kubeconfig: str) -> None:
    asked: list[Path] = []

    def ask(access: Access) -> str:
        asked.append(access.file)
        return UID

    assert guarded_kubeconfig(cluster(), {"KUBECONFIG": kubeconfig}, ask) == kubeconfig
    assert [str(file) for file in asked] == [kubeconfig]


def test_another_cluster_is_refused_with_both_uids_the_context_and_the_kubeconfig(kubeconfig: str) -> None:
    with pytest.raises(ClusterError) as refused:
        guarded_kubeconfig(cluster(kubeconfig=kubeconfig), {}, lambda _: OTHER)
    said = str(refused.value)
    assert said.startswith("nothing was changed")
    for part in ("tfk8s:cluster.kubeSystemUid", UID, OTHER, "context prod", kubeconfig, "https://prod.example.org"):
        assert part in said
    assert "tfk8s pin STACK --update" in said


def test_without_a_uid_nobody_is_asked_and_no_kubeconfig_is_needed() -> None:
    assert guarded_kubeconfig(cluster(None), {}, nobody) is None
    assert guarded_kubeconfig(cluster(None), {"KUBECONFIG": "/nowhere"}, nobody) == "/nowhere"


def test_a_program_that_registers_nothing_real_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_identity, "uid_of", nobody)
    with without_asking():
        assert guarded_kubeconfig(cluster(kubeconfig="/nowhere"), {}) == "/nowhere"
    with pytest.raises(ClusterError, match="/nowhere does not exist"):
        guarded_kubeconfig(cluster(kubeconfig="/nowhere"), {})
    recorded = record_changed(("cluster.kubeSystemUid", UID))
    assert recorded.one("pulumi:providers:kubernetes", "cluster").inputs["context"] == "test"


def test_the_program_registers_nothing_before_the_cluster_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(_settings: ClusterSettings) -> str | None:
        raise ClusterError("context", "wrong cluster", "go elsewhere")

    monkeypatch.setattr(program, "guarded_kubeconfig", wrong)
    monkeypatch.setattr(program, "_Platform", nobody)
    with pytest.raises(pulumi.RunError, match="wrong cluster\n    go elsewhere"):
        record_changed()


Handler = Callable[[httpx.Request], httpx.Response]


@pytest.fixture
def api_server(monkeypatch: pytest.MonkeyPatch) -> Callable[[Handler], list[Mapping[str, Any]]]:
    """Lets a function answer for every server; gives back what clients were made with."""

    def answered_by(handler: Handler) -> list[Mapping[str, Any]]:
        made: list[Mapping[str, Any]] = []

        class Client(httpx.AsyncClient):
            def __init__(self, **options: Any) -> None:
                made.append(options)
                super().__init__(transport=httpx.MockTransport(handler))

        monkeypatch.setattr(httpx, "AsyncClient", Client)
        return made

    return answered_by


ApiServer = Callable[[Handler], list[Mapping[str, Any]]]


def kube_system(request: httpx.Request) -> httpx.Response:
    """Answers with the request's own token for a uid."""
    assert request.url.path == "/api/v1/namespaces/kube-system"
    return httpx.Response(200, json={"metadata": {"uid": request.headers.get("Authorization", "anonymous")}})


def with_user(user: Mapping[str, object], *, server: str = "https://prod.example.org") -> Access:
    return Access(file=FILE, context="prod", cluster={"server": server}, user=user)


def test_the_uid_is_read_with_the_log_in_of_the_context(api_server: ApiServer, tmp_path: Path) -> None:
    api_server(kube_system)
    assert uid_of(ACCESS) == "Bearer secret-token"
    assert uid_of(with_user({})) == "anonymous"
    token = tmp_path / "token"
    token.write_text("from-file\n")
    assert uid_of(with_user({"token": "old", "tokenFile": str(token)})) == "Bearer from-file"
    credential = json.dumps({"status": {"token": "from-program"}})
    program = {"apiVersion": "client.authentication.k8s.io/v1", "command": "echo", "args": [credential]}
    assert uid_of(with_user({"exec": program})) == "Bearer from-program"


@pytest.mark.parametrize(
    ("status", "answer", "said"),
    [
        (401, {"message": "Unauthorized"}, r"\.context.*refused the log-in: Unauthorized.*log in again"),
        (403, {"message": "no, bob"}, r"\.kubeSystemUid.*may not read which cluster it is: no, bob.*`get` the"),
        (404, {"message": "not found"}, "cannot be asked: not found"),
        (503, None, "cannot be asked: HTTP status 503"),
        (200, {"metadata": {}}, "not as a Kubernetes API server does"),
        (200, ["x"], "not as a Kubernetes API server does"),
    ],
)
def test_an_answer_without_a_uid_is_refused_with_its_reason(
    api_server: ApiServer, status: int, answer: object, said: str
) -> None:
    asked: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(status, json=answer) if answer else httpx.Response(status, text="<html>")

    api_server(handler)
    with pytest.raises(ClusterError, match=f"(?s){said}"):
        uid_of(ACCESS)
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (httpx.ConnectError("All connection attempts failed"), "cannot be asked: All connection attempts failed"),
        (httpx.ReadTimeout(""), "did not answer within 10 s"),
    ],
)
def test_a_server_that_does_not_answer_is_named(api_server: ApiServer, error: Exception, said: str) -> None:
    def handler(_request: httpx.Request) -> httpx.Response:
        raise error

    api_server(handler)
    with pytest.raises(ClusterError, match="context prod of /home/me/config") as refused:
        uid_of(ACCESS)
    assert said in str(refused.value)
    assert "is the cluster up" in str(refused.value)


@pytest.mark.parametrize(
    ("server", "proxied"),
    [
        ("https://127.0.0.1:6443", False),
        ("https://localhost", False),
        ("https://[::1]:1", False),
        ("https://a.b", True),
    ],
)
def test_no_proxy_is_asked_for_this_machine_itself(api_server: ApiServer, server: str, proxied: bool) -> None:
    made = api_server(kube_system)
    uid_of(with_user({}, server=server))
    assert (made[0]["trust_env"], made[0]["timeout"]) == (proxied, 10)


@pytest.mark.parametrize(
    ("user", "said"),
    [
        ({"exec": {"apiVersion": "v1", "command": "/nowhere/login"}}, "/nowhere/login"),
        ({"exec": {"apiVersion": "v1", "command": "false"}}, "non-zero code 1"),
        ({"exec": {"apiVersion": "v1", "command": "echo", "args": ["hello"]}}, "Expecting value"),
        ({"tokenFile": "/nowhere/token"}, "/nowhere/token"),
        ({"username": "me", "password": "x"}, "username/password"),
    ],
)
def test_a_log_in_that_fails_is_refused_with_its_own_words(user: Mapping[str, object], said: str) -> None:
    with pytest.raises(ClusterError, match="the log-in of context prod of /home/me/config") as refused:
        uid_of(with_user(user))
    assert said in str(refused.value)


def test_a_log_in_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_client, "LOG_IN_SECONDS", 0.05)
    with pytest.raises(ClusterError, match=r"it took longer than 0\.05 s"):
        uid_of(with_user({"exec": {"apiVersion": "v1", "command": "sleep", "args": ["5"]}}))


def test_no_key_is_left_in_the_temporary_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    data = base64.b64encode(b"no key").decode()
    with pytest.raises(ClusterError, match="the log-in"):
        uid_of(with_user({"client-key-data": data, "client-certificate-data": data}))
    assert list(tmp_path.iterdir()) == []


def test_a_key_that_the_kubeconfig_names_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    key = tmp_path / "key"
    key.write_text("no key")
    with pytest.raises(ClusterError, match="the log-in"):
        uid_of(with_user({"client-key": str(key), "client-certificate": str(key)}))
    assert key.exists()
