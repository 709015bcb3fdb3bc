"""`best.json`: what a finished sweep found, and whether it beats the arguments as they are declared."""

import json
import math
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from contract.document import fields_of
from contract.files import flush_one
from contract.run import RunDefinition, RunError, Scalar
from contract.sweep import METRICS

RESULT: Final = "best.json"
SCHEMA_VERSION: Final = 1


class ResultError(ValueError):
    """A sweep's result is not valid; the message names the key."""


@dataclass(frozen=True, kw_only=True)
class TrialResult:
    """A trial that ran to its end."""

    trial: int
    """Number in the journal, from 0. Attempts that were cut off have numbers of their own, so it can exceed the
    slots."""

    slot: int
    value: float
    """Of the sweep's metric after the last epoch, on the validation part."""

    parameters: Mapping[str, Scalar]
    """Values of the arguments that the sweep varies."""

    def words(self) -> dict[str, object]:
        """As plain values."""
        return {
            "trial": self.trial,
            "slot": self.slot,
            "value": self.value,
            "parameters": {name: self.parameters[name] for name in sorted(self.parameters)},
        }


@dataclass(frozen=True, kw_only=True)
class SweepResult:
    """What came of a sweep once every slot was done."""

    sweep: str
    model: str
    metric: str
    """One of contract.sweep.METRICS."""

    definition: RunDefinition
    """What every trial began with."""

    complete: int
    """Trials that ran to their end."""

    pruned: int
    """Trials ended early because others did better."""

    failed: Mapping[int, str]
    """Reasons of the trials that gave no value, by slot."""

    lost: int
    """Attempts that ended with their pod and were run again."""

    declared: TrialResult | None
    """Slot 0: the arguments as declared. None if it failed."""

    best: TrialResult | None
    """None if no trial ran to its end."""

    @property
    def beats_declared(self) -> bool:
        """Whether the best trial is better than the declared arguments, on the validation part.

        The best of many noisy values is a flattering one: a version trained with it shows on the test part what it
        is worth.
        """
        if self.best is None or self.declared is None:
            return False
        ahead = self.best.value - self.declared.value
        return ahead > 0 if METRICS[self.metric] == "maximize" else ahead < 0

    def text(self) -> str:
        """As JSON, indented for people; the same trials give the same text."""
        return json.dumps(self._words(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    def message(self) -> str:
        """As JSON in one line, for the status of the pods; the reasons of failed trials are left out."""
        words = {**self._words(), "failed": dict.fromkeys(map(str, sorted(self.failed)), "")}
        return json.dumps(words, separators=(",", ":"), ensure_ascii=False, allow_nan=False)

    def _words(self) -> dict[str, object]:
        return {
            "schemaVersion": SCHEMA_VERSION,
            "sweep": self.sweep,
            "model": self.model,
            "metric": self.metric,
            "direction": METRICS[self.metric],
            "beatsDeclared": self.beats_declared,
            "best": self.best and self.best.words(),
            "declared": self.declared and self.declared.words(),
            "complete": self.complete,
            "pruned": self.pruned,
            "failed": {str(slot): self.failed[slot] for slot in sorted(self.failed)},
            "lost": self.lost,
            "definition": self.definition.words(),
        }

    @classmethod
    def parse(cls, text: bytes | str) -> "SweepResult":
        """Read a result.

        Raises:
            ResultError: Not JSON, another schema, or a key missing or of a wrong type.
        """
        try:
            fields = fields_of(text, SCHEMA_VERSION)
        except ValueError as error:
            raise ResultError(str(error)) from None
        try:
            definition = RunDefinition.of(fields.get("definition"))
        except RunError as error:
            raise ResultError(f"definition: {error}") from None
        metric = _text(fields, "metric")
        if metric not in METRICS:
            raise ResultError(f"metric is {metric!r}: must be one of {', '.join(METRICS)}")
        return cls(
            sweep=_text(fields, "sweep"),
            model=_text(fields, "model"),
            metric=metric,
            definition=definition,
            complete=_whole(fields, "complete"),
            pruned=_whole(fields, "pruned"),
            failed=_failed(fields),
            lost=_whole(fields, "lost"),
            declared=_trial(fields, "declared"),
            best=_trial(fields, "best"),
        )


def write_result(directory: Path, result: SweepResult) -> bool:
    """Write the result as a whole, unless it is there already.

    Returns:
        Whether this call wrote it; of two at the same time both may, with the same text.

    Raises:
        OSError: It could not be written; nothing of it is left.
    """
    target = directory / RESULT
    if target.exists():
        return False
    # Not the process id: the first process of every pod has the same.
    temporary = directory / f".tmp-{RESULT}-{secrets.token_hex(4)}"
    try:
        temporary.write_text(result.text(), encoding="utf-8")
        flush_one(temporary)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    flush_one(directory)
    return True


def _text(fields: Mapping[str, object], key: str) -> str:
    value = fields.get(key)
    if not isinstance(value, str):
        raise ResultError(f"{key} is {value!r}: must be a string")
    return value


def _whole(fields: Mapping[str, object], key: str, where: str = "") -> int:
    value = fields.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ResultError(f"{where}{key} is {value!r}: must be a whole number")
    return value


def _failed(fields: Mapping[str, object]) -> dict[int, str]:
    raw = fields.get("failed")
    failed = cast("dict[str, object]", raw) if isinstance(raw, dict) else {"": None}
    if not all(slot.isdecimal() and isinstance(reason, str) for slot, reason in failed.items()):
        raise ResultError(f"failed is {raw!r}: must be an object of reasons by slot")
    return {int(slot): str(reason) for slot, reason in failed.items()}


def _trial(fields: Mapping[str, object], key: str) -> TrialResult | None:
    raw = fields.get(key)
    if raw is None:
        return None
    if not isinstance(raw, dict):
        raise ResultError(f"{key} is {raw!r}: must be an object or null")
    trial = cast("dict[str, object]", raw)
    value, parameters = trial.get("value"), trial.get("parameters")
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise ResultError(f"{key}.value is {value!r}: must be a finite number")
    if not isinstance(parameters, dict):
        raise ResultError(f"{key}.parameters is {parameters!r}: must be an object")
    return TrialResult(
        trial=_whole(trial, "trial", f"{key}."),
        slot=_whole(trial, "slot", f"{key}."),
        value=float(value),
        parameters=cast("dict[str, Scalar]", parameters),
    )
