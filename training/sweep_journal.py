"""The study of a sweep: Optuna's journal in the store, which all pods append to, and what it says of each slot.

The journal is a file and a lock file beside it, both safe on NFS from version 3 on; there is no server. Trials are
created for a slot, never taken from Optuna's queue: any pod could take them from there.
"""

import hashlib
import os
import random
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Final, cast

import optuna
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial

from contract import store
from contract.exits import Exit, Failure
from contract.run import Scalar
from contract.sweep import SweepDefinition, SweepEnvironment
from contract.sweep_space import Parameter

JOURNAL: Final = "journal.log"

MOST_LOSSES: Final = 3
"""Attempts of one slot that may end with their pod; then it counts as failed. A trial that needs more memory than its
pod has would otherwise be tried until the Job has no retries left, and take the other trials with it."""

# Optuna tells at INFO of each trial; the log of a trial is ours.
optuna.logging.set_verbosity(optuna.logging.WARNING)


class MendingLock(JournalFileOpenLock):
    """Optuna's lock, which also cuts off the half line of a writer that was killed while it wrote.

    Optuna would append to that half line, and nobody could read the journal any more.
    """

    def __init__(self, journal: Path) -> None:
        super().__init__(str(journal))
        self._journal = journal

    def acquire(self) -> bool:
        """Wait for the lock, then mend the journal."""
        super().acquire()
        try:
            _cut_half_line(self._journal)
        except BaseException:
            self.release()
            raise
        return True


class Journal:
    """What all pods of a sweep know of its slots."""

    def __init__(self, sweep: SweepEnvironment) -> None:
        """Open the sweep's journal, or begin it.

        Raises:
            Failure: The sweep was begun with another definition.
            store.StoreError: The journal is damaged, or the store cannot be written.
        """
        self._definition = sweep.definition
        path = sweep.directory / JOURNAL
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._storage = optuna.storages.JournalStorage(JournalFileBackend(str(path), MendingLock(path)))
            self._study = optuna.create_study(
                storage=self._storage,
                study_name=sweep.name,
                load_if_exists=True,
                direction=optuna.study.StudyDirection[sweep.definition.direction.upper()],
                sampler=_sampler(sweep.definition, sweep.slot),
                pruner=_pruner(sweep.definition),
            )
        except OSError as error:
            raise store.unwritable(path, error) from error
        except (ValueError, KeyError, AssertionError) as error:  # what Optuna makes of lines that are none of its own
            raise store.StoreError(
                f"{path} is damaged ({type(error).__name__}: {error}): move {path.parent} away to begin the sweep anew"
            ) from error
        self._study_id = self._storage.get_study_id_from_name(sweep.name)
        self._require_same_definition(path)

    def _require_same_definition(self, path: Path) -> None:
        mine = self._definition.canonical()
        begun_with = self._study.user_attrs.get("definition")
        if begun_with is None:
            self._study.set_user_attr("definition", mine)
        elif begun_with != mine:
            raise Failure(
                Exit.REFUSED,
                f"it was begun with another definition, and its trials would not compare: {path} says {begun_with}, "
                f"asked for is {mine}. Take another name for the sweep, or the definition it was begun with",
            )

    def outcomes(self) -> dict[int, FrozenTrial]:
        """The trial of each slot that is done: complete, pruned, or failed for a reason of its own."""
        outcomes: dict[int, FrozenTrial] = {}
        for trial in self._study.get_trials(deepcopy=False):
            if trial.state.is_finished() and not _is_lost(trial):
                outcomes.setdefault(slot_of(trial), trial)
        return outcomes

    def lost(self) -> int:
        """Attempts that ended with their pod."""
        return sum(_is_lost(trial) for trial in self._study.get_trials(deepcopy=False))

    def close_lost(self, slot: int) -> tuple[list[int], FrozenTrial | None]:
        """Close the attempts that earlier pods of this slot left running; only this slot's pod may.

        Returns:
            The numbers of those closed now, and the slot's outcome if that was one loss too many.
        """
        mine = [trial for trial in self._study.get_trials(deepcopy=False) if slot_of(trial) == slot]
        left = [trial.number for trial in mine if not trial.state.is_finished()]
        losses = sum(_is_lost(trial) for trial in mine) + len(left)
        if left and losses >= MOST_LOSSES:
            reason = f"its pod ended before it did, {losses} times: it may need more memory than the pod has"
            self._storage.set_trial_user_attr(self._id(left[-1]), "reason", reason)
        for number in left:
            self._study.tell(number, state=TrialState.FAIL)
        return left, self.outcomes().get(slot)

    def begin(self, slot: int, declared: Mapping[str, Scalar]) -> tuple[Trial, dict[str, Scalar]]:
        """Begin an attempt at a slot, with the values of an earlier one if there was any.

        Args:
            slot: Neither done nor running.
            declared: Values of the varied arguments as declared, for slot 0.

        Returns:
            The attempt, and the values it tries.
        """
        space = self._definition.space
        fixed: Mapping[str, Scalar] = {}
        outside = False
        if slot == 0:
            fixed = declared
            # Optuna takes no values outside of its ranges; such a trial is there to compare with, not to learn from.
            outside = not all(space[name].holds(value) for name, value in declared.items())
        elif self._definition.sampler == "grid":
            fixed = grid_point(self._definition, slot)
        else:
            for trial in self._study.get_trials(deepcopy=False):
                if slot_of(trial) == slot:
                    given = cast("dict[str, Scalar]", trial.system_attrs.get("fixed_params", {}))
                    fixed = {**given, **trial.params}
        attributes: dict[str, object] = {"slot": slot, **({"parameters": dict(declared)} if outside else {})}
        template = create_trial(
            state=TrialState.RUNNING,
            user_attrs=attributes,
            system_attrs={} if outside else {"fixed_params": dict(fixed)},
        )
        trial = Trial(self._study, self._storage.create_new_trial(self._study_id, template))
        if outside:
            return trial, dict(declared)
        return trial, {name: _suggest(trial, name, space[name]) for name in sorted(space)}

    def twin(self, number: int, parameters: Mapping[str, Scalar]) -> FrozenTrial | None:
        """An earlier trial that ran to its end with the same values; a second one would give the same result."""
        for trial in self._study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
            if trial.number != number and parameters_of(trial) == dict(parameters):
                return trial
        return None

    def end(self, trial: Trial, state: TrialState, *, value: float | None = None, reason: str = "") -> None:
        """Close an attempt of one's own.

        Raises:
            optuna.exceptions.UpdateFinishedTrialError: Another pod of the slot has closed it.
        """
        if reason:
            trial.set_user_attr("reason", reason)
        values = None if value is None else [value]
        self._storage.set_trial_state_values(self._id(trial.number), state, values)

    def _id(self, number: int) -> int:
        return self._storage.get_trial_id_from_study_id_trial_number(self._study_id, number)


