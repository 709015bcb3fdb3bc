import hashlib
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from infra.kubeconfig import Access, ClusterError
from infra.settings.reference import Reference
from ops import cli, registry
from ops import pin as pin_verb
from ops.registry import UnresolvedError, published_digest, require_skopeo

MANIFEST = b'{"schemaVersion": 2}'
DIGEST = "sha256:" + hashlib.sha256(MANIFEST).hexdigest()
OLD = "sha256:" + "0" * 64
TEXT = f"""\
config:
  tfk8s:images:
    training: {{build: {{repository: r.example.org/train, base: "tf/tf:2.20.0-gpu"}}}} # base counts
    serving: {{ref: "tf/serving:2.20.0"}}
    devicePlugin: {{ref: nvcr.io/plugin:v1@{OLD}}}
"""


class Registry:
    """Stands for skopeo: answers by reference and remembers what it was asked."""

    def __init__(self, answers: Mapping[str, str] | None = None) -> None:
        self.failures = answers or {}
        self.asked: list[str] = []

    def __call__(self, command: Sequence[str]) -> "subprocess.CompletedProcess[bytes]":
        name = command[-1].removeprefix("docker://")
        self.asked.append(name)
        error = self.failures.get(name)
        if error is not None:
            return subprocess.CompletedProcess(command, 1, b"", error.encode())
        return subprocess.CompletedProcess(command, 0, MANIFEST, b"")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "stack.yaml"
    path.write_text(TEXT, encoding="utf-8")
    return path


def use(monkeypatch: pytest.MonkeyPatch, skopeo: Registry) -> Registry:
    monkeypatch.setattr(pin_verb, "published_digest", lambda reference: published_digest(reference, skopeo))  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType] - a Reference
    monkeypatch.setattr(pin_verb, "require_skopeo", lambda: None)
    return skopeo


def pin(path: Path, *more: str) -> int:
    return cli.main(["pin", "prod", "--file", str(path), *more])


