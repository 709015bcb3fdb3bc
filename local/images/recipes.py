"""The images of the embedded default: what each is made of, and the hash that tells whether it must be made again."""

import hashlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from local import paths, tools
from local.images import buildah, packages, rootfs

SERVER_SOURCES = Path(__file__).parent / "serving"
SERVER_DIRECTORY = "usr/lib/tfk8s/model_server"
SERVER_COMMAND = "usr/bin/tensorflow_model_server"

BASE_REFERENCE = "localhost/tfk8s/base:1"
"""Lives in buildah's storage only: nobody pulls it."""

BASE_CONFIG = (
    "--env=PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "--env=LANG=C.UTF-8",
    "--cmd=/bin/sh",
)
PYTHON_ENVIRONMENT = ("--env=PYTHONDONTWRITEBYTECODE=1", "--env=PYTHONUNBUFFERED=1")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How one image is made."""

    name: str
    """As progress lines call it."""

    reference: str
    """Where it is stored, and pushed to unless it is `BASE_REFERENCE`."""

    parent: "Recipe | None"
    """The image it starts from; none for an empty one."""

    inputs: str
    """Hash of all it is made of, its parent's inputs among them."""

    fill: Callable[[Path, str], None]
    """Puts its files into a root file system, given as a path and as the name of buildah's working container."""

    config: tuple[str, ...] = ()
    """Arguments of `buildah config`."""

    @property
    def pushed(self) -> bool:
        """Whether the registry gets it."""
        return self.reference != BASE_REFERENCE


def all_recipes(*, prometheus: bool = False) -> list[Recipe]:
    """Every image, parents first.

    Args:
        prometheus: The one of Prometheus too.

    Raises:
        LocalError: The host is neither Debian nor Ubuntu.
    """
    base = Recipe(
        name="base system",
        reference=BASE_REFERENCE,
        parent=None,
        inputs=digest("1", *rootfs.release(), *rootfs.PACKAGES, *rootfs.LEAN, *BASE_CONFIG),
        fill=lambda root, _container: rootfs.fill(root),
        config=BASE_CONFIG,
    )
    pause = Recipe(
        name="pause",
        reference=paths.PAUSE_IMAGE,
        parent=None,
        inputs=digest("1", base.inputs),
        fill=_fill_pause,
        # Ends at once at SIGTERM, which `sleep` as process 1 would ignore.
        config=('--entrypoint=["/busybox", "sh", "-c", "trap exit TERM INT; sleep 2147483647 & wait"]',),
    )
    tensorflow = Recipe(
        name="tensorflow",
        reference=paths.TENSORFLOW_IMAGE,
        parent=base,
        inputs=digest("2", base.inputs, packages.REQUIREMENTS.read_text(), *packages.UNUSED, *PYTHON_ENVIRONMENT),
        fill=packages.fill,
        config=(*PYTHON_ENVIRONMENT, "--cmd=python3"),
    )
    serving = Recipe(
        name="serving",
        reference=paths.SERVING_IMAGE,
        parent=tensorflow,
        inputs=digest("1", tensorflow.inputs, *(f"{path.name}\n{path.read_text()}" for path in server_files())),
        fill=_fill_serving,
        config=('--entrypoint=["/usr/bin/tensorflow_model_server"]', "--cmd=", "--port=8500", "--port=8501"),
    )
    return [base, pause, tensorflow, serving, *([_prometheus()] if prometheus else [])]


def _prometheus() -> Recipe:
    return Recipe(
        name="prometheus",
        reference=paths.PROMETHEUS_IMAGE,
        parent=None,
        inputs=digest("1", tools.PROMETHEUS.destination().name),
        fill=_fill_prometheus,
        config=('--entrypoint=["/bin/prometheus"]',),
    )


def digest(*parts: str) -> str:
    """Hash of a recipe's inputs; the first part is the recipe's own version, raised when its `fill` changes."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def server_files() -> Iterator[Path]:
    """Source files of the TF Serving stand-in, in a stable order."""
    yield from sorted(SERVER_SOURCES.glob("*.py"))


def _fill_pause(root: Path, container: str) -> None:
    copy = ("copy", "--from", BASE_REFERENCE, container, "/bin/busybox", "/busybox")
    buildah.run("copying busybox", buildah.command(*copy))
    _mount_points(root)


def _fill_prometheus(root: Path, _container: str) -> None:
    (root / "bin").mkdir()
    shutil.copy(tools.PROMETHEUS.destination() / "bin" / "prometheus", root / "bin")
    _mount_points(root)


def _mount_points(root: Path) -> None:
    """What runc mounts; it must exist where the root file system is read-only."""
    for directory in ("proc", "sys", "dev", "tmp", "etc"):
        (root / directory).mkdir(exist_ok=True)


def _fill_serving(root: Path, container: str) -> None:
    target = root / SERVER_DIRECTORY
    target.mkdir(parents=True)
    for source in server_files():
        shutil.copyfile(source, target / source.name)
    command = root / SERVER_COMMAND
    command.write_text(
        "#!/usr/bin/python3\n"
        "import sys\n"
        f'sys.path.insert(0, "/{Path(SERVER_DIRECTORY).parent}")\n'
        "from model_server.main import main\n"
        "sys.exit(main(sys.argv))\n"
    )
    command.chmod(0o755)
    compileall = ["python3", "-m", "compileall", "-q", "--invalidation-mode=unchecked-hash", f"/{SERVER_DIRECTORY}"]
    buildah.run("compiling Python files", buildah.command("run", "--isolation=chroot", container, "--", *compileall))