def slot_of(trial: FrozenTrial) -> int:
    """The slot that an attempt belongs to."""
    return int(trial.user_attrs["slot"])


def parameters_of(trial: FrozenTrial) -> dict[str, Scalar]:
    """The values that an attempt tries."""
    return cast("dict[str, Scalar]", trial.user_attrs.get("parameters", trial.params))


def grid_point(definition: SweepDefinition, slot: int) -> dict[str, Scalar]:
    """The values of a slot from 1 on: every point once, in an order that the seed shuffles.

    Optuna's own GridSampler deals points out by trial numbers, so that attempts lost with their pods leave gaps, and
    two pods can hold the same one.
    """
    names = sorted(definition.space)
    counts = [definition.space[name].count() or 1 for name in names]  # a grid without countable values is refused
    order = random.Random(definition.base.seed).sample(range(prod(counts)), definition.trials - 1)  # noqa: S311 - an order, no secret
    rest, point = order[slot - 1], dict[str, Scalar]()
    for name, count in zip(names, counts, strict=True):
        rest, index = divmod(rest, count)
        point[name] = definition.space[name].value(index)
    return point


def _is_lost(trial: FrozenTrial) -> bool:
    return trial.state == TrialState.FAIL and "reason" not in trial.user_attrs


def _sampler(definition: SweepDefinition, slot: int) -> optuna.samplers.BaseSampler:
    """Seeded by slot.

    `random` gives a slot the same values whichever pod comes first; `tpe` learns from what is done by then, so its
    later values depend on the order.
    """
    text = f"{definition.base.seed}/{slot}".encode()
    seed = int.from_bytes(hashlib.sha256(text).digest()[:4], "big")
    if definition.sampler == "tpe":
        # Optuna begins with 10 random trials; in a short sweep nothing would be left to learn.
        return optuna.samplers.TPESampler(seed=seed, n_startup_trials=min(10, max(2, definition.trials // 3)))
    return optuna.samplers.RandomSampler(seed=seed)


def _pruner(definition: SweepDefinition) -> optuna.pruners.BasePruner:
    if definition.pruner == "median":
        # Optuna's 5 complete trials before anything is pruned, fewer in a short sweep; nobody is judged by one epoch.
        return optuna.pruners.MedianPruner(n_startup_trials=min(5, max(2, definition.trials // 4)), n_warmup_steps=2)
    return optuna.pruners.NopPruner()


def _suggest(trial: Trial, name: str, values: Parameter) -> Scalar:
    if values.type == "categorical":
        return cast("Scalar", trial.suggest_categorical(name, values.choices))
    if values.type == "int":
        return trial.suggest_int(name, int(values.low), int(values.high), step=int(values.step or 1), log=values.log)
    return trial.suggest_float(name, values.low, values.high, step=values.step, log=values.log)


def _cut_half_line(journal: Path) -> None:
    with journal.open("rb+") as file:
        size = file.seek(0, os.SEEK_END)
        if not size:
            return
        file.seek(size - 1)
        if file.read(1) == b"\n":
            return
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)
