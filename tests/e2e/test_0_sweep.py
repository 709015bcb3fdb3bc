"""The protocol of a sweep, with an objective that costs nothing: every slot once, whatever is killed when."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import optuna
import pytest
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial

from contract import store
from contract.exits import Exit, Failure
from contract.run import RunDefinition
from contract.sweep import SweepDefinition, SweepEnvironment
from contract.sweep_result import RESULT, SweepResult
from contract.sweep_space import space_of
from training.sweep import run_slot, tell_result
from training.sweep_journal import JOURNAL, MOST_LOSSES, Journal, grid_point, parameters_of, slot_of
from training.sweep_objective import Report, declared, train_once

SPACE = space_of(
    {
        "learningRate": {"type": "float", "low": 0.0005, "high": 0.05, "log": True},
        "batchSize": {"type": "int", "low": 16, "high": 128, "step": 16},
    }
)
BASE = RunDefinition(args={"epochs": 4}, seed=7)


class Killed(BaseException):
    """Stands in for SIGKILL: nothing in the code under test may catch it."""


class Trainer:
    """Rewards learning rates near 0.01, and remembers what it was asked to train."""

    def __init__(self, at: Callable[[int, RunDefinition], None] = lambda epoch, definition: None) -> None:
        self.asked: list[dict[str, object]] = []
        self.finished: list[dict[str, object]] = []
        self._at = at

    def __call__(self, sweep: SweepEnvironment, definition: RunDefinition, report: Report) -> None:
        self.asked.append(dict(definition.args))
        rate = float(definition.args.get("learningRate", 0.002))
        for epoch in range(1, 5):
            self._at(epoch, definition)
            report(epoch, 4, round(0.9 - 0.1 * abs(math.log10(rate) + 2) + 0.01 * epoch, 6))
        self.finished.append(dict(definition.args))


def killer(epoch: int) -> Callable[[int, RunDefinition], None]:
    def at(now: int, definition: RunDefinition) -> None:
        if now == epoch:
            raise Killed

    return at


def sweep_in(root: Path, **changes: object) -> SweepEnvironment:
    definition = replace(SweepDefinition(base=BASE, space=SPACE, trials=4, sampler="random"), **changes)  # pyright: ignore[reportArgumentType]  changes of any field
    return SweepEnvironment(name="lr", model="digits", definition=definition, gpu_mode="pretend", store=str(root))


def run_all(sweep: SweepEnvironment, trainer: Trainer, order: range | list[int] | None = None) -> str:
    line = ""
    for slot in order or range(sweep.definition.trials):
        line = run_slot(replace(sweep, slot=slot), trainer)
    return line


def killed(sweep: SweepEnvironment, slot: int, epoch: int = 2) -> None:
    with pytest.raises(Killed):
        run_slot(replace(sweep, slot=slot), Trainer(killer(epoch)))


def trials(sweep: SweepEnvironment) -> list[FrozenTrial]:
    backend = JournalFileBackend(str(sweep.directory / JOURNAL))
    return optuna.load_study(study_name="lr", storage=optuna.storages.JournalStorage(backend)).trials


def result(sweep: SweepEnvironment) -> SweepResult:
    return SweepResult.parse((sweep.directory / RESULT).read_bytes())


def test_every_slot_has_one_trial_and_the_last_one_writes_the_result(tmp_path: Path) -> None:
    sweep, trainer = sweep_in(tmp_path), Trainer()
    assert run_all(sweep, trainer, [2, 0, 3]) == "3 of 4 slots of sweep lr are done; the last one writes best.json"
    assert not (sweep.directory / RESULT).exists()
    line = run_all(sweep, trainer, [1])
    assert line.startswith("sweep lr is done (4 complete, 0 pruned, 0 failed): ")
    assert sorted(slot_of(trial) for trial in trials(sweep)) == [0, 1, 2, 3]
    assert result(sweep).complete == 4


def test_slot_0_runs_the_declared_arguments_and_what_is_not_declared_as_the_training_has_it(tmp_path: Path) -> None:
    sweep = sweep_in(tmp_path, base=replace(BASE, args={"epochs": 4, "batchSize": 32}))
    run_all(sweep, trainer := Trainer(), [0])
    assert trainer.asked == [{"epochs": 4, "batchSize": 32, "learningRate": 0.002}]


def test_arguments_that_are_not_varied_stay_as_declared(tmp_path: Path) -> None:
    run_all(sweep_in(tmp_path), trainer := Trainer())
    assert {args["epochs"] for args in trainer.asked} == {4}


def test_a_done_slot_is_never_run_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep = sweep_in(tmp_path)
    run_all(sweep, Trainer(), [1])
    again = Trainer()
    run_all(sweep, again, [1])
    assert not again.asked
    assert "slot 1 is done already, as trial 0: complete with" in capsys.readouterr().out
    assert len(trials(sweep)) == 1


def test_a_killed_trial_is_closed_and_run_again_with_the_same_values(tmp_path: Path) -> None:
    sweep, trainer = sweep_in(tmp_path, sampler="tpe"), Trainer()
    run_all(sweep, trainer, [0, 2])
    killed(sweep, 1)
    run_all(sweep, trainer, [3])  # what a sampler learns in between changes nothing
    run_all(sweep, trainer, [1])
    cut, again = (trial for trial in trials(sweep) if slot_of(trial) == 1)
    assert (cut.state.name, again.state.name) == ("FAIL", "COMPLETE")
    assert cut.params == again.params
    assert len(trainer.finished) == 4
    assert (result(sweep).complete, result(sweep).lost) == (4, 1)


def test_a_pod_killed_before_it_wrote_the_result_is_made_up_for(tmp_path: Path) -> None:
    sweep = sweep_in(tmp_path)
    run_all(sweep, Trainer())
    written = (sweep.directory / RESULT).read_text()
    (sweep.directory / RESULT).unlink()
    run_all(sweep, again := Trainer(), [2])
    assert not again.asked
    assert (sweep.directory / RESULT).read_text() == written


def test_a_pod_tells_the_result_once_there_is_one(tmp_path: Path) -> None:
    sweep, file = sweep_in(tmp_path), tmp_path / "termination-log"
    file.touch()
    run_all(sweep, Trainer(), [0, 1, 2])
    tell_result(sweep, file)
    assert not file.read_text()
    run_all(sweep, Trainer(), [3])
    tell_result(sweep, file)
    assert SweepResult.parse(file.read_text()) == result(sweep)


def test_a_damaged_result_is_said_to_be_one(tmp_path: Path) -> None:
    sweep = sweep_in(tmp_path)
    run_all(sweep, Trainer())
    (sweep.directory / RESULT).write_text("{")
    with pytest.raises(Failure, match=r"best\.json is damaged .*move it away, and it is written anew"):
        tell_result(sweep, tmp_path / "termination-log")


def test_a_slot_whose_pods_keep_being_killed_fails_and_leaves_the_sweep_alone(tmp_path: Path) -> None:
    sweep = sweep_in(tmp_path)
    for _ in range(MOST_LOSSES):
        killed(sweep, 1)
    run_all(sweep, trainer := Trainer())
    assert len(trainer.asked) == 3
    assert "its pod ended before it did, 3 times" in result(sweep).failed[1]


def test_random_values_do_not_depend_on_which_pod_comes_first(tmp_path: Path) -> None:
    values: list[dict[int, object]] = []
    for name, order in (("a", [0, 1, 2, 3]), ("b", [3, 2, 1, 0])):
        (tmp_path / name).mkdir()
        sweep = sweep_in(tmp_path / name)
        run_all(sweep, Trainer(), order)
        values.append({slot_of(trial): trial.params for trial in trials(sweep)})
    assert values[0] == values[1]


def test_a_grid_takes_every_point_once_whatever_is_killed(tmp_path: Path) -> None:
    space = space_of(
        {
            "batchSize": {"type": "categorical", "choices": [16, 32, 64]},
            "learningRate": {"type": "float", "low": 0.01, "high": 0.02, "step": 0.01},
        }
    )
    sweep = sweep_in(tmp_path, space=space, trials=7, sampler="grid")
    killed(sweep, 3)
    run_all(sweep, trainer := Trainer(), [6, 5, 4, 3, 2, 1, 0])
    points = {(args["batchSize"], args["learningRate"]) for args in trainer.finished}
    assert len(trainer.finished) == 7
    assert points == {(64, 0.002)} | {(size, rate) for size in (16, 32, 64) for rate in (0.01, 0.02)}


def test_declared_values_outside_of_the_space_are_compared_with_all_the_same(tmp_path: Path) -> None:
    space = space_of({"learningRate": {"type": "categorical", "choices": [0.01, 0.02]}})
    sweep = sweep_in(tmp_path, space=space, sampler="tpe", trials=3)
    run_all(sweep, Trainer())
    found = result(sweep).declared
    assert found is not None
    assert found.parameters == {"learningRate": 0.002}


def test_the_values_of_a_complete_trial_are_not_trained_a_second_time(tmp_path: Path) -> None:
    space = space_of({"learningRate": {"type": "categorical", "choices": [0.01, 0.002]}})
    sweep = sweep_in(tmp_path, space=space, sampler="grid", trials=3)
    run_all(sweep, trainer := Trainer())
    assert len(trainer.asked) == 2
    assert result(sweep).complete == 3


def test_the_median_pruner_ends_a_bad_trial_and_never_the_declared_one(tmp_path: Path) -> None:
    space = space_of({"learningRate": {"type": "categorical", "choices": [0.01, 0.011, 0.012, 1.0]}})
    sweep = sweep_in(tmp_path, space=space, sampler="grid", pruner="median", trials=5)
    slot_of_rate = {grid_point(sweep.definition, slot)["learningRate"]: slot for slot in range(1, 5)}
    order = [slot_of_rate[rate] for rate in (0.012, 0.011, 0.01, 1.0)]
    run_all(sweep, trainer := Trainer(), [*order, 0])
    assert [args["learningRate"] for args in trainer.finished] == [0.012, 0.011, 0.01, 0.002]
    assert (result(sweep).complete, result(sweep).pruned) == (4, 1)


def test_a_trial_that_fails_counts_with_its_reason_and_the_sweep_goes_on(tmp_path: Path) -> None:
    sweep = sweep_in(tmp_path)

    def diverge(epoch: int, definition: RunDefinition) -> None:
        if epoch == 2 and definition.args["learningRate"] != 0.002:
            raise Failure(Exit.BAD_INPUT, "the loss is nan in epoch 2")

    line = run_all(sweep, Trainer(diverge))
    assert "(1 complete, 0 pruned, 3 failed): no trial beats the declared arguments'" in line
    assert result(sweep).failed == dict.fromkeys((1, 2, 3), "the loss is nan in epoch 2")


def test_a_sweep_without_any_value_ends_as_a_failure_with_the_reasons(tmp_path: Path) -> None:
    sweep = sweep_in(tmp_path, trials=2)

    def diverge(epoch: int, definition: RunDefinition) -> None:
        raise Failure(Exit.BAD_INPUT, "the loss is nan in epoch 1")

    with pytest.raises(Failure, match=r"no trial of the sweep has a value .*2 failed.*: the loss is nan") as caught:
        run_all(sweep, Trainer(diverge))
    assert caught.value.code == Exit.BAD_INPUT
    assert result(sweep).best is None


def test_a_broken_environment_ends_the_pod_and_the_slot_is_run_again(tmp_path: Path) -> None:
    sweep = sweep_in(tmp_path)

    def no_gpu(epoch: int, definition: RunDefinition) -> None:
        raise Failure(Exit.NO_GPU, "gpus is 1, and TensorFlow sees 0")

    with pytest.raises(Failure) as caught:
        run_all(sweep, Trainer(no_gpu), [1])
    assert caught.value.code == Exit.NO_GPU
    run_all(sweep, trainer := Trainer(), [1])
    assert len(trainer.finished) == 1


def test_the_verdict_says_what_beats_the_declared_arguments(tmp_path: Path) -> None:
    space = space_of({"learningRate": {"type": "categorical", "choices": [0.01, 0.04]}})
    line = run_all(sweep_in(tmp_path, space=space, sampler="grid", trials=3), Trainer())
    assert "learningRate 0.01 beats the declared arguments: validationAccuracy 0.94 against 0.870103" in line


def test_a_smaller_loss_is_the_better_one(tmp_path: Path) -> None:
    sweep = sweep_in(tmp_path, metric="validationLoss")
    run_all(sweep, Trainer())
    best = result(sweep).best
    assert best is not None
    assert best.value == min(trial.value for trial in trials(sweep) if trial.value is not None)


def test_a_pod_whose_slot_was_taken_over_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    sweep = sweep_in(tmp_path)

    def taken_over(epoch: int, definition: RunDefinition) -> None:
        if epoch == 3:
            run_all(sweep, Trainer(), [1])

    with pytest.raises(Failure, match="another pod has taken the slot over") as caught:
        run_all(sweep, Trainer(taken_over), [1])
    assert caught.value.code == Exit.REFUSED
    assert [trial.state.name for trial in trials(sweep)] == ["FAIL", "COMPLETE"]


def test_another_definition_under_the_same_name_is_refused(tmp_path: Path) -> None:
    run_all(sweep_in(tmp_path), Trainer(), [0])
    with pytest.raises(Failure, match="begun with another definition") as caught:
        run_all(sweep_in(tmp_path, trials=5), Trainer(), [1])
    assert caught.value.code == Exit.REFUSED


@pytest.mark.parametrize("half", ["{", '{"op_code":7,"worker', '{"op_code":7}'])
def test_the_half_line_of_a_killed_writer_is_cut_off(tmp_path: Path, half: str) -> None:
    sweep = sweep_in(tmp_path)
    run_all(sweep, Trainer(), [0])
    journal = sweep.directory / JOURNAL
    with journal.open("a") as file:
        file.write(half)
    run_all(sweep, Trainer(), [1])
    assert [json.loads(line)["op_code"] for line in journal.read_text().splitlines()]
    assert len(trials(sweep)) == 2


def test_a_damaged_journal_is_said_to_be_one_with_what_to_do(tmp_path: Path) -> None:
    sweep = sweep_in(tmp_path)
    run_all(sweep, Trainer(), [0])
    journal = sweep.directory / JOURNAL
    journal.write_text("no journal\n" + journal.read_text())
    with pytest.raises(store.StoreError, match=r"is damaged .*: move .* away to begin the sweep anew"):
        Journal(sweep)


def test_a_space_the_training_does_not_take_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    space = space_of(
        {
            "learningRate": {"type": "float", "low": 0.01, "high": 2},
            "momentum": {"type": "float", "low": 0, "high": 1},
        }
    )
    with pytest.raises(Failure) as caught:
        run_all(sweep_in(tmp_path, space=space), Trainer(), [0])
    assert caught.value.code == Exit.BAD_INPUT
    assert "args.learningRate is 2.0: must be" in str(caught.value)
    assert "args.momentum is unknown" in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_declared_values_come_from_the_definition_and_then_from_the_training(tmp_path: Path) -> None:
    sweep = sweep_in(tmp_path, base=replace(BASE, args={"batchSize": 48}))
    assert declared(sweep) == {"batchSize": 48, "learningRate": 0.002}


def test_a_real_trial_reports_the_validation_part_after_each_epoch(tmp_path: Path) -> None:
    sweep = sweep_in(tmp_path)
    seen: list[tuple[int, int, float]] = []
    definition = RunDefinition(args={"epochs": 2, "batchSize": 128}, seed=1)
    train_once(sweep, definition, lambda epoch, epochs, value: seen.append((epoch, epochs, value)))
    assert [(epoch, epochs) for epoch, epochs, _ in seen] == [(1, 2), (2, 2)]
    assert 0.3 < seen[-1][2] <= 1


def test_a_batch_larger_than_the_data_is_the_trials_own_fault(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"args\.batchSize is 5000: must be at most") as caught:
        train_once(sweep_in(tmp_path), RunDefinition(args={"batchSize": 5000}), lambda epoch, epochs, value: None)
    assert caught.value.code == Exit.BAD_INPUT


def test_parameters_of_a_trial_outside_of_the_space_are_the_ones_it_tries() -> None:
    trial = optuna.trial.create_trial(value=1.0, user_attrs={"slot": 0, "parameters": {"a": 3}})
    assert parameters_of(trial) == {"a": 3}
