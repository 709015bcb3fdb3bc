"""The training run of a container: `python3 -m training.train`, told what to do by the variables of contract/run.py.

It checks everything before it works, imports TensorFlow only when it will train, and publishes all or nothing.
"""

import os
import shutil
from pathlib import Path

from contract import store
from contract.ending import ending
from contract.exits import Exit, Failure, on_termination, say
from contract.manifest import Manifest
from contract.run import RunEnvironment
from training.arguments import Arguments, parse
from training.data import Digits, load


def main() -> None:
    """Run as the variables say, and end the process with a code and a last line of contract.exits."""
    with ending("the training run") as step:
        run = RunEnvironment.from_env(os.environ)
        step.what = f"training {run.model} version {run.version}"
        staging = store.staging_path(Path(run.store), run.model, run.version)
        on_termination(step.what, lambda: shutil.rmtree(staging, ignore_errors=True))
        say(run_once(run, staging))


def run_once(run: RunEnvironment, staging: Path) -> str:
    """Train and publish the run's version, unless it is published already.

    Args:
        run: What to do.
        staging: Where to write before publishing, from `store.staging_path`.

    Returns:
        One line that says what came of it.

    Raises:
        Failure: Arguments are wrong, the version has another definition, or GPUs are missing; nothing was written.
        store.StoreError: The store cannot be read or written, or the published version is damaged.
    """
    root = Path(run.store)
    name = f"{run.model} version {run.version}"
    if (published := _published(run, root)) is not None:
        accuracy = published.metrics.get("testAccuracy", float("nan"))
        return f"{name} is published already (test accuracy {accuracy:.3f}): nothing to train"
    arguments = parse(run.definition)
    digits = load()
    _require_one_batch(arguments, digits)
    # Takes seconds and a few hundred megabytes, so only a run that trains pays for it.
    from training.work import work  # noqa: PLC0415 - see above

    manifest = work(run, arguments, digits, staging)
    size = sum(entry.size for entry in manifest.files)
    return (
        f"published {name}: test accuracy {manifest.metrics['testAccuracy']:.3f} on {len(digits.test)} digits, "
        f"{len(manifest.files)} files, {size / 1e6:.1f} MB, {store.version_dir(root, run.model, run.version)}"
    )


def _published(run: RunEnvironment, root: Path) -> Manifest | None:
    """The manifest of the version in the store, if it has this run's definition; None if there is no such version."""
    directory = store.version_dir(root, run.model, run.version)
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


def _require_one_batch(arguments: Arguments, digits: Digits) -> None:
    if arguments.batch_size > len(digits.train):
        raise Failure(
            Exit.BAD_INPUT,
            f"the definition is wrong: args.batchSize is {arguments.batch_size}: "
            f"must be at most {len(digits.train)}, the number of examples to train on",
        )


if __name__ == "__main__":
    main()