def test_every_tag_gets_the_digest_its_registry_publishes(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    skopeo = use(monkeypatch, Registry())
    assert pin(path) == 0
    assert path.read_text(encoding="utf-8") == TEXT.replace("2.20.0-gpu", f"2.20.0-gpu@{DIGEST}").replace(
        "serving:2.20.0", f"serving:2.20.0@{DIGEST}"
    )
    assert sorted(skopeo.asked) == ["tf/serving:2.20.0", "tf/tf:2.20.0-gpu"]
    assert f'+    serving: {{ref: "tf/serving:2.20.0@{DIGEST}"}}' in capsys.readouterr().out


def test_one_image_that_cannot_be_resolved_stops_all_and_is_named_with_the_reason(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = 'time="2026-01-31T00:00:00Z" level=fatal msg="reading manifest 2.20.0 in r/s: \\"unknown\\""\n'
    use(monkeypatch, Registry({"tf/serving:2.20.0": said}))
    assert pin(path) == 1
    assert path.read_text(encoding="utf-8") == TEXT
    shown = capsys.readouterr().err
    assert "error: 1 of 2 images could not be resolved; nothing was written" in shown
    assert 'tfk8s:images.serving.ref: tf/serving:2.20.0\n        reading manifest 2.20.0 in r/s: "unknown"' in shown


def test_all_failures_are_named_at_once(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use(monkeypatch, Registry({"tf/serving:2.20.0": "no", "tf/tf:2.20.0-gpu": "neither"}))
    assert pin(path) == 1
    shown = capsys.readouterr().err
    assert "2 of 2 images" in shown
    assert shown.index("training.build.base") < shown.index("serving.ref")


@pytest.mark.parametrize(
    ("reference", "said"), [("tf/serving:latest", "its tag is latest"), ("tf/serving", "it has no tag")]
)
def test_what_floats_is_not_pinned(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], reference: str, said: str
) -> None:
    path.write_text(TEXT.replace("tf/serving:2.20.0", reference), encoding="utf-8")
    skopeo = use(monkeypatch, Registry())
    assert pin(path) == 1
    assert said in capsys.readouterr().err
    assert skopeo.asked == ["tf/tf:2.20.0-gpu"]


def test_a_pinned_stack_is_left_alone(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    skopeo = use(monkeypatch, Registry())
    pin(path)
    text = path.read_text(encoding="utf-8")
    asked = len(skopeo.asked)
    assert pin(path) == 0
    assert (
        "stack.yaml has nothing to do: all 3 images have their digests; --update asks again" in capsys.readouterr().out
    )
    assert (path.read_text(encoding="utf-8"), len(skopeo.asked)) == (text, asked)


def test_update_resolves_the_tags_of_pinned_images_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    skopeo = use(monkeypatch, Registry())
    assert pin(path, "--update") == 0
    assert "nvcr.io/plugin:v1" in skopeo.asked
    assert f"{{ref: nvcr.io/plugin:v1@{DIGEST}}}" in path.read_text(encoding="utf-8")


def test_update_without_change_says_so(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use(monkeypatch, Registry())
    pin(path, "--update")
    capsys.readouterr()
    assert pin(path, "--update") == 0
    assert "stack.yaml: nothing changed" in capsys.readouterr().out


def test_a_digest_without_a_tag_stays_with_update_too(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_text(TEXT.replace("plugin:v1@", "plugin@"), encoding="utf-8")
    skopeo = use(monkeypatch, Registry())
    assert pin(path, "--update") == 0
    assert not any("plugin" in name for name in skopeo.asked)


def test_an_image_that_is_no_string_is_named(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path.write_text("config: {tfk8s:images: {serving: {ref: [1]}}}\n", encoding="utf-8")
    assert pin(path) == 1
    assert "tfk8s:images.serving.ref is [1]; expected an image reference" in capsys.readouterr().err


def test_a_missing_skopeo_comes_with_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(Exception, match="apt-get install skopeo"):
        require_skopeo()


@pytest.mark.parametrize(("host", "plain"), [("127.0.0.1:5000", True), ("registry.example.org", False)])
def test_only_a_registry_on_this_machine_is_asked_without_tls(host: str, plain: bool) -> None:
    commands: list[Sequence[str]] = []

    def run(command: Sequence[str]) -> "subprocess.CompletedProcess[bytes]":
        commands.append(command)
        return subprocess.CompletedProcess(command, 0, MANIFEST, b"")

    published_digest(Reference.parse(f"{host}/a:1"), run)
    assert ("--tls-verify=false" in commands[0]) is plain


@pytest.mark.parametrize("manifest", [b'{"schemaVersion": 1}', b"<html>", b"[]", b""])
def test_no_digest_is_made_of_what_is_no_manifest(manifest: bytes) -> None:
    with pytest.raises(UnresolvedError, match="no image manifest"):
        published_digest(Reference.parse("a:1"), lambda command: subprocess.CompletedProcess(command, 0, manifest, b""))


def test_a_registry_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "TIMEOUT_SECONDS", 0.05)
    with pytest.raises(UnresolvedError, match=r"no answer within 0\.05 s"):
        registry.run_skopeo(["sleep", "5"])


def test_an_unknown_stack_is_an_error_with_the_stacks_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["pin", "prd"]) == 1
    shown = capsys.readouterr().err
    assert shown.startswith("error: no stack is called 'prd'")
    assert "dev, local, prod" in shown


@pytest.mark.parametrize("arguments", [[], ["pin"], ["pni", "prod"], ["pin", "prod", "--fiel", "x"]])
def test_a_wrong_command_line_ends_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(arguments) == 2
    assert "usage: tfk8s" in capsys.readouterr().err


def test_help_ends_with_0_and_shows_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["pin", "--help"]) == 0
    assert "example: tfk8s pin prod" in capsys.readouterr().out


UID = "3f0c5d2e-1111-4222-8333-444455556666"
BEFORE = "99999999-1111-4222-8333-444455556666"


class Cluster:
    """Stands for a cluster: answers with a uid and remembers who asked."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[str] = []
        self.kubeconfig = path.with_name("config")
        self.kubeconfig.write_text(
            "contexts: [{name: prod-gpu, context: {cluster: c}}]\nclusters: [{name: c, cluster: {server: https://c}}]\n",
            encoding="utf-8",
        )
        self.error: ClusterError | None = None
        monkeypatch.setattr(pin_verb, "uid_of", self.uid_of)
        monkeypatch.setenv("KUBECONFIG", str(self.kubeconfig))

    def uid_of(self, access: Access) -> str:
        self.asked.append(str(access))
        if self.error is not None:
            raise self.error
        return UID


@pytest.fixture
def cluster(path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    use(monkeypatch, Registry())
    return Cluster(path, monkeypatch)


def with_cluster(path: Path, words: str, images: str = "") -> str:
    text = f"config:\n  tfk8s:cluster: {words} # ours\n{images}"
    path.write_text(text, encoding="utf-8")
    return text


def test_a_missing_uid_is_read_from_the_cluster_of_the_context(
    path: Path, cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    text = with_cluster(path, "{context: prod-gpu, nodePools: {}}")
    assert pin(path) == 0
    assert path.read_text(encoding="utf-8") == text.replace("prod-gpu,", f"prod-gpu, kubeSystemUid: {UID},")
    where = f"context prod-gpu of {cluster.kubeconfig} (https://c)"
    assert cluster.asked == [where]
    assert f"tfk8s:cluster.kubeSystemUid: {UID}, {where}" in capsys.readouterr().out


def test_a_cluster_with_a_uid_is_asked_again_only_for_an_update_and_shows_old_and_new(
    path: Path, cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    text = with_cluster(path, f"{{context: prod-gpu, kubeSystemUid: {BEFORE}}}")
    assert pin(path) == 0
    assert cluster.asked == []
    assert "nothing to do: the cluster has its uid; --update asks again" in capsys.readouterr().out
    assert pin(path, "--update") == 0
    assert path.read_text(encoding="utf-8") == text.replace(BEFORE, UID)
    assert f"tfk8s:cluster.kubeSystemUid: {BEFORE} -> {UID}, context prod-gpu" in capsys.readouterr().out


def test_a_cluster_that_cannot_be_asked_stops_all_and_its_reason_is_said(
    path: Path, cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    text = with_cluster(path, "{context: prod-gpu}", TEXT.removeprefix("config:\n"))
    cluster.error = ClusterError("context", "no answer", "is it up?")
    assert pin(path) == 1
    assert path.read_text(encoding="utf-8") == text
    assert (
        "the cluster could not be asked for its uid; nothing was written\n"
        "    tfk8s:cluster.context: no answer\n        is it up?\n    --images pins the images alone\n"
    ) in capsys.readouterr().err


def test_an_unknown_context_and_an_unknown_tag_are_both_named(
    path: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with_cluster(path, "{context: nowhere}", TEXT.removeprefix("config:\n"))
    use(monkeypatch, Registry({"tf/serving:2.20.0": "no such tag"}))
    assert pin(path) == 1
    shown = capsys.readouterr().err
    assert "1 of 2 images could not be resolved" in shown
    assert "has no context 'nowhere'; it has prod-gpu" in shown
    assert cluster.asked == []


def test_images_can_be_pinned_where_the_cluster_is_out_of_reach(path: Path, cluster: Cluster) -> None:
    with_cluster(path, "{context: prod-gpu}", TEXT.removeprefix("config:\n"))
    assert pin(path, "--images") == 0
    assert cluster.asked == []
    after = path.read_text(encoding="utf-8")
    assert DIGEST in after
    assert "kubeSystemUid" not in after


def test_a_context_that_is_no_string_is_named(path: Path, cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    with_cluster(path, "{context: [a]}")
    assert pin(path) == 1
    assert cluster.asked == []
    assert "tfk8s:cluster.context is ['a']; expected a string" in capsys.readouterr().err


def test_an_interrupt_writes_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_reference: Reference) -> str:
        raise KeyboardInterrupt

    use(monkeypatch, Registry())
    monkeypatch.setattr(pin_verb, "published_digest", interrupted)
    assert pin(path) == 130
    assert path.read_text(encoding="utf-8") == TEXT
    assert capsys.readouterr().err == "interrupted; nothing was written\n"
