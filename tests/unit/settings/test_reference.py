import pytest

from infra.settings.reference import Reference


@pytest.mark.parametrize(
    ("text", "repository", "tag", "digest"),
    [
        ("tensorflow/serving:2.20.0", "tensorflow/serving", "2.20.0", None),
        ("127.0.0.1:15000/tfk8s/train", "127.0.0.1:15000/tfk8s/train", None, None),
        ("127.0.0.1:15000/tfk8s/train:1", "127.0.0.1:15000/tfk8s/train", "1", None),
        ("a/b@sha256:00", "a/b", None, "sha256:00"),
        ("a/b:1@sha256:00", "a/b", "1", "sha256:00"),
        ("busybox", "busybox", None, None),
    ],
)
def test_a_reference_comes_apart_as_docker_takes_it(
    text: str, repository: str, tag: str | None, digest: str | None
) -> None:
    assert Reference.parse(text) == Reference(repository=repository, tag=tag, digest=digest)


@pytest.mark.parametrize("host", ["127.0.0.1:15000", "localhost", "localhost:5000", "127.0.1.1"])
def test_a_registry_on_this_machine_is_known_as_such(host: str) -> None:
    assert Reference.parse(f"{host}/a:1").local


@pytest.mark.parametrize(
    "host", ["registry.example.org", "localhost.example.org", "127.0.0.1.example.org", "tensorflow"]
)
def test_a_registry_elsewhere_is_not_taken_for_a_local_one(host: str) -> None:
    assert not Reference.parse(f"{host}/a:1").local
