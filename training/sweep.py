"""One trial of a sweep: `python3 -m training.sweep`, told what to do by the variables of contract/sweep.py.

The pod of index i runs slot i. A slot that is done is never run again; an attempt that was cut off is run again with
the same values. Whoever finds every slot done writes the sweep's result.
"""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import optuna
from optuna.trial import FrozenTrial, TrialState

from contract import store
from contract.ending import ending
from contract.exits import MESSAGE_FILE, Exit, Failure, leave_message, on_termination, say
from contract.run import Scalar
from contract.sweep import SweepEnvironment
from contract.sweep_result import RESULT, ResultError, SweepResult, TrialResult, write_result
from training.sweep_journal import Journal, parameters_of, slot_of
from training.sweep_objective import Objective, declared, train_once


def main() -> None:
    """Run as the variables say, and end the process with a code and a last line of contract.exits."""
    with ending("the sweep's trial") as step:
        sweep = SweepEnvironment.from_env(os.environ)
        step.what = f"slot {sweep.slot} of sweep {sweep.name}"
        on_termination(step.what, lambda: None)  # the journal has whole lines at all times
        say(run_slot(sweep, train_once))
        tell_result(sweep)


def run_slot(sweep: SweepEnvironment, objective: Objective) -> str:
    """Run the sweep's slot unless it is done, and conclude the sweep if that was the last one.

    Args:
        sweep: What to do.
        objective: Trains once and reports.

    Returns:
        One line that says where the sweep stands.

    Raises:
        Failure: The definition is wrong, is not the one the sweep was begun with, no trial of the whole sweep has a
            value, or another pod took the slot over.
        store.StoreError: The store cannot be read or written.
    """
    values = declared(sweep)
    store.require_writable(Path(sweep.store), sweep.model)
    journal = Journal(sweep)
    outcome = journal.outcomes().get(sweep.slot)
    if outcome is None:
        closed, outcome = journal.close_lost(sweep.slot)
        for number in closed:
            say(f"trial {number} was cut off with its pod: closed")
    if outcome is not None:
        say(f"slot {sweep.slot} is done already, as trial {outcome.number}: {_told(outcome)}; nothing to train")
    else:
        try:
            say(_run_trial(sweep, journal, values, objective))
        except optuna.exceptions.UpdateFinishedTrialError as error:
            raise Failure(Exit.REFUSED, "another pod has taken the slot over; its trial counts") from error
    return _conclude(sweep, journal)


def tell_result(sweep: SweepEnvironment, file: Path = MESSAGE_FILE) -> None:
    """Leave the sweep's result, once there is one, in the pod's status, where the program reads it.

    Raises:
        Failure: The result in the store is damaged.
    """
    path = sweep.directory / RESULT
    if not path.exists():
        return
    try:
        result = SweepResult.parse(path.read_bytes())
    except ResultError as error:
        raise Failure(Exit.STORE, f"{path} is damaged ({error}): move it away, and it is written anew") from error
    if not leave_message(result.message(), file):
        say(f"the result does not fit into a pod's status, so it will be no output of the stack: it is in {path}")


