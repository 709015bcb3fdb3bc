import json
from pathlib import Path

import pytest

from infra.kubeconfig import Access, ClusterError, find_access, provider_file


class Files:
    """Kubeconfigs of one test, and what is found in them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def write(self, name: str, **sections: dict[str, object]) -> str:
        file = self.directory / name
        words = {
            f"{word}s": [{"name": key, word: value} for key, value in entries.items()]
            for word, entries in sections.items()
        }
        file.write_text(json.dumps(words), encoding="utf-8")
        return str(file)

    def whole(self, name: str, server: str) -> str:
        return self.write(
            name,
            context={"prod": {"cluster": f"c-{name}", "user": f"u-{name}"}},
            cluster={f"c-{name}": {"server": server}},
            user={f"u-{name}": {"token": name}},
        )


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def find(*listed: str) -> Access:
    return find_access(None, "prod", {"KUBECONFIG": ":".join(listed)})


def test_a_context_leads_to_its_server_and_log_in(files: Files) -> None:
    found = find(files.whole("a", "https://a"))
    assert (found.server, found.user, str(found.file)) == ("https://a", {"token": "a"}, str(files.directory / "a"))


def test_of_several_files_the_first_with_the_context_counts_as_kubectl_has_it(files: Files) -> None:
    empty, first, second = files.write("empty"), files.whole("a", "https://a"), files.whole("b", "https://b")
    listed = ["", "/nowhere", empty, first, second]
    assert find(*listed).server == "https://a"
    assert provider_file(None, "prod", {"KUBECONFIG": ":".join(listed)}) == first


def test_a_kubeconfig_of_the_stack_counts_before_the_environment(files: Files) -> None:
    ours, ambient = files.whole("a", "https://a"), files.whole("b", "https://b")
    assert find_access(ours, "prod", {"KUBECONFIG": ambient}).server == "https://a"
    assert provider_file(ours, "prod", {"KUBECONFIG": ambient}) == ours


def test_the_home_directory_is_where_the_default_lies_and_what_a_tilde_means(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(files.directory))
    (files.directory / ".kube").mkdir()
    files.whole(".kube/config", "https://home")
    files.whole("mine", "https://mine")
    assert find_access(None, "prod", {}).server == "https://home"
    assert find_access("~/mine", "prod", {}).server == "https://mine"
    assert provider_file(None, "prod", {}) is None
    assert provider_file("~/mine", "prod", {}) == str(files.directory / "mine")


def test_relative_paths_count_from_the_directory_of_the_kubeconfig(files: Files) -> None:
    file = files.write(
        "a",
        context={"prod": {"cluster": "c", "user": "u"}},
        cluster={"c": {"server": "https://a", "certificate-authority": "pki/ca.crt"}},
        user={"u": {"client-key": "/etc/key", "tokenFile": "token"}},
    )
    found = find(file)
    assert found.cluster["certificate-authority"] == str(files.directory / "pki/ca.crt")
    assert found.user == {"client-key": "/etc/key", "tokenFile": str(files.directory / "token")}


def test_a_context_without_a_user_has_no_log_in(files: Files) -> None:
    file = files.write("a", context={"prod": {"cluster": "c"}}, cluster={"c": {"server": "https://a"}})
    assert find(file).user == {}


def test_parts_that_lie_in_different_files_are_refused_because_a_provider_takes_one(files: Files) -> None:
    cluster = files.write("a", cluster={"c-b": {"server": "https://elsewhere"}})
    with pytest.raises(ClusterError, match=f"its cluster 'c-b' comes from {cluster}.*\n.*--flatten --minify"):
        find(cluster, files.whole("b", "https://b"))
    with pytest.raises(ClusterError, match="takes one file"):
        provider_file(None, "prod", {"KUBECONFIG": f"{cluster}:{files.directory / 'b'}"})


def test_an_unknown_context_comes_with_those_there_are(files: Files) -> None:
    file = files.write("a", context={"test": {}, "dev": {}})
    with pytest.raises(
        ClusterError, match=rf"tfk8s:cluster\.context .*\n.*{file} has no context 'prod'; it has dev, test"
    ):
        find(file)


@pytest.mark.parametrize(
    ("context", "said"),
    [({"cluster": "c", "user": "u"}, "names the cluster 'c', which nothing defines"), ({}, "leads nowhere")],
)
def test_a_context_that_leads_nowhere_is_refused(files: Files, context: dict[str, object], said: str) -> None:
    with pytest.raises(ClusterError, match=said):
        find(files.write("a", context={"prod": context}))


def test_a_missing_kubeconfig_is_named_with_what_to_set() -> None:
    with pytest.raises(ClusterError, match=r"tfk8s:cluster\.kubeconfig .*\n.*/nowhere does not exist\n.*KUBECONFIG"):
        find("/nowhere")


def test_a_cluster_without_a_server_is_refused(files: Files) -> None:
    file = files.write("a", context={"prod": {"cluster": "c"}}, cluster={"c": {}})
    with pytest.raises(ClusterError, match=r"context prod of .* \(no server\): its cluster has no server"):
        find(file)


@pytest.mark.parametrize(("text", "said"), [("a: [", "it is not YAML"), ("just text", "has no context 'prod'")])
def test_a_file_that_is_no_kubeconfig_is_refused(files: Files, text: str, said: str) -> None:
    file = files.directory / "a"
    file.write_text(text)
    with pytest.raises(ClusterError, match=said):
        find(str(file))


def test_a_directory_is_no_kubeconfig(files: Files) -> None:
    with pytest.raises(ClusterError, match="cannot be read: Is a directory"):
        find(str(files.directory))
