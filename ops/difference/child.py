"""Records the program of another checkout: run as a command by `ops.difference.base`, in a process of its own.

The recorder is that of this checkout, the program and all it imports (`infra`, `contract`) that of the other one.

Usage: child.py TREE REQUEST ANSWER. REQUEST holds JSON with `stack` and `words`; ANSWER gets JSON with
`resources`, or with `problem` where the program cannot be run.
"""

import dataclasses
import importlib
import json
import runpy
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, cast

OTHERS = ("infra", "contract")
"""Packages that the program brings with it."""


def main(tree: Path, request: Path, answer: Path) -> None:
    """Writes what the program of a tree registers, or why that cannot be said."""
    sys.path[0] = str(Path(__file__).resolve().parents[2])
    recorder = cast("Any", importlib.import_module("ops.recording"))
    for name in [name for name in sys.modules if name.partition(".")[0] in OTHERS]:
        del sys.modules[name]
    sys.path[0] = str(tree)
    asked = json.loads(request.read_text(encoding="utf-8"))

    def program() -> None:
        with _asking_no_cluster():
            runpy.run_path(str(tree / "__main__.py"), run_name="__main__")

    try:
        recording = recorder.run_recorded(
            program, words=asked["words"], stack=asked["stack"], answers=_answers(recorder, asked["words"])
        )
    except Exception as error:  # noqa: BLE001 - the program is somebody's work of another day: whatever it says, is said
        said = {"problem": str(error) or type(error).__name__}
    else:
        said = {"resources": [dataclasses.asdict(resource) for resource in recording.resources]}
    answer.write_text(json.dumps(said, default=sorted), encoding="utf-8")


def _answers(recorder: Any, words: Any) -> object:  # noqa: ANN401 - a module, and JSON
    """The same answers that the recorder gives to the program of its own checkout."""
    answers = recorder.Answers()
    origin = words.get("images", {}).get("training", {}).get("fromStack")
    return dataclasses.replace(answers, stacks={origin: recorder.taken_outputs(origin, answers)}) if origin else answers


def _asking_no_cluster() -> AbstractContextManager[object]:
    """What keeps the program from asking a cluster who it is, where it does."""
    try:
        identity = cast("Any", importlib.import_module("infra.cluster_identity"))
    except ModuleNotFoundError:
        return nullcontext()
    return cast("AbstractContextManager[object]", identity.without_asking())


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:]))
