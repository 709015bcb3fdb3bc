"""Building the pinned Go tools."""

import re
from pathlib import Path

import pytest

from local import paths, tools
from local.progress import LocalError
from local.tools import (
    KUBERNETES,
    KUEUE,
    KWOK,
    PROMETHEUS,
    PROMETHEUS_ADAPTER,
    PULUMI,
    GoModule,
    build_error,
    build_hash,
    build_stage,
    go_version,
    pinned_version,
)

GO_MOD = """\
module x

go 1.25.0

require github.com/coredns/coredns v1.14.0

require (
	k8s.io/kubernetes v1.35.4 // indirect
)

replace k8s.io/api => k8s.io/api v0.35.4
"""


@pytest.mark.parametrize(
    ("module", "version"), [("k8s.io/kubernetes", "v1.35.4"), ("github.com/coredns/coredns", "v1.14.0")]
)
def test_pinned_version_is_read_from_go_mod(module: str, version: str) -> None:
    assert pinned_version(GO_MOD, module) == version


def test_module_that_is_not_required_has_no_version() -> None:
    with pytest.raises(ValueError, match=r"k8s\.io/api"):
        pinned_version(GO_MOD, "k8s.io/api")


def test_go_versions_compare_as_numbers() -> None:
    assert go_version(GO_MOD) == (1, 25, 0)
    assert go_version("go 1.9\n") < go_version("go 1.26.8\n")


def test_hash_changes_with_every_part_of_what_is_built() -> None:
    base = build_hash({"go.mod": b"a", "go.sum": b"b"}, ["-trimpath"])
    others = [
        build_hash({"go.mod": b"A", "go.sum": b"b"}, ["-trimpath"]),
        build_hash({"go.mod": b"a", "go.sum": b"B"}, ["-trimpath"]),
        build_hash({"go.mod": b"a", "main.go": b"b"}, ["-trimpath"]),
        build_hash({"go.mod": b"a", "go.sum": b"b"}, ["-race"]),
        build_hash({"go.mod": b"ab", "go.sum": b""}, ["-trimpath"]),
    ]
    assert base not in others
    assert len(set(others)) == len(others)
    assert build_hash({"go.sum": b"b", "go.mod": b"a"}, ["-trimpath"]) == base


@pytest.mark.parametrize(
    "module", [KUBERNETES, KUEUE, KWOK, PROMETHEUS, PROMETHEUS_ADAPTER, PULUMI], ids=lambda module: module.name
)
def test_builds_change_no_pins_and_name_no_paths_of_this_machine(module: GoModule) -> None:
    assert {"-mod=readonly", "-trimpath"} <= set(module.flags())
    assert (module.directory / "go.sum").exists()


def test_kubernetes_binaries_say_their_version() -> None:
    assert "version.gitVersion=v1.35.4 " in KUBERNETES.flags()[-1]


def test_pulumi_says_its_version_without_the_v() -> None:
    assert PULUMI.flags()[-1].endswith("version.Version=3.259.0")


def test_of_prometheus_only_the_discovery_that_is_used_is_compiled() -> None:
    assert PROMETHEUS.flags()[-1] == "-tags=remove_all_sd,enable_dns_sd,enable_kubernetes_sd"


def test_the_adapter_shares_its_packages_with_kubernetes() -> None:
    def pins(module: GoModule) -> set[str]:
        return set(re.findall(r"^\t(\S+ v\S+)", (module.directory / "go.mod").read_text(), re.MULTILINE))

    own = {pin.partition(" ")[0] for pin in pins(PROMETHEUS_ADAPTER) - pins(KUBERNETES)}
    assert own == {"sigs.k8s.io/prometheus-adapter", "sigs.k8s.io/custom-metrics-apiserver", "gopkg.in/yaml.v2"}


def test_go_command_keeps_to_our_cache_and_to_its_own_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOFLAGS", "-mod=mod")
    environment = tools.go_environment()
    assert environment["GOMODCACHE"].startswith(str(paths.CACHE))
    assert environment["GOTOOLCHAIN"] == "local"
    assert environment["GOFLAGS"] == ""


