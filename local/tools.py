"""Builds the pinned Go tools of `tools/` once and keeps them in the cache, for all checkouts.

A tool's place is `<cache>/tools/<name>-<hash>/bin`, the hash being that of everything the build reads, so a changed
pin builds beside the old one and an unchanged one starts at once.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from local import paths
from local.progress import LocalError, Progress, elapsed

REPORT_SECONDS = 5.0
"""Pause between two progress lines of a build."""
ERROR_LINES = 15
"""Lines of the compiler's output that an error shows."""


@dataclass(frozen=True, kw_only=True)
class GoModule:
    """One directory of `tools/` and how it is built."""

    name: str
    """Directory under `tools/`, and the tool's name in the cache and in messages."""

    main: str
    """Go module whose pinned version is the tool's version."""

    packages: tuple[str, ...]
    """What `go build` is told to build; `tool` stands for the `tool` lines of go.mod."""

    version_ldflags: Callable[[str], str]
    """Linker flags that write a version such as `v1.35.4` into the binaries."""

    tags: tuple[str, ...] = ()
    """Build tags: which parts of it are compiled."""

    @property
    def directory(self) -> Path:
        """Where its go.mod lies."""
        return paths.TOOLS / self.name

    @property
    def version(self) -> str:
        """The pinned version, with its `v`."""
        return pinned_version((self.directory / "go.mod").read_text(), self.main)

    def flags(self) -> list[str]:
        """Flags of `go build`; -s -w because nobody debugs these, and links take half the time."""
        ldflags = f"-ldflags=-s -w {self.version_ldflags(self.version)}"
        tags = [f"-tags={','.join(self.tags)}"] if self.tags else []
        return ["-trimpath", "-mod=readonly", "-buildvcs=false", ldflags, *tags]

    def destination(self) -> Path:
        """Directory of the finished build; it exists only if the build is complete."""
        sources = sorted(p for p in self.directory.rglob("*") if p.suffix == ".go" or p.name in {"go.mod", "go.sum"})
        content = {str(p.relative_to(self.directory)): p.read_bytes() for p in sources}
        return paths.TOOLS_CACHE / f"{self.name}-{build_hash(content, [*self.flags(), *self.packages])}"


def _kubernetes_version(version: str) -> str:
    package = "k8s.io/component-base/version"
    major, minor = version.removeprefix("v").split(".")[:2]
    return f"-X {package}.gitVersion={version} -X {package}.gitMajor={major} -X {package}.gitMinor={minor}"


KUBERNETES = GoModule(
    name="kubernetes",
    main="k8s.io/kubernetes",
    packages=("tool", "./coredns", "./metrics-server"),
    version_ldflags=_kubernetes_version,
)
PULUMI = GoModule(
    name="pulumi",
    main="github.com/pulumi/pulumi/pkg/v3",
    packages=("tool",),
    version_ldflags=lambda v: f"-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version={v.removeprefix('v')}",
)
KWOK = GoModule(
    name="kwok",
    main="sigs.k8s.io/kwok",
    packages=("tool",),
    version_ldflags=lambda v: f"-X sigs.k8s.io/kwok/pkg/consts.Version={v.removeprefix('v')}",
)

KUEUE = GoModule(
    name="kueue",
    main="sigs.k8s.io/kueue",
    packages=("tool",),
    version_ldflags=lambda v: f"-X sigs.k8s.io/kueue/pkg/version.GitVersion={v}",
)
VEGETA = GoModule(
    name="vegeta",
    main="github.com/tsenart/vegeta/v12",
    packages=("tool",),
    version_ldflags=lambda v: f"-X main.Version={v}",
)
PROMETHEUS = GoModule(
    name="prometheus",
    main="github.com/prometheus/prometheus",
    packages=("tool",),
    # Release 3.13.5 is the module v0.313.5.
    version_ldflags=lambda v: f"-X github.com/prometheus/common/version.Version={v.replace('v0.3', '3.', 1)}",
    # What infra/components/scrape.py uses; the clients of two dozen clouds would be most of the build.
    tags=("remove_all_sd", "enable_dns_sd", "enable_kubernetes_sd"),
)
PROMETHEUS_ADAPTER = GoModule(
    name="prometheus-adapter",
    main="sigs.k8s.io/prometheus-adapter",
    packages=(".",),
    version_ldflags=lambda _: "",  # it has no version of its own to tell
)


GATEWAY_API = GoModule(
    name="gateway-api",
    main="sigs.k8s.io/gateway-api",
    packages=(),  # only its definitions are wanted; nothing of it is built
    version_ldflags=lambda _: "",
)


