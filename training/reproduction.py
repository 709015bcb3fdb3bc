"""The second training itself and the comparison: `python3 -m training.reproduction STORE TOLERANCE BEAT_FILE`.

Started by the watcher of `training.reproduce`. Everything that can be refused is, before TensorFlow is imported.
"""

import os
import sys
from dataclasses import replace
from pathlib import Path

from contract import store
from contract.comparison import Comparison
from contract.ending import ending
from contract.exits import Exit, Failure, on_termination, say
from contract.manifest import Manifest
from contract.run import RunEnvironment
from training import source
from training.arguments import parse
from training.beat import STARTING, Beat
from training.child import end_with_parent, ending_of_a_gang, train
from training.published import whole


def main() -> None:
    """Run as the variables say, and end the process with a code and a last line of contract.exits."""
    end_with_parent()
    beside, tolerance, beat_file = sys.argv[1:]
    with ending("the reproduction") as step:
        run = RunEnvironment.from_env(os.environ)
        step.what = f"reproducing {run.model} version {run.version}"
        on_termination(step.what, lambda: None)  # what it leaves behind goes with the container
        beat = Beat(Path(beat_file))
        beat.write(STARTING)
        with ending_of_a_gang():
            comparison = reproduce(run, Path(beside), float(tolerance), beat)
        if comparison is None:
            say(f"worker {run.index} is done; the chief compares")
        else:
            say(comparison.sentence)
            say(comparison.line())


def reproduce(run: RunEnvironment, beside: Path, tolerance: float, beat: Beat | None = None) -> Comparison | None:
    """Train a published version again and compare.

    Args:
        run: With the version's own definition; its store is only read.
        beside: An existing directory that takes the place of the store for the second training.
        tolerance: Largest absolute difference of a metric.
        beat: Where to tell that the training lives.

    Returns:
        The comparison; None in a worker other than the chief.

    Raises:
        Failure: The definition or the data is not the version's, arguments are wrong, GPUs are missing, or another
            worker was lost.
        store.StoreError: There is no such version, it is damaged, or `beside` cannot be written.
    """
    published = whole(run)
    if differences := published.definition.differences(run.definition):
        raise Failure(
            Exit.REFUSED,
            f"it was trained from another definition (published and asked for): {'; '.join(differences)}",
        )
    arguments = parse(run.definition)
    data = source.load(arguments.data, Path(run.store), run.definition.data_version)
    source.require_one_batch(data, arguments)
    if data.digest != published.data_digest:
        raise Failure(
            Exit.REFUSED,
            f"the data {arguments.data} is not the one it was trained on (SHA-256 then and now): "
            f"{published.data_digest[:12]}… and {data.digest[:12]}…. Put the old data back to train it again",
        )
    second = replace(run, store=str(beside))
    again = _trained(second)
    if again is None:
        staging = store.staging_path(beside, run.model, run.version)
        again = train(second, arguments, data, staging, beat or Beat(), apart=True)
    if again is None:
        return None
    from training.weights import compare  # noqa: PLC0415 - imports TensorFlow, which a refusal does without

    weights = compare(_directory(run), _directory(second))
    return Comparison(published=published, again=again, weights=weights, tolerance=tolerance)


def _trained(second: RunEnvironment) -> Manifest | None:
    """What an earlier start of this container has trained already."""
    try:
        return store.verify(_directory(second), model=second.model, version=second.version)
    except store.MissingError:
        return None


def _directory(run: RunEnvironment) -> Path:
    return store.version_dir(Path(run.store), run.model, run.version)


if __name__ == "__main__":
    main()