def _run_trial(sweep: SweepEnvironment, journal: Journal, values: dict[str, Scalar], objective: Objective) -> str:
    trial, parameters = journal.begin(sweep.slot, values)
    name, metric = f"trial {trial.number}", sweep.definition.metric
    role = "the declared arguments" if sweep.slot == 0 else f"sampler {sweep.definition.sampler}"
    say(f"slot {sweep.slot} of {sweep.definition.trials} runs as {name} ({role}): {_words(parameters)}")
    trial.set_user_attr("image", sweep.image)
    if (twin := journal.twin(trial.number, parameters)) is not None:
        trial.set_user_attr("sameAs", twin.number)
        journal.end(trial, TrialState.COMPLETE, value=twin.value)
        return f"{name} has the values of trial {twin.number}: {metric} {twin.value}, not trained again"
    last: list[float] = []

    def report(epoch: int, epochs: int, value: float) -> None:
        last[:] = [value]
        trial.report(value, epoch)
        say(f"{name}, epoch {epoch}/{epochs}: {metric} {value}")
        # The declared arguments are what all others are compared with, and after the last epoch nothing is saved.
        if sweep.slot > 0 and epoch < epochs and trial.should_prune():
            raise optuna.TrialPruned

    base = sweep.definition.base
    try:
        objective(sweep, replace(base, args={**base.args, **parameters}), report)
    except optuna.TrialPruned:
        journal.end(trial, TrialState.PRUNED, value=last[0])
        return f"{name} was pruned: at this epoch it is behind the median of the complete trials"
    except Failure as error:
        if error.code != Exit.BAD_INPUT:
            raise  # the environment is to blame: the attempt is run again
        journal.end(trial, TrialState.FAIL, reason=str(error))
        return f"{name} failed: {error}"
    journal.end(trial, TrialState.COMPLETE, value=last[0])
    return f"{name} is complete: {metric} {last[0]}"


def _conclude(sweep: SweepEnvironment, journal: Journal) -> str:
    outcomes = journal.outcomes()
    trials = sweep.definition.trials
    if len(outcomes) < trials:
        return f"{len(outcomes)} of {trials} slots of sweep {sweep.name} are done; the last one writes {RESULT}"
    result = _result(sweep, outcomes, journal.lost())
    write_result(sweep.directory, result)
    counts = f"{result.complete} complete, {result.pruned} pruned, {len(result.failed)} failed"
    if result.best is None:
        reasons = "; ".join(dict.fromkeys(result.failed.values()))
        raise Failure(Exit.BAD_INPUT, f"no trial of the sweep has a value ({counts}): {reasons}")
    return f"sweep {sweep.name} is done ({counts}): {_verdict(result, result.best)}; {sweep.directory / RESULT}"


def _result(sweep: SweepEnvironment, outcomes: dict[int, FrozenTrial], lost: int) -> SweepResult:
    complete = [trial for _, trial in sorted(outcomes.items()) if trial.state == TrialState.COMPLETE]
    sign = -1 if sweep.definition.direction == "maximize" else 1
    # Of equal values the one of the lowest slot, so that a tie never beats the declared arguments.
    best = min(complete, key=lambda trial: sign * _value(trial), default=None)
    return SweepResult(
        sweep=sweep.name,
        model=sweep.model,
        metric=sweep.definition.metric,
        definition=sweep.definition.base,
        complete=len(complete),
        pruned=sum(trial.state == TrialState.PRUNED for trial in outcomes.values()),
        failed={
            slot: str(trial.user_attrs["reason"]) for slot, trial in outcomes.items() if trial.state == TrialState.FAIL
        },
        lost=lost,
        declared=next((_trial_result(trial) for trial in complete if slot_of(trial) == 0), None),
        best=best and _trial_result(best),
    )


def _trial_result(trial: FrozenTrial) -> TrialResult:
    return TrialResult(trial=trial.number, slot=slot_of(trial), value=_value(trial), parameters=parameters_of(trial))


def _verdict(result: SweepResult, best: TrialResult) -> str:
    if result.declared is None:
        return f"the declared arguments failed; best is {result.metric} {best.value} with {_words(best.parameters)}"
    if not result.beats_declared:
        return f"no trial beats the declared arguments' {result.metric} {result.declared.value}"
    return (
        f"{_words(best.parameters)} beats the declared arguments: "
        f"{result.metric} {best.value} against {result.declared.value}"
    )


def _value(trial: FrozenTrial) -> float:
    assert trial.value is not None  # a complete trial has one
    return trial.value


def _told(trial: FrozenTrial) -> str:
    if trial.state == TrialState.FAIL:
        return f"failed, {trial.user_attrs['reason']}"
    return f"{trial.state.name.lower()} with {trial.value}"


def _words(parameters: Mapping[str, Scalar]) -> str:
    return ", ".join(f"{name} {value}" for name, value in parameters.items())


if __name__ == "__main__":
    main()