def gateway_definitions(progress: Progress) -> Path:
    """Directory with the CustomResourceDefinitions of the Gateway API's standard channel.

    Raises:
        LocalError: They are not in the cache and could not be downloaded.
    """
    destination = GATEWAY_API.destination()
    if not destination.is_dir():
        progress("downloading the Gateway API's definitions")
        paths.TOOLS_CACHE.mkdir(parents=True, exist_ok=True)
        standard = sources(GATEWAY_API, progress) / "config" / "crd" / "standard"
        with tempfile.TemporaryDirectory(prefix=f".{destination.name}-", dir=paths.TOOLS_CACHE) as scratch:
            copied = Path(scratch) / "definitions"
            shutil.copytree(standard, copied)
            copied.chmod(0o755)  # Go's module cache is read-only
            with contextlib.suppress(OSError):  # somebody else was first
                copied.rename(destination)
    return destination


def kubernetes(progress: Progress) -> Path:
    """Directory with the binaries of the control plane, kubelet, kube-proxy, coredns and metrics-server."""
    return build(KUBERNETES, progress)


def pulumi(progress: Progress) -> Path:
    """The `pulumi` command: the one on PATH, else the pinned one."""
    found = shutil.which("pulumi")
    return Path(found) if found else build(PULUMI, progress) / "pulumi"


def kwok(progress: Progress) -> Path:
    """The `kwok` command, which plays nodes and their pods; only benchmarks need it."""
    return build(KWOK, progress) / "kwok"


def kueue(progress: Progress) -> Path:
    """The `kueue` command, which admits queued Jobs; only benchmarks need it."""
    return build(KUEUE, progress) / "kueue"


def prometheus(progress: Progress) -> Path:
    """The `prometheus` command, which runs in a pod of stacks with monitoring."""
    return build(PROMETHEUS, progress) / "prometheus"


def prometheus_adapter(progress: Progress) -> Path:
    """The `prometheus-adapter` command, which answers autoscalers; only stacks with monitoring need it."""
    return build(PROMETHEUS_ADAPTER, progress) / "prometheus-adapter"


def sources(module: GoModule, progress: Progress) -> Path:
    """The published files of the module's `main`, at its pinned version, downloaded if they are not in the cache.

    Raises:
        LocalError: They could not be downloaded, with what the Go command said.
    """
    # With its version: of a module that nothing is built from, no other go.mod has to be read.
    command = [str(go_command(progress)), "mod", "download", "-json", f"{module.main}@{module.version}"]
    done = subprocess.run(
        command, cwd=module.directory, env=go_environment(), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise LocalError(f"{module.main} {module.version} could not be downloaded:\n{done.stdout}{done.stderr}")
    return Path(json.loads(done.stdout)["Dir"])


def build(module: GoModule, progress: Progress) -> Path:
    """The module's bin directory, built if it is not in the cache.

    Safe to be called by several processes at once: the others wait for the first and use its result.

    Raises:
        LocalError: The build failed, with the last lines of the compiler's output.
    """
    destination = module.destination()
    if destination.is_dir():
        return destination / "bin"
    paths.TOOLS_CACHE.mkdir(parents=True, exist_ok=True)
    with _lock(paths.TOOLS_CACHE / f".{module.name}.lock", f"{module.name}: waiting for another build of it", progress):
        if not destination.is_dir():
            _build_locked(module, destination, progress)
    return destination / "bin"


def _build_locked(module: GoModule, destination: Path, progress: Progress) -> None:
    # Whoever left one of these is dead: we hold the lock.
    for stale in paths.TOOLS_CACHE.glob(f".{module.name}-*"):
        shutil.rmtree(stale, ignore_errors=True)
    go = go_command(progress)
    with tempfile.TemporaryDirectory(prefix=f".{module.name}-", dir=paths.TOOLS_CACHE) as scratch:
        output = Path(scratch) / "tool"
        # -v names each package as it is compiled, which is the only sign of progress that the Go command gives.
        command = [str(go), "build", "-v", *module.flags(), f"-o={output}/bin/", *module.packages]
        _run_compiler(module, command, Path(scratch) / "build.log", progress)
        output.rename(destination)


def _run_compiler(module: GoModule, command: list[str], log: Path, progress: Progress) -> None:
    title, started = f"{module.name} {module.version}", time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=module.directory,
            env=go_environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            process_group=0,
        )
    try:
        while (code := _wait(process, REPORT_SECONDS)) is None:
            progress(f"{title}: {build_stage(log.read_text(errors='replace'))}, {elapsed(started)}")
    except BaseException:
        # The Go command does not end its compilers when it is interrupted; the group is ours alone.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    if code:
        raise LocalError(build_error(title, log.read_text(errors="replace")))
    progress(f"{title}: built in {elapsed(started)}")


def _wait(process: subprocess.Popen[bytes], seconds: float) -> int | None:
    with contextlib.suppress(subprocess.TimeoutExpired):
        return process.wait(timeout=seconds)
    return None


