"""The init step of a serving pod: `python3 -m serving.fetch`. The server starts only on a version proved whole.

Without a URL it verifies `<model dir>/<model>/<version>`, which may be read-only. With one it puts the version there:
fetch, compare the digest, unpack, verify, rename. A pod that starts again finds its version and fetches nothing.
"""

import os
import shutil
from pathlib import Path

from contract import store
from contract.ending import ending
from contract.exits import Exit, Failure, on_termination, say
from contract.fetch import OPTIONAL, FetchEnvironment
from contract.manifest import MANIFEST, Manifest
from serving.archive import unpack
from serving.download import download, shown


def main() -> None:
    """Do as the variables say, and end the process with a code and a last line of contract.exits."""
    with ending("the init step") as step:
        wanted = FetchEnvironment.from_env(os.environ)
        step.what = f"{wanted.model} version {wanted.version} cannot be served"
        staging = store.staging_path(Path(wanted.directory), wanted.model, wanted.version)
        on_termination("the init step", lambda: shutil.rmtree(staging, ignore_errors=True))
        say(provide(wanted, staging))


def provide(wanted: FetchEnvironment, staging: Path) -> str:
    """Make sure that the version lies whole in its directory.

    Args:
        wanted: Which version, where, and where from.
        staging: Where to write before the version appears, from `store.staging_path`.

    Returns:
        One line that says what is served.

    Raises:
        Failure: The archive cannot be fetched, or does not hold the version; or the version has no warm-up requests.
        store.StoreError: The version is missing and there is no URL, is damaged, or cannot be read or written.
    """
    directory = Path(wanted.directory)
    target = store.version_dir(directory, wanted.model, wanted.version)
    try:
        manifest = store.verify(target, model=wanted.model, version=wanted.version)
    except store.MissingError as error:
        if not wanted.url:
            raise store.MissingError(f"{error}: {_available(directory, wanted.model)}") from None
        manifest = _fetch(wanted, target, staging)
    except store.DamagedError as error:
        raise store.DamagedError(f"{error}. Serve another version, or restore this one from a backup") from None
    if wanted.needs_warmup and all(entry.path != store.WARMUP for entry in manifest.files):
        raise Failure(
            Exit.STORE,
            f"{target} has no {store.WARMUP}, without which its first requests would wait for what TensorFlow prepares "
            f"when it is first used: train a new version, or set models.{wanted.model}.warmup to {OPTIONAL}",
        )
    size = sum(entry.size for entry in manifest.files)
    return (
        f"{wanted.model} version {wanted.version} is whole: {len(manifest.files)} files, {size / 1e6:.1f} MB, "
        f"trained {manifest.created} by {manifest.image}"
    )


def _available(directory: Path, model: str) -> str:
    versions = store.versions(directory, model)
    if not versions:
        return f"there is no version of {model} yet; train one first"
    return f"the versions of {model} are {', '.join(str(version) for version in versions)}"


def _fetch(wanted: FetchEnvironment, target: Path, staging: Path) -> Manifest:
    try:
        target.parent.mkdir(exist_ok=True)
        store.remove_leftovers(Path(wanted.directory), wanted.model, wanted.version)
        staging.mkdir()
        archive, unpacked = staging / "archive", staging / "unpacked"
        size = download(wanted.url, wanted.sha256, archive)
        say(f"fetched {shown(wanted.url)}: {size / 1e6:.1f} MB with the SHA-256 asked for")
        unpack(archive, unpacked)
        found = _version_in(unpacked)
        try:
            manifest = store.verify(found, model=wanted.model, version=wanted.version)
        except store.DamagedError as error:
            raise Failure(Exit.FETCH, f"the archive does not hold the version: {error}") from None
        found.rename(target)
    except OSError as error:
        raise store.StoreError(f"cannot write to {target.parent}: {error.strerror}") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return manifest


def _version_in(unpacked: Path) -> Path:
    """The version's directory in an archive: its top, or the one directory below that holds a manifest."""
    manifests = sorted(unpacked.rglob(MANIFEST))
    if len(manifests) != 1:
        raise Failure(
            Exit.FETCH,
            f"the archive holds {len(manifests)} files named {MANIFEST}: it must hold one published version",
        )
    return manifests[0].parent


if __name__ == "__main__":
    main()
