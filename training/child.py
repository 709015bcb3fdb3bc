"""The training itself, started by the watcher as `python3 -m training.child BEAT_FILE`.

It checks everything before it works, imports TensorFlow only when it will train, and publishes all or nothing.
"""

import ctypes
import os
import shutil
import signal
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from contract import store
from contract.ending import ending
from contract.exits import Exit, Failure, end, on_termination, say
from contract.manifest import Manifest
from contract.run import RunEnvironment
from training import source
from training.arguments import Arguments, parse
from training.beat import STARTING, Beat
from training.source import Source

_PR_SET_PDEATHSIG = 1
"""Of linux/prctl.h."""


def main() -> None:
    """Run as the variables say, and end the process with a code and a last line of contract.exits."""
    end_with_parent()
    with ending("the training run") as step:
        run = RunEnvironment.from_env(os.environ)
        step.what = f"training {run.model} version {run.version}"
        staging = store.staging_path(Path(run.store), run.model, run.version)
        on_termination(step.what, lambda: shutil.rmtree(staging, ignore_errors=True))
        beat = Beat(Path(sys.argv[1]))
        beat.write(STARTING)
        with ending_of_a_gang():
            say(run_once(run, staging, beat))


@contextmanager
def ending_of_a_gang() -> Generator[None]:
    """Ends the process with PEER_LOST when another worker was lost in the block: no error of this one."""
    try:
        yield
    except Failure as failure:
        if failure.code != Exit.PEER_LOST:
            raise
        say(str(failure))  # the watcher starts it again
        end(Exit.PEER_LOST)


def run_once(run: RunEnvironment, staging: Path, beat: Beat | None = None) -> str:
    """Train and publish the run's version, unless it is published already.

    Args:
        run: What to do.
        staging: Where to write before publishing, from `store.staging_path`.
        beat: Where to tell that the training lives.

    Returns:
        One line that says what came of it.

    Raises:
        Failure: Arguments are wrong, the version has another definition, or GPUs are missing; nothing was written.
            Or another worker was lost.
        store.StoreError: The store cannot be read or written, or the published version is damaged.
    """
    root = Path(run.store)
    name = f"{run.model} version {run.version}"
    if (already := published(run)) is not None:
        accuracy = already.metrics.get("testAccuracy", float("nan"))
        return f"{name} is published already (test accuracy {accuracy:.3f}): nothing to train"
    arguments = parse(run.definition)
    data = source.load(arguments.data, root, run.definition.data_version)
    source.require_one_batch(data, arguments)
    manifest = train(run, arguments, data, staging, beat or Beat())
    if manifest is None:
        return f"{name} is published by worker 0; worker {run.index} is done"
    size = sum(entry.size for entry in manifest.files)
    return (
        f"published {name}: test accuracy {manifest.metrics['testAccuracy']:.3f} on {data.examples['test']} "
        f"{data.noun}, {len(manifest.files)} files, {size / 1e6:.1f} MB, "
        f"{store.version_dir(root, run.model, run.version)}"
    )


def train(
    run: RunEnvironment, arguments: Arguments, data: Source, staging: Path, beat: Beat, *, apart: bool = False
) -> Manifest | None:
    """Import TensorFlow and do what `training.work.work` says."""
    if run.peers:
        # A lost worker is half a screen of TensorFlow's errors; the one line that counts is ours.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Takes seconds and a few hundred megabytes, so only a run that trains pays for it.
    from training.work import work  # noqa: PLC0415 - imports TensorFlow

    return work(run, arguments, data, staging, beat, apart=apart)


def published(run: RunEnvironment) -> Manifest | None:
    """The manifest of the version in the store, if it has this run's definition; None if there is no such version.

    Raises:
        Failure: It has another definition.
        store.StoreError: It cannot be read, or is damaged.
    """
    directory = store.version_dir(Path(run.store), run.model, run.version)
    try:
        manifest = store.verify(directory, model=run.model, version=run.version)
    except store.MissingError:
        return None
    except store.DamagedError as error:
        raise store.DamagedError(f"{error}. Move {directory} away, or train under a new version number") from None
    if differences := manifest.definition.differences(run.definition):
        raise Failure(
            Exit.REFUSED,
            f"it is published with another definition, and a version is never rewritten (published and asked for): "
            f"{'; '.join(differences)}. Take a new version number, or the published definition",
        )
    return manifest


def end_with_parent() -> None:
    """Die with the watcher, also where the death of a container's first process does not see to it."""
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(Exit.TERMINATED)


if __name__ == "__main__":
    main()
