"""What a version in the store says of itself: `python3 -m training.published`, in an instant and without TensorFlow.

The last line of the log is the version's manifest as one line of JSON, after every byte of the version was compared.
"""

import json
import os
from pathlib import Path

from contract import store
from contract.ending import ending
from contract.exits import say
from contract.manifest import Manifest
from contract.run import RunEnvironment


def main() -> None:
    """Do as the variables say, and end the process with a code and a last line of contract.exits."""
    with ending("the reader of a version") as step:
        run = RunEnvironment.from_env(os.environ)
        step.what = f"{run.model} version {run.version}"
        say(json.dumps(json.loads(whole(run).text()), separators=(",", ":"), ensure_ascii=False))


def whole(run: RunEnvironment) -> Manifest:
    """The manifest of the published version that a run names.

    Raises:
        store.StoreError: There is none, or it is damaged, or cannot be read; the message says what there is.
    """
    root = Path(run.store)
    try:
        return store.verify(store.version_dir(root, run.model, run.version), model=run.model, version=run.version)
    except store.MissingError as error:
        known = ", ".join(map(str, store.versions(root, run.model)))
        there = f"the versions of {run.model} are {known}" if known else f"there is no version of {run.model} yet"
        raise store.MissingError(f"{error}: {there}") from None


if __name__ == "__main__":
    main()