def test_pulumi_on_path_is_used_as_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    command = tmp_path / "pulumi"
    command.write_text("#!/bin/sh\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert tools.pulumi(print) == command


LOG = """\
go: downloading k8s.io/api v0.35.4
k8s.io/api/core/v1
k8s.io/client-go/kubernetes
# tfk8s.dev/tools/kubernetes/metrics-server
metrics-server/main.go:12:2: undefined: x
"""


def test_progress_counts_packages_once_there_are_any() -> None:
    assert build_stage(LOG) == "2 packages compiled"
    assert build_stage("go: downloading a v1\ngo: downloading b v1\n") == "2 modules downloaded"
    assert build_stage("") == "reading and linking packages"


def test_error_shows_what_the_compiler_said_and_not_what_it_compiled() -> None:
    text = build_error("kubernetes v1.35.4", LOG)
    assert "undefined: x" in text
    assert "client-go" not in text
    assert "downloading" not in text


def test_error_shows_at_most_fifteen_lines_of_the_compiler() -> None:
    log = "".join(f"main.go:{number}: wrong\n" for number in range(100))
    assert build_error("x", log).count("wrong") == 15


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GoModule:
    monkeypatch.setattr(paths, "TOOLS", tmp_path / "tools")
    monkeypatch.setattr(paths, "TOOLS_CACHE", tmp_path / "cache")
    (tmp_path / "tools" / "x").mkdir(parents=True)
    (tmp_path / "tools" / "x" / "go.mod").write_text(GO_MOD)
    (tmp_path / "tools" / "x" / "go.sum").write_text("")
    return GoModule(name="x", main="k8s.io/kubernetes", packages=("tool",), version_ldflags=lambda version: version)


def go(monkeypatch: pytest.MonkeyPatch, directory: Path, script: str) -> None:
    """Put a Go command on PATH that does what the script says; `$out` is where the binaries belong."""
    command = directory / "go"
    find = 'for word; do case "$word" in -o=*) out=${word#-o=};; esac; done'
    command.write_text(f'#!/bin/sh\n[ "$1" = env ] && {{ echo go1.99.0; exit; }}\n{find}\n{script}\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}:/usr/bin:/bin")


def test_build_is_done_once_and_then_found(module: GoModule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go(monkeypatch, tmp_path, f'mkdir -p "$out" && echo tool > "$out/x" && echo built >> {tmp_path}/count')
    lines: list[str] = []
    assert (tools.build(module, lines.append) / "x").read_text() == "tool\n"
    assert tools.build(module, lines.append) == module.destination() / "bin"
    assert (tmp_path / "count").read_text() == "built\n"
    assert lines[-1].startswith("x v1.35.4: built in ")


def test_failed_build_leaves_nothing_and_tells_why(
    module: GoModule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go(monkeypatch, tmp_path, 'mkdir -p "$out"; echo half > "$out/x"; echo "main.go:1: no good"; exit 1')
    with pytest.raises(LocalError, match="no good"):
        tools.build(module, print)
    assert [entry.name for entry in paths.TOOLS_CACHE.iterdir()] == [".x.lock"]


def test_remains_of_a_killed_build_are_cleared(
    module: GoModule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go(monkeypatch, tmp_path, 'mkdir -p "$out"')
    (paths.TOOLS_CACHE / ".x-dead" / "tool").mkdir(parents=True)
    tools.build(module, print)
    assert not (paths.TOOLS_CACHE / ".x-dead").exists()


def test_changed_pin_builds_beside_the_old_one(module: GoModule) -> None:
    before = module.destination()
    (module.directory / "go.sum").write_text("changed")
    assert module.destination() != before


def test_the_gateway_apis_definitions_are_copied_into_the_cache_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    standard = tmp_path / "module" / "config" / "crd" / "standard"
    standard.mkdir(parents=True)
    (standard / "gateways.yaml").write_text("kind: CustomResourceDefinition\n")
    downloads: list[str] = []

    def downloaded(module: GoModule, _progress: object) -> Path:
        downloads.append(module.version)
        return tmp_path / "module"

    monkeypatch.setattr(paths, "TOOLS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(tools, "sources", downloaded)
    for _ in range(2):
        [file] = tools.gateway_definitions(print).iterdir()
        assert file.name == "gateways.yaml"
    assert downloads == ["v1.5.1"]
