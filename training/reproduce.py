"""Trains a published version again, beside it: `python3 -m training.reproduce`, the first process of its container.

The store is only read. The second training has a store of its own in the container's temp volume, each worker another,
and is watched like any training. The last line of the chief's log is a `contract.comparison`.
"""

import argparse
import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from contract.comparison import TOLERANCE
from contract.ending import ending
from contract.run import ALIVE_FILE, RunEnvironment
from training.watcher import watch

_BESIDE = "reproduction"


def main() -> None:
    """Run as the variables say, and end the process with a code and a last line of contract.exits."""
    parser = argparse.ArgumentParser(prog="python3 -m training.reproduce", description=__doc__)
    parser.add_argument("--tolerance", type=float, default=TOLERANCE, help="largest difference of a metric")
    tolerance: float = parser.parse_args().tolerance
    with ending("the reproduction") as step:
        run = RunEnvironment.from_env(os.environ)
        step.what = f"reproducing {run.model} version {run.version}"
        temp = Path(tempfile.gettempdir())
        beside = temp / _BESIDE
        beside.mkdir(exist_ok=True)
        command = [sys.executable, "-m", "training.reproduction", str(beside), str(tolerance)]
        watch(replace(run, store=str(beside)), step.what, command, temp / Path(ALIVE_FILE).parent.name)


if __name__ == "__main__":
    main()
