"""The first process of a training container, `python3 -m training.train`: checks its environment, starts the watcher.

It needs nothing but the standard library, so it is there within a tenth of a second.
"""

import os
import sys
import tempfile
from pathlib import Path

from contract.ending import ending
from contract.run import ALIVE_FILE, RunEnvironment
from training.watcher import watch


def main() -> None:
    """Run as the variables say, and end the process with a code and a last line of contract.exits."""
    with ending("the training run") as step:
        run = RunEnvironment.from_env(os.environ)
        step.what = f"training {run.model} version {run.version}"
        directory = Path(tempfile.gettempdir()) / Path(ALIVE_FILE).parent.name
        watch(run, step.what, [sys.executable, "-m", "training.child"], directory)


if __name__ == "__main__":
    main()