@contextlib.contextmanager
def _lock(path: Path, waiting: str, progress: Progress) -> Generator[None]:
    """Hold an exclusive lock that dies with the process."""
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress(waiting)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def go_command(progress: Progress) -> Path:
    """A Go command new enough for every go.mod of `tools/`: the one on PATH, else one installed into the cache.

    Raises:
        LocalError: There is none and it could not be installed.
    """
    needed = max(go_version(file.read_text()) for file in paths.TOOLS.glob("*/go.mod"))
    found = shutil.which("go")
    if found:
        answer = subprocess.run(
            [found, "env", "GOVERSION"], env=go_environment(), capture_output=True, text=True, check=False
        )
        if answer.returncode == 0 and go_version(answer.stdout.replace("go", "go ", 1)) >= needed:
            return Path(found)
    why = f"installing a Go toolchain ({'the one on PATH is too old' if found else 'there is none on PATH'})"
    return _installed("go", why, progress) / "go" / "bin" / "go"


def traefik(progress: Progress) -> Path:
    """The `traefik` command: the embedded cluster's gateway.

    Raises:
        LocalError: It is not in the cache and could not be installed.
    """
    return _installed("traefik", "installing Traefik, the gateway", progress) / "bin" / "traefik"


def vegeta(progress: Progress) -> Path:
    """The `vegeta` command, which sends requests at a constant rate; only the evidence needs it."""
    return build(VEGETA, progress) / "vegeta"


def _installed(name: str, why: str, progress: Progress) -> Path:
    """Where what `tools/<name>.txt` pins lies in the cache; it is installed there if it is not."""
    lock_file = paths.TOOLS / f"{name}.txt"
    destination = paths.TOOLS_CACHE / f"{name}-{build_hash({lock_file.name: lock_file.read_bytes()}, [])}"
    if not destination.is_dir():
        progress(why)
        paths.TOOLS_CACHE.mkdir(parents=True, exist_ok=True)
        with _lock(paths.TOOLS_CACHE / f".{name}.lock", "waiting for another installation of it", progress):
            if not destination.is_dir():
                _install(lock_file, destination)
    return destination


def _install(lock_file: Path, destination: Path) -> None:
    with tempfile.TemporaryDirectory(prefix=f".{destination.name}-", dir=paths.TOOLS_CACHE) as scratch:
        target = Path(scratch) / "installed"
        command = [sys.executable, "-m", "uv", "pip", "install", "--no-deps", "--require-hashes"]
        command += ["--target", str(target), "-r", str(lock_file)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            tail = "\n".join(done.stderr.splitlines()[-ERROR_LINES:])
            message = f"could not install what {lock_file.relative_to(paths.ROOT)} pins:\n{tail}\n"
            raise LocalError(f"{message}Try again, or install Go yourself if it is Go that is missing.")
        target.rename(destination)


def go_environment() -> dict[str, str]:
    """Environment of the Go command: the caller's, with what would change the result pinned.

    Its caches lie in ours, so that `make clean` removes them. No C compiler is needed.
    """
    caches = {"GOCACHE": str(paths.GO_CACHE / "build"), "GOMODCACHE": str(paths.GO_CACHE / "mod")}
    return {**os.environ, **caches, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off", "GOFLAGS": ""}


def pinned_version(go_mod: str, module: str) -> str:
    """Version that the text of a go.mod requires of a module, such as `v1.35.4`.

    Raises:
        ValueError: It does not require the module.
    """
    match = re.search(rf"^(?:require)?\s+{re.escape(module)} (v\S+)", go_mod, re.MULTILINE)
    if match is None:
        raise ValueError(f"go.mod does not require {module}")
    return match[1]


def go_version(go_mod: str) -> tuple[int, ...]:
    """The language version of a go.mod's `go` line, as numbers that compare."""
    match = re.search(r"^go (\d+)\.(\d+)(?:\.(\d+))?", go_mod, re.MULTILINE)
    return tuple(int(part or 0) for part in match.groups()) if match else (0,)


def build_hash(sources: Mapping[str, bytes], flags: Sequence[str]) -> str:
    """Twelve hexadecimal digits that change with any source's name or content and with any flag."""
    digest = hashlib.sha256()
    for name, content in sorted(sources.items()):
        digest.update(f"{name} {len(content)}\n".encode() + content)
    digest.update("\0".join(flags).encode())
    return digest.hexdigest()[:12]


def build_stage(log: str) -> str:
    """What a `go build -v` that has printed `log` is doing."""
    lines = log.splitlines()
    if compiled := sum(_is_package(line) for line in lines):
        return f"{compiled} packages compiled"
    if downloads := sum(line.startswith("go: downloading") for line in lines):
        return f"{downloads} modules downloaded"
    return "reading and linking packages"


def build_error(title: str, log: str) -> str:
    """Text of a failed build: the last lines that the compiler printed, its lists of package names left out."""
    said = [line for line in log.splitlines() if not _is_package(line) and not line.startswith("go: downloading")]
    tail = "\n".join(f"  {line}" for line in said[-ERROR_LINES:])
    advice = "Run the command again; what was compiled is kept."
    return f"{title} could not be built. The last lines of `go build`:\n{tail}\n{advice}"


def _is_package(line: str) -> bool:
    return bool(line) and not re.search(r"[\s:]", line)
