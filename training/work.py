"""The work of a training run: train, judge, publish. Importing this module imports TensorFlow."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

from contract import checkpoints, progress, store
from contract.exits import say
from contract.manifest import Manifest
from contract.progress import EpochProgress, Progress
from contract.run import RunEnvironment
from training import gang
from training.arguments import Arguments
from training.beat import PUBLISHING, STARTING, WAITING, Beat
from training.curves import TensorBoardLog
from training.heart import Heart
from training.labelled import write_test_part
from training.loop import Training
from training.model import export
from training.saver import Saver
from training.source import Source
from training.state import State
from training.strategy import Strategy, make_strategy
from training.untyped import tf


def work(
    run: RunEnvironment, arguments: Arguments, source: Source, staging: Path, beat: Beat, *, apart: bool = False
) -> Manifest | None:
    """Train a version and publish it, going on from a checkpoint of the same run if there is one.

    Args:
        run: What to do; the version is not published yet.
        arguments: Of the run's definition, checked.
        source: The data.
        staging: Where to write before publishing.
        beat: Told of everything that goes on.
        apart: Whether each worker has a store of its own, and none sees what the chief publishes.

    Returns:
        The published manifest; None in a worker other than the chief, once the version is published.

    Raises:
        Failure: GPUs are missing, the training diverged, or another worker was lost.
        store.StoreError: The store cannot be written.
    """
    one = _Work(run, arguments, source, beat, apart=apart)
    try:
        return one.run(staging)
    except tf.errors.OpError as error:
        if run.peers and gang.is_loss(error):
            raise gang.lost(error, one.step) from error
        raise


class _Work:
    """One start of a run's training in one worker."""

    def __init__(self, run: RunEnvironment, arguments: Arguments, source: Source, beat: Beat, *, apart: bool) -> None:
        self._run = run
        self._root = Path(run.store)
        self._arguments = arguments
        self._source = source
        self._beat = beat
        self._apart = apart
        self._training: Training | None = None
        self._checkpoints = checkpoints.checkpoints_dir(self._root, run.model, run.version)
        self._progress = progress.progress_path(self._root, run.model, run.version)

    @property
    def step(self) -> int:
        """Steps done."""
        return int(self._training.step) if self._training else 0

    def run(self, staging: Path) -> Manifest | None:
        """Train, and publish if this is the chief."""
        run = self._run
        strategy = self._strategy()
        if run.is_chief:
            store.require_writable(self._root, run.model)
            for leftover in store.remove_leftovers(self._root, run.model, run.version):
                say(f"removed {leftover}, left by an attempt that crashed")
        training = self._training = Training(self._source, self._arguments, strategy, run.definition.seed)
        self._say_start()
        begun = self._agree(training, strategy, self._resumable(training) if run.is_chief else State())
        before = progress.read(self._progress) if run.is_chief else None
        first = self._first_progress(training, begun, before)
        if begun.step:
            say(
                f"resumed at step {begun.step} of {training.steps}, in epoch "
                f"{min(begun.step // training.steps_of_epoch + 1, first.epochs)}/{first.epochs}"
            )
        heart = Heart(
            lambda: int(training.step), begun.history, self._beat, first, self._progress if run.is_chief else None
        )
        heart.tell()
        heart.start()
        self._train(training, begun)
        heart.end()
        if not run.is_chief:
            self._beat.write(WAITING)
            version = store.version_dir(self._root, run.model, run.version)
            gang.wait_for_chief(run.peers[0], begun.step, None if self._apart else version.exists)
            return None
        self._beat.write(PUBLISHING)
        heart.tell(PUBLISHING)
        manifest = self._publish(training, begun, staging)
        checkpoints.remove(self._checkpoints)
        heart.tell("published")
        return manifest

    def _strategy(self) -> Strategy:
        run, deterministic = self._run, self._arguments.deterministic
        if not run.peers:
            return make_strategy(
                run.definition.gpus,
                run.gpu_mode,
                memory_fraction=run.gpu_memory_fraction,
                deterministic=deterministic,
            )
        self._beat.write(WAITING)
        say(f"worker {run.index} of {len(run.peers)} waits for the others")
        strategy = gang.form(run, deterministic=deterministic)
        self._beat.write(STARTING)
        return strategy

    def _say_start(self) -> None:
        run, arguments = self._run, self._arguments
        gpus = run.definition.gpus
        devices = f"{gpus} GPUs (mode {run.gpu_mode})" if gpus else "the CPU"
        if run.peers:
            devices += f" of each of {len(run.peers)} workers, this is worker {run.index}"
        say(
            f"training {run.model} version {run.version}: {arguments.epochs} epochs of "
            f"{self._source.examples['train']} {self._source.noun} in batches of {arguments.batch_size} on {devices}, "
            f"TensorFlow {tf.__version__}"
        )

    def _resumable(self, training: Training) -> State:
        """The state of the newest good checkpoint, or a fresh one."""
        found = checkpoints.newest(self._checkpoints, self._run.definition, self._source.digest)
        for sentence in found.passed_over:
            say(sentence)
        if found.checkpoint is None:
            return State()
        try:
            begun = State.of(found.checkpoint.step, found.checkpoint.state, found.directory)
        except (ValueError, KeyError, TypeError, OSError) as error:
            say(f"checkpoint of step {found.checkpoint.step} is passed over: {type(error).__name__}: {error}")
            return State()
        if begun.step > training.steps or not training.takes(begun.variables):
            say(f"checkpoint of step {begun.step} is passed over: it is of another model than this image's")
            return State()
        return begun

    def _agree(self, training: Training, strategy: Strategy, begun: State) -> State:
        """Go on from the chief's state in every worker."""
        if begun.variables:
            training.set_variables(begun.variables)
        if self._run.peers:
            (step,) = gang.from_chief(strategy, [tf.constant(begun.step, tf.int64)])
            begun.step = int(step)
            if begun.step:
                values = gang.from_chief(strategy, [tf.constant(value) for value in training.variables])
                training.set_variables([value.numpy() for value in values])
        begun.variables = []  # they live in the model now
        return begun

    def _first_progress(self, training: Training, begun: State, before: Progress | None) -> Progress:
        definition = self._run.definition.canonical()
        is_same = before is not None and before.definition == definition and before.phase != "published"
        return Progress(
            definition=definition,
            phase="training",
            step=begun.step,
            steps=training.steps,
            epochs=self._arguments.epochs,
            steps_per_second=0.0,
            restarts=before.restarts + 1 if is_same and before else 0,
            history=tuple(begun.history),
        )

    def _train(self, training: Training, begun: State) -> None:
        if not self._run.is_chief:
            training.run(begun, None, lambda _: None)
            return
        logs = store.logs_dir(self._root, self._run.model, self._run.version)
        if not begun.step:
            shutil.rmtree(logs, ignore_errors=True)  # curves of a crashed attempt would mix with this one's
            checkpoints.remove(self._checkpoints)
        log = TensorBoardLog(logs)

        def report(epoch: EpochProgress) -> None:
            say(
                f"epoch {epoch.epoch}/{self._arguments.epochs}: "
                f"loss {epoch.loss:.4f}, accuracy {epoch.accuracy:.3f}, "
                f"validation accuracy {epoch.validation_accuracy:.3f}, {epoch.seconds:.1f} s"
            )
            log.write(epoch)

        saver = Saver(self._checkpoints, self._run.definition, self._source.digest)
        training.run(begun, lambda now: saver.begin(now, training.variables), report, saver.settle)

    def _publish(self, training: Training, done: State, staging: Path) -> Manifest:
        test, last = training.evaluate("test"), done.history[-1]
        manifest = Manifest(
            model=self._run.model,
            version=self._run.version,
            definition=self._run.definition,
            image=self._run.image,
            data_digest=self._source.digest,
            tensorflow_version=str(tf.__version__),
            created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            metrics={
                "testAccuracy": round(test.accuracy, 6),
                "testLoss": round(test.loss, 6),
                "validationAccuracy": round(last.validation_accuracy, 6),
                "validationLoss": round(last.validation_loss, 6),
                "trainAccuracy": round(last.accuracy, 6),
                "trainLoss": round(last.loss, 6),
                "testExamples": self._source.examples["test"],
                "validationExamples": self._source.examples["validation"],
                "trainExamples": self._source.examples["train"],
                "epochs": len(done.history),
                "seconds": round(done.seconds, 1),
            },
        )

        def write(directory: Path) -> None:
            export(training.model, self._source, directory)
            write_test_part(self._source, directory)

        return store.publish(self._root, manifest, write, staging=staging)
